"""The real catalogue, all of it, counted once more: by `re`, `csv` and pandas, in code of its own.

Nothing here but the command line comes from Aisle. The rule for records is line-based: a line that
opens a quote belongs with the lines after it only where the quote is lawfully closed; where it is
not, that one line is broken and the next is read as if it were not there.
"""

from __future__ import annotations

import csv
import html
import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd
import pytest
from chain import CONFIGS, Said, Shop
from unicode_forms import lower_of

ARCHIVE = Path(__file__).parents[2] / "shared" / "data" / "amazon_ads_2019.tar.xz"

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not ARCHIVE.exists(), reason=f"{ARCHIVE} is not there"),
]

FIELD = r'(?:"(?:[^"]++|"")*+"|(?!")[^,\r\n]*+)'
RECORD = re.compile(rf"({FIELD}(?:,{FIELD})*+)(\r\n|\n|\r|\Z)")
LINE = re.compile(r"([^\r\n]*+)(\r\n|\n|\r|\Z)")
UNDECODED = re.compile("[\udc80-\udcff]")
LETTER = re.compile(r"\b[a-zA-Z]\b")
ENTITY = re.compile("&(#[xX]?[0-9A-Fa-f]{1,7}|[A-Za-z][A-Za-z0-9]{1,7});")
TAG = re.compile(
    r"(?i)</?(b|br|p|i|u|em|strong|span|font|sup|sub|small|big|mark|div|li|ul|ol|h[1-6]|a|img|nobr"
    r"|wbr)(\s[^<>]*)?/?>"
)


@dataclass
class Count:
    """What the oracle found: each trusted record's category and cleaned title."""

    records: int = 0
    rejected: int = 0
    categories: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    @cached_property
    def table(self) -> pd.DataFrame:
        """Return a row a trusted record: the number of its title, its category, its main one."""
        frame = pd.DataFrame({"title": pd.factorize(pd.Series(self.titles, dtype=object))[0]})
        frame["full"] = pd.Categorical(self.categories)
        mains = {name: name.partition("_")[0] for name in frame["full"].cat.categories}
        frame["main"] = frame["full"].map(mains)
        return frame


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("amazon")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def oracle(catalogue: Path) -> Count:
    count = Count()
    files = sorted(catalogue.rglob("*.csv"))
    assert len(files) == 524
    for file in files:
        _count_file(file, count)
    return count


@pytest.fixture(scope="module")
def said(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Said]:
    shop = Shop(CONFIGS / "amazon_ads.yaml", tmp_path_factory.mktemp("real") / "out")
    answer = shop("preprocess", "--input", catalogue, run_id="real")
    assert answer.status == 0, answer.err
    return shop, answer


def _count_file(file: Path, count: Count) -> None:
    text = file.read_bytes().decode("utf-8-sig", "surrogateescape")
    header = LINE.match(text)
    assert header is not None
    assert header[1].strip('" \t') in ("ad", "a"), file
    raw: list[str] = []
    for record in _records(text, header.end()):
        count.records += 1
        title = _title(record)
        if title is None:
            count.rejected += 1
        else:
            raw.append(title)
    titles = [title for title in _clean(raw) if title.strip()]
    count.rejected += len(raw) - len(titles)
    count.titles += titles
    count.categories += [_category(file.name)] * len(titles)


def _records(text: str, at: int) -> Iterator[str | None]:
    """Yield each record as it was written; None for a line whose quote is never lawfully closed."""
    while at < len(text):
        found = RECORD.match(text, at)
        if found is None:
            found = LINE.match(text, at)
            assert found is not None
            yield None
        else:
            yield found[1]
        at = found.end()


def _title(record: str | None) -> str | None:
    """Return the one field of a trusted record."""
    if record is None or "\0" in record or UNDECODED.search(record):
        return None
    if '"' not in record and "," not in record:
        return record
    fields = next(csv.reader(io.StringIO(record, newline="")))
    return fields[0] if len(fields) == 1 else None


