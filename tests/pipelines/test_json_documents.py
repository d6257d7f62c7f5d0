"""JSON documents: lists of objects, anywhere in them; broken ones; several in a file."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import json_documents
from pipelines.json_documents import NOT_AN_OBJECT, TOO_MANY_DIGITS
from pipelines.rejects import NO_RECORD
from tests.pipelines.reading import TAGS, Row, read
from transforms.csv_records import NOT_DECODABLE, TOO_LONG, RejectedRow

JSON: dict[str, Any] = {"format": "json"}
BED, BIB = {"title": "Bed", "tags": "a"}, {"title": "Bib", "tags": ["b", "c"]}
ROWS: list[Row] = [(1, ["a"], "Bed"), (2, ["b", "c"], "Bib")]


def rows_of(
    folder: Path, content: str | bytes, **source: Any
) -> tuple[list[Row], list[tuple[int, str, bytes]]]:
    """Return the rows of a document, and of its rejects line, reason and bytes."""
    content = content.encode() if isinstance(content, str) else content
    (folder / "shop.json").write_bytes(content)
    rows, rejects = read(folder, {**JSON, **source}, TAGS)
    return rows, [(bad.line, bad.reason, bad.raw) for bad in rejects]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_of_objects_is_a_record_each(tmp_path: Path, indent: int | None) -> None:
    text = json.dumps([BED, BIB], indent=indent)
    assert rows_of(tmp_path, text) == (ROWS, [])


def test_the_first_list_of_objects_is_found_behind_other_keys(tmp_path: Path) -> None:
    document = {"made": [1, 2], "page": {"items": []}, "goods": [BED, BIB], "more": [BED]}
    assert rows_of(tmp_path, json.dumps(document)) == (ROWS, [])


def test_items_names_where_the_list_is(tmp_path: Path) -> None:
    document = {"deleted": [BED], "data": {"n": 2, "products": [BED, BIB]}, "end": None}
    text = json.dumps(document, indent=1)
    assert rows_of(tmp_path, text, items="data.products") == (ROWS, [])


def test_pages_may_follow_one_another(tmp_path: Path) -> None:
    pages = "\n".join(json.dumps({"items": [row]}, indent=1) for row in (BED, BIB))
    assert rows_of(tmp_path, pages, items="items") == (ROWS, [])
    assert rows_of(tmp_path, f"[{json.dumps(BED)}]\n[{json.dumps(BIB)}]") == (ROWS, [])


def test_a_document_is_read_by_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a window ends in: a number, an escape, a bracket."""
    rows = [{"title": f"Bed\n\\u00e9 {n} ü", "size": n * 1001, "tags": "a"} for n in range(40)]
    text = json.dumps({"n": 123456, "goods": rows}, indent=1, ensure_ascii=False)
    whole = rows_of(tmp_path, text)
    assert [title for _, _, title in whole[0]] == [row["title"] for row in rows]
    for size in (1, 2, 3, 7, 64):
        monkeypatch.setattr(json_documents, "_WINDOW_CHARS", size)
        assert rows_of(tmp_path, text) == whole


def test_what_is_no_record_is_a_reject_with_its_bytes(tmp_path: Path) -> None:
    good = json.dumps(BED).encode()
    bad = [b"7", b'"Bed"', b'{"title": "B\xfft", "tags": "a"}', b'{"title": "%s"}' % (b"x" * 99)]
    text = b"[" + b",\n".join([good, *bad, good]) + b"]"
    rows, rejects = rows_of(tmp_path, text, max_record_bytes=60)
    assert rows == [(1, ["a"], "Bed"), (6, ["a"], "Bed")]
    reasons = [NOT_AN_OBJECT, NOT_AN_OBJECT, NOT_DECODABLE, TOO_LONG]
    assert rejects == list(zip(range(2, 6), reasons, bad, strict=True))


