"""Tables beside the category files, that add columns to each record by a key: look-ups."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.errors import UsageError
from configs.source import SourceSettings
from pipelines import listing
from pipelines.blocks import Block
from pipelines.side_tables import SideFile, find_side_files, names_of, read_side_table
from transforms.csv_records import RejectedRow

_WHERE = "source.joins"
_KEY = ":key"  # the column of the keys; a header is never called so


@dataclass(frozen=True)
class JoinTable:
    """A table in memory: a row a key."""

    name: str
    by: str
    keys: pa.Array
    columns: dict[str, pa.Array]


def find_join_files(
    root: str, source: SourceSettings
) -> tuple[tuple[tuple[SideFile, ...], ...], list[listing.FileInfo]]:
    """Return the files of each join in order, and all of them; every table is read once.

    Raises `UsageError` where there is none, a column is missing, a row cannot be read or a key
    stands twice.
    """
    found = [find_side_files(root, join.files, _WHERE) for join in source.joins]
    tables = tuple(files for files, _ in found)
    load_joins(tables, source)
    return tables, [info for _, infos in found for info in infos]


def load_joins(files: Sequence[tuple[SideFile, ...]], source: SourceSettings) -> list[JoinTable]:
    """Return the tables of all joins, in order; kept in memory for as long as the process lives.

    Raises `UsageError` for a table that cannot be looked up without doubt.
    """
    document = source.model_dump_json()
    return [_load_join(of_join, number, document) for number, of_join in enumerate(files)]


@functools.lru_cache(maxsize=64)
def _load_join(files: tuple[SideFile, ...], number: int, document: str) -> JoinTable:
    source = SourceSettings.model_validate_json(document)
    join = source.joins[number]
    wanted = {_KEY: join.key or join.by, **{name: name for name in join.columns}}
    columns = read_side_table(files, wanted, source, _WHERE, "by, key or columns")
    keys = pc.utf8_trim_whitespace(columns.pop(_KEY))
    counts = pc.value_counts(keys)
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    name = names_of(files)
    if len(twice):
        value, count = twice[0]["values"], twice[0]["counts"]
        raise UsageError(
            f"{_WHERE} {name}: {join.key or join.by} {str(value)!r} stands {count} times; "
            "a record must find one row: remove the others"
        )
    return JoinTable(name, join.by, keys, columns)


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
