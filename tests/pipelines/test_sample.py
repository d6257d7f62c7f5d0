"""The invented shop: as large and as dirty as asked, and the same at every writing."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs.errors import UsageError
from pipelines import listing, storage
from pipelines.sample import write_catalogue, write_dump

TITLES = 6_000
ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "configs/amazon_ads.yaml").read_text("utf-8"))["categories"]
Catalogue = tuple[Path, dict[str, int]]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("catalogue")
    return folder, write_catalogue(str(folder), titles=TITLES, seed=5)


def contents(folder: Path) -> dict[str, bytes]:
    return {f.relative: storage.read_bytes(f.path) for f in listing.list_files(str(folder))}


def category(path: str) -> str:
    name = Path(path).stem
    for rule in RULES["rename"]:
        name = name.replace(rule["find"], rule["replace"])
    return name.removeprefix(RULES["prefix"])


def records(content: bytes) -> list[list[str]]:
    text = content.decode("utf-8-sig", "surrogateescape")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_the_same_seed_writes_the_same_bytes(catalogue: Catalogue, tmp_path: Path) -> None:
    """Same arguments, same files, byte for byte."""
    assert write_catalogue(str(tmp_path), titles=TITLES, seed=5) == catalogue[1]
    assert contents(tmp_path) == contents(catalogue[0])


def test_another_seed_writes_other_titles(catalogue: Catalogue, tmp_path: Path) -> None:
    """No two seeds are alike, in any file that has more than a handful of records."""
    write_catalogue(str(tmp_path), titles=TITLES, seed=6)
    other = contents(tmp_path)
    for path, content in contents(catalogue[0]).items():
        assert len(content) < 1_000 or content != other[path]


def test_names_resolve_to_525_categories_of_17_mains(catalogue: Catalogue) -> None:
    """Every file is a category of its own, and every rename rule finds a file to rename."""
    paths = list(contents(catalogue[0]))
    categories = {category(path) for path in paths}
    assert len(paths) == len(categories) == catalogue[1]["files"] == 525
    assert len({name.split(RULES["separator"])[0] for name in categories}) == 17
    assert max(name.count(RULES["separator"]) for name in categories) == 3
    for rule in RULES["rename"]:
        assert any(rule["find"] in Path(path).stem for path in paths), rule


def test_records_are_as_many_as_asked(catalogue: Catalogue) -> None:
    """Python's csv finds all records but those that a stray quote swallows."""
    folder, counts = catalogue
    found = sum(len(records(content)) - 1 for content in contents(folder).values())
    assert counts["records"] == TITLES
    assert found == TITLES - counts["swallowed"]


def test_files_are_few_large_and_many_small(catalogue: Catalogue) -> None:
    """Some files have one to six records; a tenth of the files has a third of all."""
    sizes = sorted(content.count(b"\n") - 1 for content in contents(catalogue[0]).values())
    assert sizes[0] == 1
    assert sum(size <= 6 for size in sizes) >= 8
    assert sum(sizes[-52:]) > TITLES / 3


def test_layout_dirt_is_there_as_counted(catalogue: Catalogue) -> None:
    """Line ends, byte order marks and odd headers are on as many files as the counts say."""
    folder, counts = catalogue
    files = contents(folder).values()
    headers = Counter(re.split(rb"\r?\n", c.removeprefix(b"\xef\xbb\xbf"))[0] for c in files)
    assert headers == {b"ad": 523, b"a": counts["short_headers"], b"\tad": counts["tab_headers"]}
    assert sum(c.startswith(b"\xef\xbb\xbf") for c in files) == counts["byte_order_marks"] > 0
    assert sum(c.split(b"\n")[0].endswith(b"\r") for c in files) == counts["crlf_files"] > 0
    assert sum(len(re.findall(rb"\r(?!\n)", c)) for c in files) == counts["lone_cr"] > 0


