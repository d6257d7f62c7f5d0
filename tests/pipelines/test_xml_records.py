"""XML: feeds of products, an element a record."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from pipelines import xml_records
from pipelines.rejects import NO_RECORD
from pipelines.xml_records import TOO_DEEP, xml_objects
from tests.pipelines.reading import TAGS, Row, read
from transforms.csv_records import NOT_DECODABLE, NUL_BYTE, TOO_LONG

# As shops send it to Google (https://support.google.com/merchants/answer/14987622).
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">
<channel>
<title>A shop</title>
<item>
  <g:id>TV_1</g:id><g:title>Tele &amp; more, 50"</g:title>
  <g:product_type>Home &gt; TV</g:product_type>
  <g:shipping><g:country>DE</g:country></g:shipping>
</item>
<item><g:id>2</g:id><g:title><![CDATA[Bib <b>soft</b>]]></g:title>
  <g:product_type>Baby &gt; Bibs</g:product_type><g:product_type>Home</g:product_type></item>
</channel>
</rss>
"""
GOOGLE = {
    "categories": {"source": "columns", "columns": ["g:product_type"], "separator": ">"},
    "columns": {"title": ["g:title"]},
}
ROWS: list[Row] = [
    (1, ["Home>TV"], 'Tele & more, 50"'),
    (2, ["Baby>Bibs", "Home"], "Bib <b>soft</b>"),
]


def rows_of(
    folder: Path,
    content: str | bytes,
    *,
    items: str = "item",
    categories: dict[str, Any] = TAGS,
    **source: Any,
) -> tuple[list[Row], list[tuple[int, str, bytes]]]:
    """Return the rows of a feed, and of its rejects line, reason and bytes."""
    content = content.encode() if isinstance(content, str) else content
    (folder / "shop.xml").write_bytes(content)
    rows, rejects = read(folder, {"format": "xml", "items": items, **source}, categories)
    return rows, [(bad.line, bad.reason, bad.raw) for bad in rejects]


@pytest.mark.parametrize("characters", [1, 7, 1 << 20])
def test_a_feed_of_products(
    tmp_path: Path, characters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_records, "_FEED_CHARS", characters)
    assert rows_of(tmp_path, FEED, **GOOGLE) == (ROWS, [])


def test_attributes_and_inner_elements_are_keys(tmp_path: Path) -> None:
    text = (
        '<shop><offer id="7" group="Toys"><name lang="de">Ball</name>'
        "<in><path>Toys</path></in></offer>"
        '<offer id="8" group="Baby"><name lang="en">Bib</name><in><path>Baby</path></in></offer>'
        "</shop>"
    )
    for column in ("@group", "in.path"):
        categories = {"source": "columns", "columns": [column]}
        found = rows_of(
            tmp_path,
            text,
            items="offer",
            categories=categories,
            columns={"title_join": ["name", "name@lang"]},
        )
        assert found == ([(1, ["Toys"], "Ball de"), (2, ["Baby"], "Bib en")], [])


@pytest.mark.parametrize("encoding", ["windows-1251", "koi8-r", "utf-16", "shift_jis", "gb18030"])
def test_the_declared_encoding_is_taken(tmp_path: Path, encoding: str) -> None:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        "<all><item><title>Кот</title><tags>звери</tags></item></all>"
    )
    assert rows_of(tmp_path, text.encode(encoding)) == ([(1, ["звери"], "Кот")], [])


def test_entities_of_html_are_understood(tmp_path: Path) -> None:
    text = "<all><item><title>Caf&eacute;&nbsp;&amp; &#9749;</title><tags>a</tags></item></all>"
    assert rows_of(tmp_path, text) == ([(1, ["a"], "Café\xa0& ☕")], [])


def test_what_is_no_record_is_a_reject_and_the_next_is_read(tmp_path: Path) -> None:
    titles = [b"Bed", b"B\xffd", b"B\0d", b"x" * 99, b"B\x0bd"]
    records = [b"<item><title>%s</title><tags>a</tags></item>" % title for title in titles]
    rows, rejects = rows_of(tmp_path, b"<all>%s</all>" % b"".join(records), max_record_bytes=60)
    assert rows == [(1, ["a"], "Bed"), (5, ["a"], "B d")]
    assert rejects == [
        (2, NOT_DECODABLE, b'{"title": "B\xffd", "tags": "a"}'),
        (3, NUL_BYTE, b'{"title": "B\0d", "tags": "a"}'),
        (4, TOO_LONG, b""),
    ]


