"""Read Parquet: columns as texts, rejects for bytes that are no text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.categories import ListMeaning
from configs.errors import UsageError
from pipelines import storage
from pipelines.blocks import Block, MissingColumn
from pipelines.file_parts import WHOLE, FilePart
from pipelines.unpacking import DamagedFile, is_of_content
from transforms.column_values import float_texts
from transforms.csv_records import NOT_DECODABLE, RejectedRow
from transforms.lists import counts_of, lists_of, rows_of

_ROWS_AT_ONCE = 65_536
_EXPECTED: dict[ListMeaning | None, list[str]] = {  # each says one list more
    None: ["text or numbers"],
    "labels": ["text or numbers", "lists of them"],
    "path": ["text or numbers", "lists of them", "lists of these"],
}


def read_parquet_blocks(
    path: str,
    source: str,
    columns: Mapping[str, Sequence[str]],
    *,
    lists: Mapping[str, ListMeaning] | None = None,
    reject: str | None = None,
    keep_raw: bool = False,
    part: FilePart = WHOLE,
) -> Iterator[Block]:
    """Yield the blocks of a file, or of a part; raw bytes of a row are its wanted columns as JSON.

    `columns` maps a column to the names it may have; `a.b` is the field b of the column a, where no
    column is called so, or a list of these where a is a list. Raises `MissingColumn` where the file
    has none of them, `UsageError` for a nested one; the columns `lists` may hold lists of texts,
    those that are paths lists of these too. Raises `DamagedFile` at a page that cannot be read.
    """
    with storage.open_input(path) as raw:
        table = pq.ParquetFile(raw)
        names = _names(path, table.schema_arrow, columns, lists or {})
        first = part.line
        wanted = sorted({_read_as(name, table.schema_arrow) for name in names.values()})
        groups = list(range(table.num_row_groups)[part.begin : part.end])
        batches = table.iter_batches(_ROWS_AT_ONCE, columns=wanted, row_groups=groups)
        for batch in _whole(path, batches):
            yield _block(_plain(batch), names, source, first, reject, keep_raw)
            first += batch.num_rows


def _whole(path: str, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a file; raise `DamagedFile` for one that Arrow cannot read."""
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:
        if not is_of_content(error):
            raise
        raise DamagedFile(path, str(error).partition("\n")[0], "get it again") from error


def _names(
    path: str,
    schema: pa.Schema,
    columns: Mapping[str, Sequence[str]],
    lists: Mapping[str, ListMeaning],
) -> dict[str, str]:
    names = {}
    for column, accepted in columns.items():
        present = [name for name in accepted if _type_of(schema, name) is not None]
        if not present:
            raise MissingColumn(accepted, schema.names)
        kind = _type_of(schema, present[0])
        assert kind is not None
        _check_type(f"{path}: the column {present[0]}", _plain_type(kind), lists.get(column))
        names[column] = present[0]
    return names


def _check_type(column: str, kind: pa.DataType, meaning: ListMeaning | None) -> None:
    """Raise `UsageError` for a type without texts, or with more lists in lists than are read."""
    inner, depth = kind, 0
    while pa.types.is_list(inner):
        inner, depth = inner.value_type, depth + 1
    texts = not pa.types.is_nested(inner)
    if texts and depth <= len(_EXPECTED[meaning]) - 1:
        return
    hint = "set dump.id and dump.title, or source.columns, to such columns"
    if meaning is not None:
        hint = "set categories.columns to such columns"
    if texts and meaning == "labels" and depth <= len(_EXPECTED["path"]) - 1:
        hint = "if each of its lists is a path, set categories.lists: path"
    raise UsageError(f"{column} holds {kind}, expected {', or '.join(_EXPECTED[meaning])}; {hint}")


def _plain_type(kind: pa.DataType) -> pa.DataType:
    """Return lists of any form as `list`, and views, which few functions of Arrow take, as texts.

    Polars writes `large_list<large_string>`, where pandas writes `list<string>`.
    """
    if pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    return {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}.get(kind, kind)


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    for place, column in enumerate(batch.columns):  # in place: without a column it keeps its rows
        if (kind := _plain_type(column.type)) != column.type:
            batch = batch.set_column(place, batch.schema.names[place], column.cast(kind))
    return batch


