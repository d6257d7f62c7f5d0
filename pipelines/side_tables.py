"""Tables beside the category files, each read whole: those to join, and the tree of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from configs.errors import UsageError
from configs.source import SourceSettings
from pipelines import fingerprints, listing
from pipelines.blocks import Block, MissingColumn
from pipelines.tables import TableFormat, read_blocks


@dataclass(frozen=True)
class SideFile:
    """A file of such a table: its path, how it is called in messages, a hash of its content.

    By the hash a process that outlives a run tells a table that has changed since.
    """

    path: str
    relative: str
    digest: str = ""


def find_side_files(
    root: str, pattern: str, where: str
) -> tuple[tuple[SideFile, ...], list[listing.FileInfo]]:
    """Return the files below `root` that make up the table of the section `where`.

    Raises `UsageError` where there is none.
    """
    found = listing.without_marks(listing.list_files(root, pattern), root)
    if not found:
        raise UsageError(
            f"--input {root}: no file matches {pattern!r} of {where}; put the table there, or "
            f"correct {where}.files"
        )
    digests = fingerprints.content_digests(found)
    files = (SideFile(f.path, f.relative, d) for f, d in zip(found, digests, strict=True))
    return tuple(files), found


def names_of(files: Sequence[SideFile]) -> str:
    """Return how a table of several files is called in messages."""
    return " and ".join(file.relative for file in files)


def read_side_table(
    files: Sequence[SideFile],
    columns: Mapping[str, str],
    source: SourceSettings,
    where: str,
    mend: str,
) -> dict[str, pa.Array]:
    """Return columns of a table, by names of their own: `columns` maps these to the headers.

    The table is written as the category files are, where these are tables. Raises `UsageError` for
    a column that is missing (`mend` says which keys to correct), and for a row that cannot be read.
    """
    form = _form(source)
    blocks = [block for file in files for block in _read(file, columns, form, where, mend)]
    return {
        name: pa.concat_arrays([pa.array([], pa.string()), *(b.columns[name] for b in blocks)])
        for name in columns
    }


def _read(
    file: SideFile, columns: Mapping[str, str], form: TableFormat, where: str, mend: str
) -> list[Block]:
    wanted = {name: [header] for name, header in columns.items()}
    try:
        blocks = list(read_blocks(file.path, file.relative, wanted, form))
    except MissingColumn as missing:
        raise UsageError(
            f"{where} {file.relative}: {missing}; correct {mend}, or source.delimiter: the table "
            "is delimited text"
        ) from missing
    bad = [reject for block in blocks for reject in block.rejects]
    if bad:
        raise UsageError(
            f"{where} {file.relative}: line {bad[0].line}: {bad[0].reason}; mend the table, "
            "or correct source.delimiter, quoting or encoding"
        )
    return blocks


def _form(source: SourceSettings) -> TableFormat:
    return TableFormat(
        source.delimiter,
        source.encoding,
        source.max_record_bytes,
        quoted=source.quoting == "rfc4180",
    )
