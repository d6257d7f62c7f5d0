"""Tables beside the category files, that add columns to each record by a key: look-ups."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.errors import UsageError
from configs.source import JoinSettings, SourceSettings
from pipelines import listing
from pipelines.blocks import Block, MissingColumn
from pipelines.tables import TableFormat, read_blocks
from transforms.csv_records import RejectedRow

_KEY = "key"


@dataclass(frozen=True)
class JoinFile:
    """A file of a table to join: its path, and how it is called in messages."""

    path: str
    relative: str


@dataclass(frozen=True)
class JoinTable:
    """A table in memory: a row a key."""

    name: str
    by: str
    keys: pa.Array
    columns: dict[str, pa.Array]


def find_join_files(
    root: str, source: SourceSettings
) -> tuple[tuple[tuple[JoinFile, ...], ...], list[listing.FileInfo]]:
    """Return the files of each join in order, and all of them; every table is read once.

    Raises `UsageError` where there is none, a column is missing, a row cannot be read or a key
    stands twice.
    """
    found = [listing.list_files(root, join.files) for join in source.joins]
    tables = []
    for join, infos in zip(source.joins, found, strict=True):
        if not infos:
            raise UsageError(
                f"--input {root}: no file matches {join.files!r} of source.joins; "
                "put the table there, or correct the join's files"
            )
        tables.append(tuple(JoinFile(info.path, info.relative) for info in infos))
        load_join(tables[-1], join, _form(source))
    return tuple(tables), [info for infos in found for info in infos]


def load_join(files: Sequence[JoinFile], join: JoinSettings, form: TableFormat) -> JoinTable:
    """Return a table that is kept in memory for as long as the process lives.

    Raises `UsageError` for a table that cannot be looked up without doubt.
    """
    return _load_join(tuple(files), join.model_dump_json(), form)


@functools.lru_cache(maxsize=64)
def _load_join(files: tuple[JoinFile, ...], document: str, form: TableFormat) -> JoinTable:
    join = JoinSettings.model_validate_json(document)
    blocks = [block for file in files for block in _read(file, join, form)]
    names = [_KEY, *join.columns]
    table = pa.table(
        [pa.chunked_array([b.columns[name] for b in blocks], pa.string()) for name in names],
        names,
    ).combine_chunks()
    columns = {name: _one_array(table.column(name)) for name in names}
    keys = pc.utf8_trim_whitespace(columns.pop(_KEY))
    counts = pc.value_counts(keys)
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    name = " and ".join(file.relative for file in files)
    if len(twice):
        value, count = twice[0]["values"], twice[0]["counts"]
        raise UsageError(
            f"source.joins {name}: {join.key or join.by} {str(value)!r} stands {count} times; "
            "a record must find one row: remove the others"
        )
    return JoinTable(name, join.by, keys, columns)


def _read(file: JoinFile, join: JoinSettings, form: TableFormat) -> list[Block]:
    wanted = {_KEY: [join.key or join.by], **{name: [name] for name in join.columns}}
    try:
        blocks = list(read_blocks(file.path, file.relative, wanted, form))
    except MissingColumn as missing:
        raise UsageError(
            f"source.joins {file.relative}: {missing}; correct by, key or columns"
        ) from missing
    bad = [reject for block in blocks for reject in block.rejects]
    if bad:
        raise UsageError(
            f"source.joins {file.relative}: line {bad[0].line}: {bad[0].reason}; mend the table, "
            "or correct source.delimiter, quoting or encoding"
        )
    return blocks


def join_block(block: Block, table: JoinTable, source: str) -> Block:
    """Add the table's columns to a block by its column `by`; what is not found is a reject.

    With a table `{7: fish}` by `aisle`, the rows `7, 8` give the column `[fish]` and a reject.
    """
    place = pc.index_in(pc.utf8_trim_whitespace(block.columns[table.by]), table.keys)
    known = place.is_valid()
    lost = np.flatnonzero(~known.to_numpy(zero_copy_only=False)).tolist()
    more = {name: column.take(place) for name, column in table.columns.items()}
    columns = {**block.columns, **more}
    if not lost:
        return replace(block, columns=columns)
    why = dict.fromkeys(lost, f"its {table.by} is not in {table.name}")
    return reject_rows(replace(block, columns=columns), why, source)


def reject_rows(block: Block, why: Mapping[int, str], source: str) -> Block:
    """Return the block with these rows, which keep their bytes, among the rejects."""
    assert block.raw is not None
    keep = np.ones(len(block.lines), bool)
    keep[list(why)] = False
    more = [
        RejectedRow(source, int(block.lines[row]), reason, block.raw[row].as_py())
        for row, reason in sorted(why.items())
    ]
    return block.take(keep, more)


def _form(source: SourceSettings) -> TableFormat:
    return TableFormat(
        source.delimiter,
        source.encoding,
        source.max_record_bytes,
        quoted=source.quoting == "rfc4180",
    )


def load_joins(files: Sequence[tuple[JoinFile, ...]], source: SourceSettings) -> list[JoinTable]:
    """Return the tables of all joins, in order."""
    return [
        load_join(of_join, join, _form(source))
        for of_join, join in zip(files, source.joins, strict=True)
    ]


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.chunks else pa.array([], pa.string())
