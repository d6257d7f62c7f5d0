"""Dumps in any of four formats: a row has an id and a title, or is a reject with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from xml.sax.saxutils import escape

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.testing.util import assert_that, equal_to

from configs.columns import CategoricalColumn, DenseColumn
from configs.dump import DumpSettings
from configs.errors import UsageError
from pipelines.dumps import (
    NO_ID,
    NO_TITLE,
    dump_fingerprint,
    find_dump_files,
    read_dump_file,
)
from pipelines.json_lines import NOT_JSON
from pipelines.progress import ProgressLog
from pipelines.read_dump import REJECTS, ReadDump
from transforms.csv_records import RejectedRow
from transforms.predictions import last_rows

Row = tuple[int, str, str]
ROWS = [("7", "Dog, Bed"), ("8", 'Bed "XL"\nblue'), ("x 9", "é")]


def read(path: Path, **settings: str | list[str]) -> tuple[list[Row], list[RejectedRow]]:
    """Return (line, id, title) of each row, and the rejects."""
    chosen = DumpSettings(**settings)
    (file,) = find_dump_files(str(path), chosen)
    rows, rejects = [], []
    for batch, bad in read_dump_file(file, chosen):
        assert set(batch.column("file").to_pylist()) <= {0}
        columns = (batch.column(name).to_pylist() for name in ("line", "id", "title"))
        rows += zip(*columns, strict=True)
        rejects += bad
    return rows, rejects


def jsonl(folder: Path, *rows: object) -> Path:
    """Write rows as JSON, or as they are where they are bytes already."""
    path = folder / "dump.jsonl"
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def parquet(folder: Path, **columns: pa.Array) -> Path:
    path = folder / "dump.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def table(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    return path


def written(folder: Path, form: str) -> Path:
    """Write `ROWS` in a format, beside a column that nobody asks for."""
    if form == "jsonl":
        return jsonl(folder, *({"x": 1, "id": i, "title": t} for i, t in ROWS))
    if form == "parquet":
        ids, titles = zip(*ROWS, strict=True)
        return parquet(folder, title=pa.array(titles), id=pa.array(ids), x=pa.array([1, 2, 3]))
    if form == "json":
        objects = [{"x": 1, "id": i, "title": t} for i, t in ROWS]
        return table(folder, "dump.json", json.dumps({"page": 1, "products": objects}, indent=1))
    if form == "xml":
        items = [
            f"<product><x>1</x><id>{i}</id><title>{escape(t)}</title></product>" for i, t in ROWS
        ]
        return table(folder, "dump.xml", f"<products>{''.join(items)}</products>")
    mark = {"csv": ",", "tsv": "\t"}[form]
    lines = [mark.join(["x", "id", "title"])]
    lines += [mark.join(["1", i, '"' + t.replace('"', '""') + '"']) for i, t in ROWS]
    return table(folder, f"dump.{form}", "\n".join(lines) + "\n")


FORMATS = ["csv", "tsv", "jsonl", "json", "xml", "parquet"]
ITEMS = {"xml": {"items": "product"}}


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_products_are_read_from_every_format(tmp_path: Path, form: str) -> None:
    rows, rejects = read(written(tmp_path, form), **ITEMS.get(form, {}))
    assert [row[1:] for row in rows] == ROWS
    assert [row[0] for row in rows] == ([2, 3, 5] if form in ("csv", "tsv") else [1, 2, 3])
    assert rejects == []


@pytest.mark.parametrize("form", FORMATS)
def test_a_dump_without_the_column_is_refused_in_one_line(tmp_path: Path, form: str) -> None:
    with pytest.raises(UsageError, match=r"no column sku; its header is .*set dump\.id") as refused:
        read(written(tmp_path, form), id="sku", **ITEMS.get(form, {}))
    assert len(str(refused.value).splitlines()) == 1


def test_a_json_file_of_lines_is_told_from_a_document(tmp_path: Path) -> None:
    rows = [{"id": i, "title": t} for i, t in ROWS]
    lines = ["", "{broken", *map(json.dumps, rows)]
    found, rejects = read(table(tmp_path, "lines.json", "\n".join(lines) + "\n"))
    assert [row[1:] for row in found] == ROWS
    assert [(bad.line, bad.reason) for bad in rejects] == [(1, NOT_JSON), (2, NOT_JSON)]
    for document in (rows, {"page": {"n": 1}, "goods": rows}):
        found, rejects = read(table(tmp_path, "list.json", json.dumps(document)))
        assert [row[1:] for row in found] == ROWS
        assert rejects == []


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("dump.xml", "<all/>", "XML needs dump.items, the name of the element"),
        ("dump.json", '{\n"goods": 1}', "no list of objects; set source.items, dump.items for a"),
        ("dump.json", "[", "not a JSON document: line 1: Expecting value"),
    ],
)
def test_a_document_without_products_is_refused_in_one_line(
    tmp_path: Path, name: str, content: str, why: str
) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        read(table(tmp_path, name, content))
    assert len(str(refused.value).splitlines()) == 1


def test_a_format_can_be_named_where_the_ending_says_nothing(tmp_path: Path) -> None:
    path = table(tmp_path, "dump.dat", "id;title\n1;Bed, red\n")
    with pytest.raises(UsageError, match=r"cannot be told from '\.dat'; set dump\.format"):
        read(path)
    assert read(path, format="csv", delimiter=";")[0] == [(2, "1", "Bed, red")]


@pytest.mark.parametrize("where", ["nothing.csv", "*.csv"])
def test_a_dump_that_is_not_there_is_refused(tmp_path: Path, where: str) -> None:
    with pytest.raises(UsageError, match="no such file"):
        find_dump_files(str(tmp_path / where), DumpSettings())


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all, but long enough"])
def test_what_is_no_parquet_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "dump.parquet"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not a parquet file") as refused:
        read(path)
    assert len(str(refused.value).splitlines()) == 1


def test_parquet_columns_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path, id=pa.array([1]), title=pa.array([["a", "b"]]))
    with pytest.raises(UsageError, match="expected text or numbers"):
        read(path)


def test_ids_that_are_numbers_are_their_digits(tmp_path: Path) -> None:
    titles = pa.array(["a", "b", "c"])
    rows, rejects = read(parquet(tmp_path, id=pa.array([7, None, 9]), title=titles))
    assert rows == [(1, "7", "a"), (3, "9", "c")]
    assert [(bad.line, bad.reason) for bad in rejects] == [(2, NO_ID)]
    rows, _ = read(
        jsonl(tmp_path, {"id": 7, "title": 5}, {"id": 12345678901234567890, "title": "b"})
    )
    assert rows == [(1, "7", "5"), (2, "12345678901234567890", "b")]


def test_ids_and_titles_that_pandas_wrote_with_a_point_are_their_digits(tmp_path: Path) -> None:
    """A column of whole numbers in which one is missing is one of floats in pandas."""
    numbers = [4006381333931.0, 7.5, None, 9.0]
    rows, rejects = read(jsonl(tmp_path, *({"id": n, "title": n} for n in numbers)))
    column = pa.array(numbers)
    assert rows == [(1, *["4006381333931"] * 2), (2, "7.5", "7.5"), (4, "9", "9")]
    for ids in (column, column.dictionary_encode()):
        path = parquet(tmp_path, id=ids, title=column)
        assert read(path) == (rows, [RejectedRow("dump.parquet", *bad[1:]) for bad in rejects])
    unknown = pa.array([float("nan")])
    assert read(parquet(tmp_path, id=unknown, title=pa.array(["a"])))[0] == []


def test_ids_are_trimmed_and_titles_are_not(tmp_path: Path) -> None:
    rows, _ = read(table(tmp_path, "dump.csv", "id,title\n 7\xa0, Bed \n"))
    assert rows == [(2, "7", " Bed ")]


def test_rows_without_an_id_or_a_title_are_rejects_with_what_they_held(tmp_path: Path) -> None:
    content = "id,title\n1,Bed\n,Bib\n3, \n4,Bag\n ,\n"
    rows, rejects = read(table(tmp_path, "dump.csv", content))
    assert rows == [(2, "1", "Bed"), (5, "4", "Bag")]
    assert rejects == [
        RejectedRow("dump.csv", 3, NO_ID, b'["", "Bib"]'),
        RejectedRow("dump.csv", 4, NO_TITLE, b'["3", " "]'),
        RejectedRow("dump.csv", 6, NO_ID, b'["", ""]'),
    ]


@pytest.mark.parametrize(
    "line",
    [b"{", b"", b"[1, 2]", b"7", b'{"id": 1, "title": "caf\xe9"}', b"[" * 100_000],
    ids=["open", "blank", "list", "number", "not UTF-8", "deep"],
)
def test_a_broken_json_line_is_a_reject_with_its_bytes(tmp_path: Path, line: bytes) -> None:
    good = {"id": 1, "title": "Bed"}
    rows, rejects = read(jsonl(tmp_path, good, line, good))
    assert [row[0] for row in rows] == [1, 3]
    assert rejects == [RejectedRow("dump.jsonl", 2, NOT_JSON, line + b"\n")]


@pytest.mark.parametrize("value", [None, True, ["7"], {"a": 1}, float("nan"), float("inf")])
def test_json_values_that_are_neither_text_nor_number_are_no_ids(
    tmp_path: Path, value: object
) -> None:
    rows, rejects = read(jsonl(tmp_path, {"id": value, "title": "Bed"}, {"id": 2, "title": value}))
    assert rows == []
    assert [bad.reason for bad in rejects] == [NO_ID, NO_TITLE]


def test_a_byte_order_mark_before_json_is_no_part_of_it(tmp_path: Path) -> None:
    rows, _ = read(jsonl(tmp_path, b'\xef\xbb\xbf{"id": "1", "title": "\\ud800x"}'))
    assert rows == [(1, "1", "?x")]


def test_a_fingerprint_changes_with_the_content_of_any_file(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        table(tmp_path, name, "id,title\n1,Bed\n")
    files = find_dump_files(str(tmp_path), DumpSettings())
    one = dump_fingerprint(files)
    table(tmp_path, "b.csv", "id,title\n1,Bag\n")
    assert find_dump_files(str(tmp_path), DumpSettings()) == files
    assert [(file.number, file.relative) for file in files] == [(0, "a.csv"), (1, "b.csv")]
    assert one != dump_fingerprint(files)


@pytest.mark.parametrize("form", ["{}", "{}/*", "{}/**"])
def test_what_spark_lays_beside_a_dump_is_no_part_of_it(tmp_path: Path, form: str) -> None:
    """Its marks and half-written parts begin with `_` or a dot; office programs leave `~$`."""
    folder = tmp_path / "_dump"
    (folder / "_temporary/0").mkdir(parents=True)
    table(folder, "part-0.csv", "id,title\n1,Bed\n")
    before = find_dump_files(form.format(folder), DumpSettings())
    for name in (
        "_SUCCESS",
        "_metadata",
        ".part-0.csv.crc",
        "~$part-0.csv",
        "_temporary/0/part-1.csv",
    ):
        table(folder, name, "")
    found = find_dump_files(form.format(folder), DumpSettings())
    assert [Path(file.path).name for file in found] == ["part-0.csv"]
    assert dump_fingerprint(found) == dump_fingerprint(before)


def test_a_file_that_is_named_itself_is_a_dump_whatever_its_name(tmp_path: Path) -> None:
    path = table(tmp_path, "_new.csv", "id,title\n1,Bed\n")
    assert read(path)[0] == [(2, "1", "Bed")]
    with pytest.raises(UsageError, match=r"only _new\.csv and the like.* name the file itself"):
        find_dump_files(str(tmp_path), DumpSettings())


def test_beam_reads_all_files_with_their_rejects_beside_them(tmp_path: Path) -> None:
    table(tmp_path, "a.csv", "id,title\n1,Bed\n,Bib\n")
    jsonl(tmp_path, {"id": 2, "title": "Bag"})
    settings = DumpSettings()
    files = find_dump_files(str(tmp_path), settings)
    with beam.Pipeline("FnApiRunner") as pipeline:
        found = pipeline | beam.Create(files) | ReadDump(settings, ProgressLog())
        rows = found.rows | beam.FlatMap(
            lambda batch: [tuple(r.values()) for r in batch.to_pylist()]
        )
        assert_that(rows, equal_to([(0, 2, "1", "Bed"), (1, 1, "2", "Bag")]))
        reasons = found[REJECTS] | beam.FlatMap(lambda batch: batch.column("reason").to_pylist())
        assert_that(reasons, equal_to([NO_ID]), label="rejects")


def test_the_last_row_of_an_id_wins_by_file_and_line_and_rows_come_by_key() -> None:
    rows = [(0, 9, "a", 50), (1, 2, "a", 50), (0, 3, "b", 7), (1, 1, "a", 50), (0, 4, "c", 50)]
    names = ("file", "line", "id", "key")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    batch = pa.RecordBatch.from_pydict(columns)
    expected = [(0, 3, "b", 7), (0, 4, "c", 50), (1, 2, "a", 50)]
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]):
        kept = last_rows(batch.take(pa.array(order)))
        assert [tuple(row.values()) for row in kept.to_pylist()] == expected


def test_quotes_can_be_text_and_a_title_several_columns(tmp_path: Path) -> None:
    dump = tmp_path / "dump.tsv"
    dump.write_text('id\tmaker\tname\n1\t"Acme\tBed 5"\n2\t \tCot\n3\t\t\n')
    rows, rejects = read(dump, quoting="none", title_join=["maker", "name"])
    assert rows == [(2, "1", '"Acme Bed 5"'), (3, "2", "Cot")]
    assert rejects == [RejectedRow("dump.tsv", 4, NO_TITLE, b'["3", ""]')]


def test_a_dump_is_read_behind_lines_to_skip_and_with_names_of_its_own(tmp_path: Path) -> None:
    dump = tmp_path / "dump.csv"
    dump.write_text('Report,of May\n1,"Bed 5\\" wide"\n')
    rows, rejects = read(dump, skip_lines=1, header=["id", "title"], escape="\\")
    assert (rows, rejects) == ([(2, "1", 'Bed 5" wide')], [])


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_dump_with_another_delimiter_is_told_to_set_it(tmp_path: Path, mark: str) -> None:
    dump = tmp_path / "dump.csv"
    dump.write_text(f"id{mark}title\n1{mark}Bed, white\n")
    with pytest.raises(UsageError, match=r"read as one column: .*; set dump.delimiter$") as refused:
        find_dump_files(str(dump), DumpSettings())
    assert f"is {mark!r} its delimiter?" in str(refused.value)


def test_titles_of_several_keys_in_json_lines(tmp_path: Path) -> None:
    row = {"id": 7, "maker": None, "name": "Cot", "size": 5}
    rows, _ = read(jsonl(tmp_path, row), title_join=["maker", "name", "size"])
    assert rows == [(1, "7", "Cot 5")]


def test_ids_and_titles_may_lie_in_json_objects(tmp_path: Path) -> None:
    nested = [{"product": {"id": n, "name": name}} for n, name in ((7, "Cot"), (8, None))]
    rows, rejects = read(jsonl(tmp_path, *nested), id="product.id", title="product.name")
    assert rows == [(1, "7", "Cot")]
    assert [(bad.line, bad.reason) for bad in rejects] == [(2, NO_TITLE)]


FEATURES = {
    "price": DenseColumn(kind="dense"),
    "about": CategoricalColumn(kind="categorical", column="About"),
}


def test_further_columns_come_along_under_the_names_of_the_features(tmp_path: Path) -> None:
    dump = tmp_path / "dump.csv"
    dump.write_text("id,title,cost,About\n1,Bed,5.5, red \n2,Cot,,\n3,Bib,5 kg,x\n")
    settings = DumpSettings(columns={"price": "cost"})
    (file,) = find_dump_files(str(dump), settings, FEATURES)
    ((batch, rejects),) = read_dump_file(file, settings, FEATURES)
    assert batch.schema.names == ["file", "line", "id", "title", "price", "about"]
    assert batch.column("about").to_pylist() == ["red", ""]
    price = batch.column("price").to_pylist()
    assert price[0] == 5.5
    assert price[1] != price[1]  # NaN: the model puts its default there
    assert [(bad.line, bad.reason) for bad in rejects] == [(4, "cost is not a number")]


def test_a_dump_without_a_column_that_the_model_takes_is_refused(tmp_path: Path) -> None:
    dump = tmp_path / "dump.csv"
    dump.write_text("id,title,price\n1,Bed,5\n")
    with pytest.raises(UsageError, match=r"no column About; .* set dump.id, .*dump.columns"):
        find_dump_files(str(dump), DumpSettings(), FEATURES)