def _type_of(schema: pa.Schema, name: str) -> pa.DataType | None:
    """Return the type of a column, or of the field behind a point in the column before it."""
    if name in schema.names:
        return schema.field(name).type
    first, *rest = name.split(".")
    return _field_type(schema.field(first).type, rest) if first in schema.names else None


def _field_type(kind: pa.DataType, path: Sequence[str]) -> pa.DataType | None:
    if not path:
        return kind
    plain = _plain_type(kind)
    if pa.types.is_list(plain):
        inner = _field_type(plain.value_type, path)
        return None if inner is None else pa.list_(inner)
    if not pa.types.is_struct(plain) or plain.get_field_index(path[0]) < 0:
        return None
    return _field_type(plain.field(path[0]).type, path[1:])


def _read_as(name: str, schema: pa.Schema) -> str:
    """Return what of a column is read: it, or of a list on the way to it the whole list."""
    if name in schema.names:
        return name
    first, *rest = name.split(".")
    kind = schema.field(first).type
    for depth, part in enumerate(rest):
        if not pa.types.is_struct(kind):
            return ".".join([first, *rest[:depth]])
        kind = kind.field(part).type
    return name


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    if name in batch.schema.names:
        return batch.column(name)
    first, *rest = name.split(".")
    return _field(batch.column(first), rest)


def _field(column: pa.Array, path: Sequence[str]) -> pa.Array:
    """Return a field of objects, or of the objects in lists; a list that is null is empty."""
    if not path:
        return column
    if pa.types.is_struct(column.type):
        return _field(pc.struct_field(column, path[0]), path[1:])
    lists = column.cast(_plain_type(column.type))
    return lists_of(counts_of(lists), _field(lists.flatten(), path))


def _block(
    batch: pa.RecordBatch,
    names: Mapping[str, str],
    source: str,
    first: int,
    reject: str | None,
    keep_raw: bool,
) -> Block:
    texts = {column: _as_text(_column(batch, name)) for column, name in names.items()}
    bad = np.zeros(batch.num_rows, bool)
    for _, of_column in texts.values():
        bad |= of_column
    why = dict.fromkeys(np.flatnonzero(bad).tolist(), NOT_DECODABLE)
    if reject is not None:
        why = dict.fromkeys(range(batch.num_rows), reject)
    keep = np.array([row not in why for row in range(batch.num_rows)], bool)
    mask = pa.array(keep)
    rejects = [
        RejectedRow(source, first + row, reason, _shown(batch, row)) for row, reason in why.items()
    ]
    return Block.of_columns(
        {column: text.filter(mask) for column, (text, _) in texts.items()},
        np.arange(first, first + batch.num_rows, dtype=np.int64)[keep],
        rejects,
        batch.nbytes,
        _raw(batch.filter(mask)) if keep_raw else None,
    )


def _raw(batch: pa.RecordBatch) -> pa.Array:
    rows = (json.dumps(row, ensure_ascii=False, default=str) for row in batch.to_pylist())
    return pa.array([row.encode("utf-8", "replace") for row in rows], pa.binary())


def _shown(batch: pa.RecordBatch, row: int) -> bytes:
    return repr(batch.take([row])).encode()


def _as_text(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return a column as strings, and which of its rows hold bytes of no character."""
    kind = column.type
    if pa.types.is_list(kind):
        column = column.cast(pa.list_(kind.value_type))
        values, bad = _as_text(column.flatten())
        rows = rows_of(column)
        of_rows = np.bincount(rows[bad], minlength=len(column)) > 0
        return lists_of(counts_of(column), values), of_rows
    if pa.types.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if pa.types.is_floating(kind):
        return float_texts(column), np.zeros(len(column), bool)
    if not (_is_bytes(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return pc.cast(column, pa.string()), np.zeros(len(column), bool)
    raw = pc.cast(column, pa.binary())
    try:
        return pc.cast(raw, pa.string()), np.zeros(len(column), bool)
    except pa.ArrowInvalid:
        texts = [_decoded(value) for value in raw.to_pylist()]
        lost = [
            text is None and known
            for text, known in zip(texts, raw.is_valid().to_pylist(), strict=True)
        ]
        return pa.array(texts, pa.string()), np.array(lost, bool)


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