@pytest.mark.parametrize("depth", [100, 3_000, 100_000])
def test_a_record_of_elements_in_elements_is_a_reject_and_the_next_is_read(
    tmp_path: Path, depth: int
) -> None:
    deep = f"<item>{'<in>' * depth}{'</in>' * depth}</item>"
    good = "<item><title>Bed</title><tags>a</tags></item>"
    rows, rejects = rows_of(tmp_path, f"<all>{good}{deep}{good}</all>")
    assert rows == [(1, ["a"], "Bed"), (3, ["a"], "Bed")]
    assert rejects == [(2, TOO_DEEP, b"")]


def test_an_element_of_a_hundred_levels_is_still_read(tmp_path: Path) -> None:
    deep = f"<item><title>Bed</title><tags>a</tags>{'<in>' * 99}x{'</in>' * 99}</item>"
    assert rows_of(tmp_path, f"<all>{deep}</all>") == ([(1, ["a"], "Bed")], [])


def test_of_a_record_that_is_too_long_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the root is taken for a record, that is the whole file."""
    monkeypatch.setattr(xml_records, "_FEED_CHARS", 1 << 14)
    (tmp_path / "shop.xml").write_text(f"<all>{'<item><a/><b>12</b></item>' * 100_000}</all>")
    tracemalloc.start()
    parts = list(xml_objects(str(tmp_path / "shop.xml"), items="all", max_record_bytes=1000))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    rejects = [(bad.line, bad.reason) for part in parts for bad in part.rejects]
    assert rejects == [(1, TOO_LONG)]
    assert most < 4 << 20


def test_what_stands_before_a_broken_place_is_read(tmp_path: Path) -> None:
    good = "<item><title>Bed</title><tags>a</tags></item>\n"
    rows, rejects = rows_of(tmp_path, f"<all>\n{good}{good}<item><title>Bib</item>{good}</all>")
    assert rows == [(1, ["a"], "Bed"), (2, ["a"], "Bed")]
    reason = "broken in line 4 (mismatched tag); nothing behind it can be read"
    assert rejects == [(3, reason, b"")]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("title,tags\nBed,a\n", "not XML: line 1: syntax error"),
        ("<all><product/></all>", "no element 'item'; set source.items"),
        ("<all><item>", "not XML: line 1: no element found"),
        ('<?xml version="1.0" encoding="klingon"?><all/>', "declares the encoding 'klingon'"),
        ('<?xml version="1.0" encoding="hex"?><all/>', "declares the encoding 'hex'"),
        ('<?xml version="1.0" encoding="undefined"?><all/>', "declares the encoding 'undefined'"),
        ('<?xml version="1.0" encoding="idna"?><all/>', "declares the encoding 'idna'"),
    ],
)
def test_a_file_that_is_no_such_feed_is_one_reject(tmp_path: Path, content: str, why: str) -> None:
    rows, rejects = rows_of(tmp_path, content)
    assert rows == []
    ((line, reason, _),) = rejects
    assert line == 0
    assert why in reason


def test_an_empty_file_is_a_reject(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "") == ([], [(0, NO_RECORD, b"")])


def test_records_may_begin_far_into_a_file_and_lack_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xml_records, "_FEED_CHARS", 50)
    head = "<about>" + "nothing " * 40 + "</about>"
    items = "<item><name>Bed</name><tags>a</tags></item><item><tags>b</tags></item>"
    rows, rejects = rows_of(
        tmp_path, f"<all>{head}{items}</all>", columns={"title": ["title", "name"]}
    )
    assert rows == [(1, ["a"], "Bed")]
    assert [line for line, *_ in rejects] == [2]


def test_entities_that_grow_without_end_end_the_file(tmp_path: Path) -> None:
    """The parser's own guard (https://libexpat.github.io/doc/api/latest/#billion-laughs)."""
    names = [f'<!ENTITY a{n} "{f"&a{n - 1};" * 30}">' for n in range(1, 9)]
    text = (
        f'<!DOCTYPE all [<!ENTITY a0 "{"x" * 1000}">{"".join(names)}]>'
        "<all><item><title>Bed</title><tags>a</tags></item><item><title>&a8;</title></item></all>"
    )
    rows, rejects = rows_of(tmp_path, text)
    assert rows == [(1, ["a"], "Bed")]
    ((line, reason, _),) = rejects
    assert line == 2
    assert reason.startswith("broken in line 1 (")


def test_a_compressed_feed_is_read_as_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "shop.xml.gz").write_bytes(gzip.compress(FEED.encode()))
    source = {"format": "xml", "items": "item", "columns": GOOGLE["columns"]}
    assert read(tmp_path, source, GOOGLE["categories"]) == (ROWS, [])