def _clean(titles: list[str]) -> list[str]:
    """Clean as data/README.md says: lower, `|/`, ` - `, `-`, quotes, trim, letters, spaces.

    Before it HTML is what it shows, and characters are written in one form: of 2,231,974 titles
    seven are others' then.
    """
    cleaned = []
    for title in titles:
        text = lower_of(_shown(title)).replace("|", " ").replace("/", " ").replace(" - ", ", ")
        text = text.replace("-", " ").replace('"', "").strip()
        text = LETTER.sub("", text)
        # `\s+` to one space, edges kept: a lost letter leaves its space behind
        inner = " ".join(text.split())
        before = " " if text[:1].isspace() else ""
        after = " " if inner and text[-1:].isspace() else ""
        cleaned.append(before + inner + after)
    return cleaned


def _shown(title: str) -> str:
    """Return what a browser shows of entities that end as they should, and of tags."""
    if "&" not in title and "<" not in title:
        return title
    title = re.sub("(?i)&amp;(?=#?[a-z0-9]+;)", "&", title)
    return TAG.sub(" ", ENTITY.sub(lambda found: html.unescape(found[0]), title))


def _category(name: str) -> str:
    """Return the category in the notebook's way, from the rules in data/README.md."""
    name = name.removesuffix(".csv").replace("home-kitchen", "home_kitchen")
    name = re.sub(r"industrial_scientific(-tests-measurements)?", "industrial-scientific", name)
    name = re.sub(r"_(computers|smart-home)", r"_electronics_\1", name)
    name = name.replace("fan-shop", "sports-outdoors_fan-shop").replace("aports", "sports")
    return name.removeprefix("amazon_")


def test_records_rejects_and_titles_are_those_of_an_independent_count(
    oracle: Count, said: tuple[Shop, Said]
) -> None:
    figures = said[1].figures
    assert figures["files"] == 524
    assert figures["records"] == oracle.records
    assert figures["rejected"] == oracle.rejected
    assert figures["titles"] == oracle.table["title"].nunique()


def test_every_record_is_accounted_for(said: tuple[Shop, Said]) -> None:
    figures = said[1].figures
    assert figures["records"] == sum(
        figures[what]
        for what in ("examples", "rejected", "duplicates", "dropped_conflicts", "unlabelled")
    )
    assert sum(figures["examples_by_split"].values()) == figures["examples"]
    shares = [
        figures["examples_by_split"][part] / figures["examples"]
        for part in ("train", "valid", "test")
    ]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.002)


@pytest.mark.parametrize("level", ["full", "main"])
def test_records_and_titles_of_each_category_agree(
    level: str, oracle: Count, said: tuple[Shop, Said]
) -> None:
    shop, _ = said
    told = pd.read_csv(f"{shop.at('real').stats}/categories.csv", keep_default_na=False)
    told = told[told["level"] == level].set_index("name")[["records", "titles"]]
    table = oracle.table
    records = table.groupby(level, observed=True).size()
    titles = table.drop_duplicates(["title", level]).groupby(level, observed=True).size()
    found = pd.DataFrame({"records": records, "titles": titles})
    found.index = found.index.astype(told.index.dtype)
    assert len(found) == {"full": 523, "main": 17}[level]
    wrong = told.join(found, rsuffix="_found", how="outer")
    wrong = wrong[(wrong.records != wrong.records_found) | (wrong.titles != wrong.titles_found)]
    assert wrong.empty, wrong.to_string(max_rows=20)


def test_the_titles_that_stand_in_several_main_categories_agree(
    oracle: Count, said: tuple[Shop, Said]
) -> None:
    pairs = oracle.table.drop_duplicates(["title", "main"])
    stands_in = pairs["title"].value_counts()
    assert said[1].figures["conflicting_titles"] == int((stands_in > 1).sum())
