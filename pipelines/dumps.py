"""The door for product dumps: CSV, TSV, JSON, XML or Parquet in, ids and titles out.

Without Beam, so that a dump can be looked at in a second: `pipelines.read_dump` reads it with Beam.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.columns import ColumnFeature, DenseColumn, headers_of
from configs.dump import DumpSettings
from configs.errors import UsageError
from pipelines import fingerprints, listing
from pipelines.blocks import Block, MissingColumn
from pipelines.cut_files import file_parts
from pipelines.file_parts import WHOLE, FilePart
from pipelines.json_lines import is_json_lines
from pipelines.object_files import read_object_blocks
from pipelines.parquet_rows import read_parquet_blocks
from pipelines.tables import TableFormat, read_blocks
from pipelines.unpacking import DamagedFile, check_unpacks, plain_name
from transforms.column_values import NO_TITLE, joined_text, number_values, text_values
from transforms.csv_records import NUL_BYTE, TOO_LONG, RejectedRow

DUMP_ROWS = pa.schema(
    [
        ("file", pa.int32()),
        ("line", pa.int64()),
        ("id", pa.string()),
        ("title", pa.string()),
    ]
)
NO_ID = "no id"

Format = Literal["csv", "tsv", "jsonl", "json", "xml", "parquet"]
ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".xml": "xml",
    ".parquet": "parquet",
}
DELIMITERS: dict[str, str] = {"csv": ",", "tsv": "\t"}


@dataclass(frozen=True)
class DumpFile:
    """A file of a dump: its place in the sorted list, its path, how it is written, its bytes.

    Only those of `part` are read.
    """

    number: int
    path: str
    relative: str
    form: Format
    size: int
    part: FilePart = WHOLE


def find_dump_files(
    dump: str, settings: DumpSettings, features: Mapping[str, ColumnFeature] | None = None
) -> list[DumpFile]:
    """Return the files of a dump, in path order.

    `dump` is a file, a folder or a glob; `features` are those that the model takes beside the
    title. In a folder or glob names that begin with `_` or `.` are no part of it, as Spark has it,
    nor are those with `~$`, the marks of files that are open in an office program.
    Raises `UsageError` where there is none, its format cannot be told, it lacks a column, nothing
    is in it, or it is compressed and damaged.
    """
    found = _parts_of(dump)
    files = [
        DumpFile(number, info.path, info.relative, _format_of(info, settings), info.size)
        for number, info in enumerate(found)
    ]
    for file in files:
        _check_columns(file, settings, features or {})
    if not any(info.size for info in found):
        raise UsageError(f"--dump {dump}: empty, not even a header; was it written to the end?")
    return files


def dump_fingerprint(files: Sequence[DumpFile]) -> str:
    """Return 32 hexadecimal digits over the files of a dump, each read to its end."""
    return fingerprints.content_fingerprint(
        [listing.FileInfo(file.path, file.relative, file.size) for file in files]
    )


def _parts_of(dump: str) -> list[listing.FileInfo]:
    found = listing.list_files(dump)
    if not found:
        raise UsageError(f"--dump {dump}: no such file; name a file, a folder or a glob")
    folder = listing.folder_before_glob(dump)
    parts = [file for file in found if file.path == dump or not _is_aside(file, folder)]
    if not parts:
        raise UsageError(
            f"--dump {dump}: only {found[0].relative} and the like, which is no part of a dump: "
            "its name begins with _, ~$ or a dot; name the file itself"
        )
    return parts


def _is_aside(file: listing.FileInfo, folder: str | None) -> bool:
    """Tell whether a file, or a folder above it, stands beside a dump: `_SUCCESS`, `~$shop.csv`.

    `folder` is what a glob names before its signs: whatever it is called, it was asked for.
    """
    name = file.relative if folder is None else file.path.removeprefix(folder)
    return any(part.startswith(("_", ".", listing.OPEN_MARK)) for part in name.split("/"))


def _format_of(file: listing.FileInfo, settings: DumpSettings) -> Format:
    if settings.format != "auto":
        return settings.format
    ending = "." + plain_name(file.relative).rpartition(".")[2].lower()
    if ending not in ENDINGS:
        raise UsageError(
            f"--dump {file.relative}: its format cannot be told from {ending!r}; "
            "set dump.format to csv, tsv, jsonl, json, xml or parquet, or leave it out by a glob"
        )
    form = ENDINGS[ending]
    if form == "xml" and settings.items is None:
        raise UsageError(
            f"--dump {file.relative}: XML needs dump.items, the name of the element that holds "
            "a product"
        )
    if form == "json" and settings.items is None and is_json_lines(file.path, settings.encoding):
        return "jsonl"
    return form


def _check_columns(
    file: DumpFile, settings: DumpSettings, features: Mapping[str, ColumnFeature]
) -> None:
    try:
        check_unpacks(file.path)
        next(read_dump_file(file, settings, features), None)
    except MissingColumn as missing:
        keys = "dump.id, dump.title and dump.columns" if features else "dump.id and dump.title"
        mend = "set dump.delimiter" if missing.delimiter else f"set {keys} to the columns it has"
        raise UsageError(f"--dump {file.path}: {missing}; {mend}") from missing
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"--dump {file.path}: not a {file.form} file: {reason}") from error


def parts_of(file: DumpFile, settings: DumpSettings) -> list[DumpFile]:
    """Return a file as parts that can be read apart: a large one is several."""
    form = "table" if file.form in DELIMITERS else file.form
    parts = file_parts(file.path, file.size, form, _table_format(file, settings))
    return [replace(file, part=part) for part in parts]


def read_dump_file(
    file: DumpFile,
    settings: DumpSettings,
    features: Mapping[str, ColumnFeature] | None = None,
) -> Iterator[tuple[pa.RecordBatch, list[RejectedRow]]]:
    """Yield batches of `DUMP_ROWS`, with a column a feature, and the rejects beside them.

    A row without an id or a title, or whose number is none, is a reject. Raises `MissingColumn`,
    and `UsageError` where the file cannot be read to its end.
    """
    headers = {**headers_of(features or {}), **settings.columns}
    for block in _whole(_blocks(file, settings, [headers[name] for name in features or {}])):
        ids, *titles = (v for name, v in block.columns.items() if not name.startswith(_FURTHER))
        title = titles[0] if len(titles) == 1 else joined_text(titles)
        further, bad = {}, {}
        for name, feature in (features or {}).items():
            values = block.columns[_FURTHER + headers[name]]
            if isinstance(feature, DenseColumn):
                why = f"{headers[name]} is not a number"
                further[name], bad[why] = number_values(values, feature.decimal)
            else:
                further[name] = text_values(values)
        yield _rows_of(file, block, ids, title, further, bad, settings.max_record_bytes)


def _whole(blocks: Iterator[Block]) -> Iterator[Block]:
    try:
        yield from blocks
    except DamagedFile as damage:  # as what Beam can raise anew, with the step's name in it
        raise UsageError(f"--dump {damage}") from damage


_FURTHER = "further:"


def _blocks(file: DumpFile, settings: DumpSettings, further: Sequence[str]) -> Iterator[Block]:
    """Read the id, the columns that make the title, named by their place, and further ones."""
    titles = settings.title_join or [settings.title]
    columns = {"id": [settings.id], **{f"{n}": [name] for n, name in enumerate(titles)}}
    columns |= {_FURTHER + name: [name] for name in further}
    if file.form in ("jsonl", "json", "xml"):
        return read_object_blocks(
            file.path,
            file.relative,
            columns,
            file.form,
            items=settings.items,
            encoding=settings.encoding,
            max_record_bytes=settings.max_record_bytes,
            part=file.part,
        )
    if file.form == "parquet":
        return read_parquet_blocks(file.path, file.relative, columns, part=file.part)
    form = _table_format(file, settings)
    return read_blocks(file.path, file.relative, columns, form, part=file.part)


def _table_format(file: DumpFile, settings: DumpSettings) -> TableFormat:
    return TableFormat(
        settings.delimiter or DELIMITERS.get(file.form, ","),
        settings.encoding,
        settings.max_record_bytes,
        quoted=settings.quoting == "rfc4180",
        header=tuple(settings.header),
        skip_lines=settings.skip_lines,
        escape=settings.escape,
    )


def _rows_of(
    file: DumpFile,
    block: Block,
    ids: pa.Array,
    titles: pa.Array,
    further: Mapping[str, pa.Array],
    not_numbers: Mapping[str, np.ndarray],
    max_bytes: int,
) -> tuple[pa.RecordBatch, list[RejectedRow]]:
    """Leave out the rows without an id or a title, with a NUL, or too long; ids are trimmed."""
    lines, rejects = block.lines, block.rejects
    ids = pc.utf8_trim_whitespace(ids)
    without = {
        NO_ID: pc.fill_null(pc.equal(ids, ""), True),
        NO_TITLE: pc.fill_null(pc.equal(pc.utf8_trim_whitespace(titles), ""), True),
        NUL_BYTE: _either(lambda text: pc.match_substring(text, "\0"), ids, titles),
        TOO_LONG: _either(lambda text: pc.greater(pc.binary_length(text), max_bytes), ids, titles),
        **{reason: pa.array(rows) for reason, rows in not_numbers.items()},
    }
    bad = functools.reduce(pc.or_, without.values())
    more = []
    for row in np.flatnonzero(bad.to_numpy(zero_copy_only=False)):
        reason = next(why for why, mask in without.items() if mask[row].as_py())
        raw = json.dumps([ids[row].as_py(), titles[row].as_py()], ensure_ascii=False).encode()
        more.append(RejectedRow(file.relative, int(lines[row]), reason, raw))
    number = pa.array(np.full(len(lines), file.number, np.int32))
    batch = pa.RecordBatch.from_arrays([number, pa.array(lines), ids, titles], schema=DUMP_ROWS)
    for name, values in further.items():
        batch = batch.append_column(name, values)
    return (batch.filter(pc.invert(bad)) if more else batch), [*rejects, *more]


def _either(test: Callable[[pa.Array], pa.Array], ids: pa.Array, titles: pa.Array) -> pa.Array:
    return pc.or_(*(pc.fill_null(test(column), False) for column in (ids, titles)))
