"""Catalogues whose records say their categories: any format, header, quoting, several labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.settings import Settings
from pipelines.category_files import find_category_files, read_category_file
from pipelines.json_lines import NOT_JSON
from pipelines.labelled_records import NO_CATEGORY, NO_TITLE
from pipelines.rejects import NO_RECORD
from pipelines.tables import BLANK
from tests.pipelines.reading import TAGS, read, reject
from transforms.csv_records import NOT_DECODABLE, NUL_BYTE, TOO_LONG


def test_quotes_can_be_text_and_a_record_can_have_several_labels(tmp_path: Path) -> None:
    text = 'title\ttags\n"Bed" 5\'\ten:a,en:b\n2" nail\ten:c\nno end"\ten:a,,en:a\n'
    (tmp_path / "shop.tsv").write_text(text)
    rows, rejects = read(tmp_path, {"delimiter": "\t", "quoting": "none"}, TAGS)
    assert rejects == []
    assert rows == [
        (2, ["en:a", "en:b"], '"Bed" 5\''),
        (3, ["en:c"], '2" nail'),
        (4, ["en:a"], 'no end"'),
    ]


def test_what_is_no_record_is_a_reject_with_its_bytes(tmp_path: Path) -> None:
    lines = [
        b"title\ttags\n",
        b" \ta\n",
        b"Bed\t,\n",
        b"Bib\n",
        b"c\xe9\ta\n",
        b"x\0\ta\r\n",
        b"\n",
    ]
    (tmp_path / "shop.tsv").write_bytes(b"".join([*lines, b"y" * 99 + b"\ta\n", b"Cot\ta"]))
    source = {"delimiter": "\t", "quoting": "none", "max_record_bytes": 50}
    rows, rejects = read(tmp_path, source, TAGS)
    assert rows == [(9, ["a"], "Cot")]
    reasons = [NO_TITLE, NO_CATEGORY, "1 columns where the header has 2", NOT_DECODABLE, NUL_BYTE]
    reasons += [BLANK]
    expected = [
        reject(n, why, raw) for n, (why, raw) in enumerate(zip(reasons, lines[1:], strict=True), 2)
    ]
    assert rejects == [*expected, reject(8, TOO_LONG, b"y" * 99 + b"\ta\n")]


def test_columns_can_be_named_for_a_file_whose_first_lines_name_none(tmp_path: Path) -> None:
    (tmp_path / "shop.tsv").write_text("made 2015\nReview\nGood.\t1\nBad, Sir!\t0\n")
    source = {"delimiter": "\t", "skip_lines": 2, "header": ["text", "score"]}
    categories = {"source": "columns", "columns": ["score"]}
    rows, rejects = read(tmp_path, {**source, "columns": {"title": ["text"]}}, categories)
    assert rows == [(3, ["1"], "Good."), (4, ["0"], "Bad, Sir!")]
    assert rejects == []


@pytest.mark.parametrize("content", ["", "made 2015\n", "made 2015\nReview\n"])
def test_a_file_that_ends_before_its_first_record_is_empty(tmp_path: Path, content: str) -> None:
    (tmp_path / "shop.tsv").write_text(content)
    source = {"skip_lines": 2, "header": ["title", "tags"]}
    assert read(tmp_path, source, TAGS) == ([], [reject(0, NO_RECORD, b"")])


def test_a_column_that_is_missing_makes_every_record_a_reject(tmp_path: Path) -> None:
    (tmp_path / "shop.tsv").write_text('title,x\n"Bed\nbig",1\nBib,2\n')
    reason = "no column tags; its header is ['title', 'x']"
    expected = [reject(2, reason, b'"Bed\nbig",1\n'), reject(4, reason, b"Bib,2\n")]
    assert read(tmp_path, {}, TAGS) == ([], expected)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
def test_the_declared_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "shop.tsv").write_bytes("title,tags\nCafé,a\n,b\n".encode(encoding))
    rows, rejects = read(tmp_path, {"encoding": encoding}, TAGS)
    assert rows == [(2, ["a"], "Café")]
    assert [bad.raw.decode(encoding.replace("16", "16-le")) for bad in rejects] == [",b\n"]


def test_a_title_can_be_several_columns_and_the_category_the_file_s_name(tmp_path: Path) -> None:
    (tmp_path / "pets_dogs.csv").write_text("brand,name\n Acme ,Bowl\n,Bed\n , \nAcme,\n")
    source = {"columns": {"title_join": ["brand", "name"]}}
    rows, rejects = read(tmp_path, source, {})
    dogs = ["pets_dogs"]
    assert rows == [(2, dogs, "Acme Bowl"), (3, dogs, "Bed"), (5, dogs, "Acme")]
    assert rejects == [reject(4, NO_TITLE, b" , \n", "pets_dogs.csv")]


def test_json_lines_may_hold_lists_of_categories(tmp_path: Path) -> None:
    good = [
        {"title": "Bed", "tags": ["a > b", "c,d"]},
        {"title": "Bib", "tags": "a,b"},
        {"title": 7, "tags": "x"},
    ]
    bad = [{"title": "Cot", "tags": []}, {"title": None, "tags": ["a"]}, {"tags": ["a"]}]
    bad += [{"title": "\0", "tags": "a"}]
    lines = [json.dumps(row).encode() + b"\n" for row in [*good, *bad]] + [b"{broken\n"]
    (tmp_path / "shop.jsonl").write_bytes(b"".join(lines))
    categories = {**TAGS, "label_separator": None}
    rows, rejects = read(tmp_path, {"format": "jsonl"}, categories)
    assert rows == [(1, ["a>b", "c,d"], "Bed"), (2, ["a,b"], "Bib"), (3, ["x"], "7")]
    reasons = [NO_CATEGORY, NO_TITLE, NO_TITLE, NUL_BYTE, NOT_JSON]
    assert rejects == [
        reject(n, why, raw, "shop.jsonl")
        for n, (why, raw) in enumerate(zip(reasons, lines[3:], strict=True), 4)
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "cp1251", "shift_jis"])
def test_json_lines_are_read_in_the_declared_encoding(tmp_path: Path, encoding: str) -> None:
    lines = [json.dumps({"title": "Кот", "tags": "звери"}, ensure_ascii=False), "{нет"]
    (tmp_path / "shop.jsonl").write_bytes("".join(f"{line}\r\n" for line in lines).encode(encoding))
    rows, rejects = read(tmp_path, {"format": "jsonl", "encoding": encoding}, TAGS)
    assert rows == [(1, ["звери"], "Кот")]
    plain = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
    assert rejects == [reject(2, NOT_JSON, "{нет\r\n".encode(plain), "shop.jsonl")]


def test_json_lines_without_the_column_are_all_rejects(tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_text('{"title": "Bed"}\n{"title": "Bib", "size": 1}\n')
    rows, rejects = read(tmp_path, {"format": "jsonl"}, TAGS)
    assert rows == []
    assert {bad.reason for bad in rejects} == {"no column tags; its header is ['title', 'size']"}
    assert [bad.line for bad in rejects] == [1, 2]


def test_a_json_object_may_lack_a_key_that_others_have(tmp_path: Path) -> None:
    (tmp_path / "shop.jsonl").write_text('{"title": "Bed"}\n{"title": "Bib", "tags": "a"}\n')
    rows, rejects = read(tmp_path, {"format": "jsonl"}, TAGS)
    assert rows == [(2, ["a"], "Bib")]
    assert rejects == [reject(1, NO_CATEGORY, b'{"title": "Bed"}\n', "shop.jsonl")]


NESTED = [
    {"product": {"name": "Bed", "at": {"shelf": ["a", "b"]}}},
    {"product": {"name": "Bib", "at": None}},
    {"product": None},
]
OF_PRODUCT = {
    "source": {"columns": {"title": ["name", "product.name"]}},
    "categories": {**TAGS, "columns": ["product.at.shelf"], "label_separator": None},
}


def test_json_keys_may_lie_in_objects(tmp_path: Path) -> None:
    lines = [json.dumps(row).encode() + b"\n" for row in NESTED]
    (tmp_path / "shop.jsonl").write_bytes(b"".join(lines))
    source = {**OF_PRODUCT["source"], "format": "jsonl"}
    rows, rejects = read(tmp_path, source, OF_PRODUCT["categories"])
    assert rows == [(1, ["a", "b"], "Bed")]
    assert [(bad.line, bad.reason) for bad in rejects] == [(2, NO_CATEGORY), (3, NO_TITLE)]
    dotted = json.dumps({"product.name": "Cot", "product": {"name": "?", "at": {"shelf": "c"}}})
    (tmp_path / "shop.jsonl").write_text(dotted)
    assert read(tmp_path, source, OF_PRODUCT["categories"])[0] == [(1, ["c"], "Cot")]


def test_parquet_columns_may_lie_in_structs(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(NESTED), tmp_path / "shop.parquet")
    source = {**OF_PRODUCT["source"], "format": "parquet"}
    rows, rejects = read(tmp_path, source, OF_PRODUCT["categories"])
    assert rows == [(1, ["a", "b"], "Bed")]
    assert [(bad.line, bad.reason) for bad in rejects] == [(2, NO_CATEGORY), (3, NO_TITLE)]
    absent = {"columns": {"title": ["product.price"]}, "format": "parquet"}
    assert {bad.reason for bad in read(tmp_path, absent, OF_PRODUCT["categories"])[1]} == {
        "no column product.price; its header is ['product']"
    }


@pytest.mark.parametrize(
    ("text", "lists"),
    [
        (pa.large_string(), pa.large_list(pa.large_string())),
        (pa.string_view(), pa.list_(pa.string_view())),
        (pa.string(), pa.list_(pa.string(), 1)),
        (pa.dictionary(pa.int32(), pa.string()), pa.list_(pa.string())),
    ],
    ids=str,
)
def test_parquet_of_any_writer_is_read(
    tmp_path: Path, text: pa.DataType, lists: pa.DataType
) -> None:
    titles = pa.array(["Bed", None, "Cot"]).cast(text)
    tags = pa.array([["b>c"], ["a"], ["d"]], lists)
    pq.write_table(pa.table({"title": titles, "tags": tags}), tmp_path / "shop.parquet")
    rows, rejects = read(tmp_path, {"format": "parquet"}, {**TAGS, "label_separator": None})
    assert rows == [(1, ["b>c"], "Bed"), (3, ["d"], "Cot")]
    assert rejects == [reject(2, NO_TITLE, b'{"tags": ["a"], "title": null}', "shop.parquet")]


def test_json_objects_in_a_list_may_each_hold_a_category(tmp_path: Path) -> None:
    tags = [[{"name": "a"}, {"name": "b"}], [{"id": 1}, 7], [], None]
    lines = [json.dumps({"title": "Bed", "tags": found}) + "\n" for found in tags]
    (tmp_path / "shop.jsonl").write_text("".join(lines))
    categories = {**TAGS, "columns": ["tags.name"], "label_separator": None}
    rows, rejects = read(tmp_path, {"format": "jsonl"}, categories)
    assert rows == [(1, ["a", "b"], "Bed")]
    assert [(bad.line, bad.reason) for bad in rejects] == [(n, NO_CATEGORY) for n in (2, 3, 4)]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_numbers_with_a_point_are_categories_and_keys_of_joins_by_their_digits(
    tmp_path: Path, form: str
) -> None:
    rows = [{"title": 5.0, "shelf": 12345678901.0, "tags": [1.0, 2.5]}, {"title": "Bib"}]
    if form == "jsonl":
        (tmp_path / "shop.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:1]))
    else:
        rows[0]["title"] = "5"
        pq.write_table(pa.Table.from_pylist(rows[:1]), tmp_path / "shop.parquet")
    (tmp_path / "shelves.csv").write_text("shelf,room\n12345678901,Hall\n")
    join = {"files": "shelves.csv", "by": "shelf", "columns": ["room"]}
    source = {"format": form, "joins": [join], "columns": {"title": ["title"]}}
    categories = {**TAGS, "label_separator": None}
    assert read(tmp_path, source, categories) == ([(1, ["1", "2.5"], "5")], [])
    assert read(tmp_path, source, {**categories, "columns": ["shelf", "room"]}) == (
        [(1, ["12345678901>Hall"], "5")],
        [],
    )


def test_parquet_may_hold_lists_of_categories(tmp_path: Path) -> None:
    table = pa.table(
        {"title": ["Bed", None, "Cot"], "tags": [["a", "b>c"], ["a"], None], "n": [1] * 3}
    )
    pq.write_table(table, tmp_path / "shop.parquet")
    rows, rejects = read(tmp_path, {"format": "parquet"}, {**TAGS, "label_separator": None})
    assert rows == [(1, ["a", "b>c"], "Bed")]
    assert rejects == [
        reject(2, NO_TITLE, b'{"tags": ["a"], "title": null}', "shop.parquet"),
        reject(3, NO_CATEGORY, b'{"tags": null, "title": "Cot"}', "shop.parquet"),
    ]


@pytest.mark.parametrize("kind", [pa.list_, pa.large_list])
def test_parquet_objects_in_a_list_may_each_hold_a_category(
    tmp_path: Path, kind: Callable[[pa.DataType], pa.DataType]
) -> None:
    tags = [[{"name": "a"}, {"name": "b"}, None], [{"name": None}], [], None]
    objects = kind(pa.struct([("name", pa.string()), ("id", pa.int64())]))
    shelves = [{"tags": found, "n": 1} for found in tags]
    columns = {
        "title": pa.array(["Bed"] * 4),
        "tags": pa.array(tags, objects),
        "at": pa.array(shelves, pa.struct([("tags", objects), ("n", pa.int64())])),
    }
    pq.write_table(pa.table(columns), tmp_path / "shop.parquet")
    for column in ("tags.name", "at.tags.name"):
        categories = {**TAGS, "columns": [column], "label_separator": None}
        rows, rejects = read(tmp_path, {"format": "parquet"}, categories)
        assert rows == [(1, ["a", "b"], "Bed")]
        reasons = [(bad.line, bad.reason) for bad in rejects]
        assert reasons == [(n, NO_CATEGORY) for n in (2, 3, 4)]


def test_a_file_that_is_no_parquet_is_one_reject(tmp_path: Path) -> None:
    (tmp_path / "shop.parquet").write_bytes(b"title,tags\nBed,a\n")
    rows, rejects = read(tmp_path, {"format": "parquet"}, TAGS)
    assert rows == []
    assert [(bad.line, bad.reason[:16]) for bad in rejects] == [(0, "not such a file:")]


FEATURES = {
    "price": {"kind": "dense", "column": "Price"},
    "about": {"kind": "text", "give": ["bow"]},
}


def read_columns(root: Path, source: dict[str, Any] | None = None) -> tuple[list, list]:
    settings = Settings(
        name="shop", source={"files": "*", **(source or {})}, features={"columns": FEATURES}
    )
    (file,), _, _ = find_category_files(str(root), settings)
    found = list(
        read_category_file(file, settings.source, settings.categories, settings.features.columns)
    )
    rows = [(r["line"], r["price"], r["about"]) for batch, _ in found for r in batch.to_pylist()]
    return rows, [reject for _, rejects in found for reject in rejects]


def test_further_columns_come_along_and_what_is_no_number_is_a_reject(tmp_path: Path) -> None:
    numbers = ["1", " -2.5e1 ", "", "nan", "1,5", "1e999", "0x10", ".5"]
    lines = [f'Bed,"{number}", soft \n' for number in numbers]
    (tmp_path / "a.csv").write_text("".join(["title,Price,about\n", *lines]))
    rows, rejects = read_columns(tmp_path)
    assert [(line, about) for line, _, about in rows] == [(n, "soft") for n in (2, 3, 4, 9)]
    prices = [price for _, price, _ in rows]
    assert prices[:2] == [1, -25]
    assert prices[2] != prices[2]  # NaN: none is known
    assert prices[3] == 0.5
    assert [(bad.line, bad.reason) for bad in rejects] == [
        (line, "Price is not a number") for line in (5, 6, 7, 8)
    ]
    assert rejects[1].raw == b'Bed,"1,5", soft \n'


def test_a_file_without_a_further_column_is_all_rejects(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,about\nBed,soft\n")
    reason = "no column Price; its header is ['title', 'about']"
    assert read_columns(tmp_path) == ([], [reject(2, reason, b"Bed,soft\n", "a.csv")])


def test_a_further_column_can_come_from_a_join(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,about\nBed,soft\n")
    (tmp_path / "prices.txt").write_text("about,Price\nsoft,7\n")
    join = {"files": "prices.txt", "by": "about", "columns": ["Price"]}
    assert read_columns(tmp_path, {"joins": [join]}) == ([(2, 7.0, "soft")], [])
