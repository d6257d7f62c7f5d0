"""Five catalogues of other shapes walk the whole chain by their YAML file alone.

Small cuts of the real data; what they hold is counted once more here, by code of its own.
"""

from __future__ import annotations

import csv
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from chain import CONFIGS, Said, Shop, predictions

DATA = Path(__file__).parents[2] / "shared" / "data"
SMALL = (
    "features.ngrams.buckets=5000",
    "features.tokens.vocabulary_size=500",
    "preprocess.num_shards=2",
    "models.bag_of_ngrams.epochs=1",
    "models.bag_of_ngrams.embedding_width=8",
    "models.bag_of_ngrams.hidden_units=8",
    "models.wide_deep.epochs=1",
    "models.wide_deep.embedding_width=8",
    "models.wide_deep.hidden_units=[8]",
    "evaluation.baselines.rows=1000",
    "dump.num_shards=1",
)
Record = tuple[str, list[str]]


@dataclass(frozen=True)
class Catalogue:
    """A catalogue: which files to cut after how many characters, and what a cut holds.

    `records` gives the title and the full categories of each record; one without a title or a
    category is a reject.
    """

    cuts: dict[str, int]
    begin: str
    records: Callable[[Path], Iterator[Record]]
    dump: str | None = None


def _rows(path: Path, **form: object) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, **form))


def _reviews(root: Path) -> Iterator[Record]:
    for row in _rows(root / "reviews.csv"):
        yield row["Review Text"], [row["Rating"]]


def _sentences(root: Path) -> Iterator[Record]:
    for path in sorted(root.glob("*.txt")):
        for line in path.read_text(encoding="utf-8").removesuffix("\n").split("\n")[1:]:
            sentence, score = line.split("\t")
            yield sentence, [score]


def _groceries(root: Path) -> Iterator[Record]:
    aisles = {row["aisle_id"]: row["aisle"] for row in _rows(root / "aisles.csv")}
    departments = {
        row["department_id"]: row["department"] for row in _rows(root / "departments.csv")
    }
    for row in _rows(root / "products.csv"):
        path = f"{departments[row['department_id']]} > {aisles[row['aisle_id']]}"
        yield row["product_name"], [path]


def _foods(root: Path) -> Iterator[Record]:
    for row in _rows(root / "products.tsv", delimiter="\t", quoting=csv.QUOTE_NONE):
        yield row["product_name"], [tag for tag in row["categories_tags"].split(",") if tag]


def _books(root: Path) -> Iterator[Record]:
    text = (root / "amazon-meta.txt").read_text(encoding="utf-8")
    for record in text.split("Id: ")[1:]:
        title = re.search("^  title: (.*)$", record, re.MULTILINE)
        paths = [
            [re.sub(r"(.)\[\d+\]$", r"\1", part) for part in line.split("|")[1:]]
            for line in record.split("\n")
            if line.startswith("   |")
        ]
        yield title[1] if title else "", ["|".join(path) for path in paths]


CATALOGUES = {
    "clothing_reviews": Catalogue({"reviews.csv": 150_000}, r"\n\d+,\d+,\d\d,", _reviews,
                                  "reviews.csv"),
    "uci_sentiment": Catalogue({"yelp_labelled.txt": 20_000}, "\n", _sentences),
    "instacart": Catalogue({"products.csv": 30_000}, "\n", _groceries),
    "openfoodfacts": Catalogue({"products.tsv": 600_000}, "\n", _foods, "products.tsv"),
    "snap_amazon_meta": Catalogue({"amazon-meta.txt": 400_000}, "\nId: ", _books),
}  # fmt: skip


LONG = ("openfoodfacts",)  # fifteen columns beside the title


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.system if name in LONG else ()) for name in CATALOGUES
    ],
    scope="module",
)
def name(request: pytest.FixtureRequest) -> str:
    if not (DATA / f"{request.param}.tar.xz").exists():
        pytest.skip(f"{DATA / request.param}.tar.xz is not there")
    return request.param


@pytest.fixture(scope="module")
def folder(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the catalogue, its large files cut before the record that crosses the limit."""
    root = tmp_path_factory.mktemp(name)
    with tarfile.open(DATA / f"{name}.tar.xz") as archive:
        archive.extractall(root, filter="data")
    for file, size in CATALOGUES[name].cuts.items():
        path = root / name / file
        text = path.read_bytes().decode()
        begin = re.compile(CATALOGUES[name].begin).search(text, size)
        assert begin is not None
        path.write_bytes(text[: begin.start() + 1].encode())
    return root / name


@pytest.fixture(scope="module")
def ran(name: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Said]:
    shop = Shop(CONFIGS / f"{name}.yaml", tmp_path_factory.mktemp("out"))
    dump = CATALOGUES[name].dump
    options = ("--dump", folder / dump, "--dump-id", "d") if dump else ()
    said = shop("run", "--input", folder, *options, sets=SMALL)
    assert said.status == 0, said.err
    return shop, said


def test_the_chain_runs_and_every_record_is_a_row_or_a_reject(
    name: str, folder: Path, ran: tuple[Shop, Said]
) -> None:
    figures = ran[1].figures["preprocess"]
    records = list(CATALOGUES[name].records(folder))
    whole = [(title, labels) for title, labels in records if title.strip() and labels]
    assert len(whole) > 100
    assert figures["records"] == len(records)
    assert figures["rejected"] == len(records) - len(whole)
    assert figures["records"] == sum(
        figures[what]
        for what in ("examples", "rejected", "duplicates", "dropped_conflicts", "unlabelled")
    )
    assert figures["titles"] <= len({title for title, _ in whole})
    scores = ran[1].figures["evaluate"]
    assert 0 < scores["lrap" if name == "openfoodfacts" else "accuracy"] <= 1
    if CATALOGUES[name].dump:
        labelled = predictions(ran[0].at(), "d").num_rows
        assert labelled == ran[1].figures["predict"]["predictions"] > 100
        assert ran[1].figures["write-labels"]["inserted"] == labelled


def test_each_category_has_the_records_that_it_should(
    name: str, folder: Path, ran: tuple[Shop, Said]
) -> None:
    expected = Counter(
        label
        for title, labels in CATALOGUES[name].records(folder)
        if title.strip()
        for label in dict.fromkeys(labels)
    )
    with Path(ran[0].at().stats, "categories.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["level"] == "full"]
    assert {row["name"]: int(row["records"]) for row in rows} == expected


def test_rejects_keep_the_bytes_of_their_record(
    name: str, folder: Path, ran: tuple[Shop, Said]
) -> None:
    parts = Path(ran[0].at().rejected).glob("*.parquet")
    rejects = [row for part in parts for row in pq.read_table(part).to_pylist()]
    assert len(rejects) == ran[1].figures["preprocess"]["rejected"]
    for reject in rejects:
        content = (folder / reject["source"]).read_bytes()
        assert reject["raw"]
        assert b"".join(content.splitlines(True)[reject["line"] - 1 :]).startswith(reject["raw"])