@pytest.mark.parametrize("window", [64, 4 << 20])
def test_a_number_that_python_refuses_is_a_reject_where_it_stands_in_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr(json_documents, "_WINDOW_CHARS", window)
    long = f'{{"title": "Cot", "tags": "a", "size": {"9" * 5000}}}'
    text = f'{{"total": {"7" * 5000}, "goods": [{json.dumps(BED)}, {long}, {json.dumps(BED)}]}}'
    rows, rejects = rows_of(tmp_path, text)
    assert rows == [(1, ["a"], "Bed"), (3, ["a"], "Bed")]
    assert rejects == [(2, TOO_MANY_DIGITS, long.encode())]


@pytest.mark.parametrize(
    ("behind", "why"),
    [
        (b'\n{"title" "Bib"}, {"title": "Cot", "tags": "a"}]', "Expecting ':' delimiter"),
        (b'\n{"title": "Bib", "tags": "a', "Unterminated string starting at"),
        (b"\n", "Expecting value"),
        (b"\n" + b"[" * 100_000, "brackets within brackets within brackets"),
    ],
)
def test_what_stands_before_a_broken_place_is_read(tmp_path: Path, behind: bytes, why: str) -> None:
    rows, rejects = rows_of(tmp_path, b"[" + json.dumps(BED).encode() + b"," + behind)
    assert rows == ROWS[:1]
    reason = f"broken in line 2 ({why}); nothing behind it can be read"
    assert rejects == [(2, reason, behind.lstrip()[:200])]


@pytest.mark.parametrize(
    ("content", "items", "why"),
    [
        ("title,tags\nBed,a\n", None, "not a JSON document: line 1: t stands where { is expected"),
        ('{"goods": {"title": "Bed"}}', None, "no list of objects; set source.items"),
        ('{"goods": [{"title": "Bed"}]}', "data", "no list of objects at the key 'data'; set"),
        ('{"goods" [', "goods", "not a JSON document: line 1: [ stands where : is expected"),
        ("[", None, "not a JSON document: line 1: Expecting value"),
    ],
)
def test_a_file_without_a_list_is_one_reject(
    tmp_path: Path, content: str, items: str | None, why: str
) -> None:
    rows, rejects = rows_of(tmp_path, content, items=items)
    assert rows == []
    ((line, reason, _),) = rejects
    assert line == 0
    assert why in reason


def test_an_empty_list_has_no_record_and_an_empty_file_is_a_reject(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "[]") == ([], [])
    assert rows_of(tmp_path, '{"goods": []}', items="goods") == ([], [])
    assert rows_of(tmp_path, " \n") == ([], [(0, NO_RECORD, b"")])


def test_without_the_column_every_object_is_a_reject(tmp_path: Path) -> None:
    rows, rejects = rows_of(tmp_path, '[{"title": "Bed"}, {"name": "Bib"}]')
    assert rows == []
    reason = "no column tags; its header is ['title', 'name']"
    assert rejects == [(1, reason, b'{"title": "Bed"}'), (2, reason, b'{"name": "Bib"}')]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1251"])
def test_documents_are_read_in_the_declared_encoding(tmp_path: Path, encoding: str) -> None:
    text = json.dumps([{"title": "Кот", "tags": "звери"}], ensure_ascii=False)
    assert rows_of(tmp_path, text.encode(encoding), encoding=encoding) == (
        [(1, ["звери"], "Кот")],
        [],
    )


def test_a_damaged_compressed_document_is_read_up_to_the_damage(tmp_path: Path) -> None:
    rows = [{"title": f"Bed {n * 7919 % 10_007}", "tags": "a"} for n in range(5000)]
    packed = gzip.compress(json.dumps(rows).encode())
    (tmp_path / "shop.json.gz").write_bytes(packed[: len(packed) // 2])
    found, rejects = read(tmp_path, JSON, TAGS)
    assert 1000 < len(found) < 4000
    assert [title for _, _, title in found] == [row["title"] for row in rows[: len(found)]]
    assert [(bad.line, "not read to its end" in bad.reason) for bad in rejects] == [(0, True)]
    assert isinstance(rejects[0], RejectedRow)