def test_dirty_titles_are_there_as_counted(catalogue: Catalogue) -> None:
    """Each kind of dirt inside a record is met as often as the counts say."""
    folder, counts = catalogue
    rows = [row for content in contents(folder).values() for row in records(content)[1:]]
    titles = [row[0] for row in rows]
    assert titles.count("") == counts["empty"] > 0
    assert titles.count("\n    \n") == counts["blank"] > 0
    assert sum(len(t) >= 5_000 and not t.strip("\0") for t in titles) == counts["nul"] == 1
    assert sum(len(t) >= 70_000 for t in titles) == counts["huge"] == 1
    assert sum(bool(re.search("[\u0085\u2028]", t)) for t in titles) == counts["odd_separator"] > 0
    assert sum("\udce9" in t for t in titles) == counts["latin_1"] > 0
    assert sum(len(row) > 1 for row in rows) == counts["extra_columns"] + counts["stray_quote"]
    broken = sum("\n" in t.strip() for t in titles) - counts["stray_quote"]
    assert broken == counts["line_break"] > 0


def test_dirt_is_well_under_one_percent(catalogue: Catalogue) -> None:
    """Of the records, fewer than one in a hundred has any dirt."""
    layout = {"files", "records", "crlf_files", "byte_order_marks"}
    assert sum(n for kind, n in catalogue[1].items() if kind not in layout) < TITLES / 100


def test_titles_read_like_a_shops(tmp_path: Path) -> None:
    """Length, odd letters and repeats are those of a real feed, within bounds."""
    write_catalogue(str(tmp_path), titles=20_000)
    mains: dict[str, set[str]] = {}
    titles: list[str] = []
    for path, content in contents(tmp_path).items():
        rows = [row for row in records(content)[1:] if len(row) == 1]
        kept = [row[0].lower() for row in rows if row[0].strip() and len(row[0]) < 1_000]
        titles += kept
        for title in kept:
            mains.setdefault(title, set()).add(category(path).split("_")[0])
    words = [len(title.split()) for title in titles]
    assert 12 <= sum(words) / len(words) <= 14
    assert 3 <= min(words) <= max(words) <= 40
    assert 0.03 < sum(not title.isascii() for title in titles) / len(titles) < 0.06
    assert 0.74 < len(mains) / len(titles) < 0.80
    assert 0.06 < sum(len(names) > 1 for names in mains.values()) / len(mains) < 0.10


def test_too_few_titles_are_refused(tmp_path: Path) -> None:
    """Fewer titles than three per file stop before anything is written."""
    with pytest.raises(UsageError, match=r"titles is 1574, expected at least 1575"):
        write_catalogue(str(tmp_path), titles=1_574)
    assert not list(tmp_path.iterdir())
    assert write_catalogue(str(tmp_path), titles=1_575)["records"] == 1_575


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], dict[str, int]]:
    path = tmp_path_factory.mktemp("dump") / "products.csv"
    counts = write_dump(str(path), rows=2_000, seed=7)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file)), counts


def test_dumps_have_broken_rows_and_repeated_ids(
    dump: tuple[list[dict[str, Any]], dict[str, int]],
) -> None:
    """Columns, missing values and ids that come twice, with another title, are as counted."""
    rows, counts = dump
    assert list(rows[0]) == ["id", "title", "brand"]
    assert len(rows) == counts["rows"] == 2_000
    assert sum(not row["id"] for row in rows) == counts["missing_id"] == 10
    assert sum(not row["title"] for row in rows) == counts["empty_title"] == 10
    ids = Counter(row["id"] for row in rows if row["id"])
    assert sum(n == 2 for n in ids.values()) == counts["repeated_id"] == 20
    titles = {(row["id"], row["title"]) for row in rows if ids[row["id"]] == 2}
    assert len(titles) == 40


def test_dumps_are_deterministic(tmp_path: Path) -> None:
    """The same seed writes the same dump, another seed another."""
    paths = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        write_dump(str(path), rows=300, seed=seed)
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again != other


def test_some_titles_of_a_dump_stand_in_the_catalogue(
    catalogue: Catalogue, dump: tuple[list[dict[str, Any]], dict[str, int]]
) -> None:
    """Best sellers are in every catalogue and every dump; most of a dump is new."""
    known = {row[0] for c in contents(catalogue[0]).values() for row in records(c)[1:] if row}
    rows, counts = dump
    met = sum(row["title"] in known for row in rows)
    assert counts["known_titles"] * 0.8 < met < counts["rows"] / 4
