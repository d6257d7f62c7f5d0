"""The door for product dumps: CSV, TSV, JSON lines or Parquet in, ids and titles out."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.errors import UsageError
from configs.settings import DumpSettings
from pipelines import storage
from pipelines.progress import ProgressLog
from pipelines.rejects import rejects_batch
from pipelines.tables import MissingColumn, TableFormat, read_blocks
from transforms.csv_records import NOT_DECODABLE, NUL_BYTE, TOO_LONG, RejectedRow

DUMP_ROWS = pa.schema(
    [
        ("file", pa.int32()),
        ("line", pa.int64()),
        ("id", pa.string()),
        ("title", pa.string()),
    ]
)
NO_ID, NO_TITLE = "no id", "no title"
NOT_JSON = "not a JSON object"
REJECTS = "rejects"

Format = Literal["csv", "tsv", "jsonl", "parquet"]
_ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
_LINES_AT_ONCE = 20_000


@dataclass(frozen=True)
class DumpFile:
    """A file of a dump: its place in the sorted list, its path and how it is written."""

    number: int
    path: str
    relative: str
    form: Format


def find_dump_files(dump: str, settings: DumpSettings) -> tuple[list[DumpFile], str]:
    """Return the files of a dump, in path order, and their fingerprint.

    `dump` is a file, a folder or a glob. Raises `UsageError` where there is none, its format
    cannot be told, it lacks the id's or the title's column, or nothing is in it.
    """
    found = storage.list_files(dump)
    if not found:
        raise UsageError(f"--dump {dump}: no such file; name a file, a folder or a glob")
    files = [
        DumpFile(number, info.path, info.relative, _format_of(info.relative, settings))
        for number, info in enumerate(found)
    ]
    for file in files:
        _check_columns(file, settings)
    if not any(info.size for info in found):
        raise UsageError(f"--dump {dump}: empty, not even a header; was it written to the end?")
    return files, storage.content_fingerprint(found)


def _format_of(name: str, settings: DumpSettings) -> Format:
    if settings.format != "auto":
        return settings.format
    ending = "." + name.rpartition(".")[2].lower()
    if ending not in _ENDINGS:
        raise UsageError(
            f"--dump {name}: its format cannot be told from {ending!r}; "
            "set dump.format to csv, tsv, jsonl or parquet"
        )
    return _ENDINGS[ending]


def _check_columns(file: DumpFile, settings: DumpSettings) -> None:
    try:
        next(read_dump_file(file, settings), None)
    except MissingColumn as missing:
        raise UsageError(
            f"--dump {file.path}: {missing}; set dump.id and dump.title to the columns it has"
        ) from missing
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"--dump {file.path}: not a {file.form} file: {reason}") from error


class ReadDump(beam.PTransform):
    """Read files into batches of `DUMP_ROWS`; the output `rejects` holds batches of rejects."""

    def __init__(self, settings: DumpSettings, progress: ProgressLog) -> None:
        super().__init__()
        self._do_fn = _ReadDumpFile(settings, progress)

    def expand(self, files: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return files | beam.ParDo(self._do_fn).with_outputs(REJECTS, main="rows")


class _ReadDumpFile(beam.DoFn):
    def __init__(self, settings: DumpSettings, progress: ProgressLog) -> None:
        self._settings, self._progress = settings, progress

    def process(self, file: DumpFile) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
        for batch, rejects in read_dump_file(file, self._settings):
            self._progress.add("rows read", batch.num_rows + len(rejects))
            if batch.num_rows:
                yield batch
            if rejects:
                yield beam.pvalue.TaggedOutput(REJECTS, rejects_batch(rejects))


def read_dump_file(
    file: DumpFile, settings: DumpSettings
) -> Iterator[tuple[pa.RecordBatch, list[RejectedRow]]]:
    """Yield batches of `DUMP_ROWS` and the rejects beside them.

    A row without an id or a title is a reject. Raises `MissingColumn`.
    """
    readers = {"jsonl": _read_json_lines, "parquet": _read_parquet}
    reader = readers.get(file.form, _read_table)
    for lines, ids, titles, rejects in reader(file, settings):
        yield _rows_of(file, lines, ids, titles, rejects, settings.max_record_bytes)


_Columns = tuple[np.ndarray, pa.Array, pa.Array, list[RejectedRow]]


def _read_table(file: DumpFile, settings: DumpSettings) -> Iterator[_Columns]:
    delimiter = settings.delimiter or {"csv": ",", "tsv": "\t"}[file.form]
    form = TableFormat(delimiter, settings.encoding, settings.max_record_bytes)
    columns = {"id": [settings.id], "title": [settings.title]}
    for block in read_blocks(file.path, file.relative, columns, form):
        yield block.lines, block.columns["id"], block.columns["title"], block.rejects


def _read_json_lines(file: DumpFile, settings: DumpSettings) -> Iterator[_Columns]:
    wanted = (settings.id, settings.title)
    with storage.open_input(file.path) as lines:
        first = 1
        while chunk := lines.readlines(_LINES_AT_ONCE * 128):
            yield _json_columns(file, wanted, first, chunk)
            first += len(chunk)


def _json_columns(
    file: DumpFile, wanted: Sequence[str], first: int, chunk: Sequence[bytes]
) -> _Columns:
    numbers: list[int] = []
    values: tuple[list[str | None], list[str | None]] = ([], [])
    rejects = []
    for number, line in enumerate(chunk, first):
        row = _json_object(line)
        if row is None:
            rejects.append(RejectedRow(file.relative, number, NOT_JSON, line))
            continue
        if number == 1:
            missing = [name for name in wanted if name not in row]
            if missing:
                raise MissingColumn(missing, list(row))
        numbers.append(number)
        for column, name in zip(values, wanted, strict=True):
            column.append(_text_of(row.get(name)))
    ids, titles = (pa.array(column, pa.string()) for column in values)
    return np.array(numbers, np.int64), ids, titles, rejects


def _json_object(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):  # the latter for a thousand brackets
        return None
    return row if isinstance(row, dict) else None


def _text_of(value: object) -> str | None:
    """Return a string or a number as text; whatever else is no id and no title, NaN neither."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return str(value) if not isinstance(value, float) or math.isfinite(value) else None


def _read_parquet(file: DumpFile, settings: DumpSettings) -> Iterator[_Columns]:
    with storage.open_input(file.path) as raw:
        table = pq.ParquetFile(raw)
        missing = [n for n in (settings.id, settings.title) if n not in table.schema_arrow.names]
        if missing:
            raise MissingColumn(missing, table.schema_arrow.names)
        for name in (settings.id, settings.title):
            kind = table.schema_arrow.field(name).type
            if pa.types.is_nested(kind):
                raise UsageError(
                    f"--dump {file.path}: the column {name} holds {kind}, expected text or "
                    "numbers; set dump.id and dump.title to such columns"
                )
        first = 1
        for batch in table.iter_batches(65_536, columns=[settings.id, settings.title]):
            lines = np.arange(first, first + batch.num_rows, dtype=np.int64)
            pairs = [_as_text(batch.column(name)) for name in (settings.id, settings.title)]
            bad = pairs[0][1] | pairs[1][1]
            rejects = [
                RejectedRow(
                    file.relative, first + row, NOT_DECODABLE, repr(batch.take([row])).encode()
                )
                for row in np.flatnonzero(bad).tolist()
            ]
            ids, titles = (text.filter(pa.array(~bad)) for text, _ in pairs)
            yield lines[~bad], ids, titles, rejects
            first += batch.num_rows


def _as_text(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return a column as strings, and which of its rows hold bytes of no character."""
    kind = column.type
    if not (_is_bytes(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return pc.cast(column, pa.string()), np.zeros(len(column), bool)
    raw = pc.cast(column, pa.binary())
    try:
        return pc.cast(raw, pa.string()), np.zeros(len(column), bool)
    except pa.ArrowInvalid:
        texts = [_decoded(value) for value in raw.to_pylist()]
        bad = [
            text is None and known
            for text, known in zip(texts, raw.is_valid().to_pylist(), strict=True)
        ]
        return pa.array(texts, pa.string()), np.array(bad, bool)


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _rows_of(
    file: DumpFile,
    lines: np.ndarray,
    ids: pa.Array,
    titles: pa.Array,
    rejects: list[RejectedRow],
    max_bytes: int,
) -> tuple[pa.RecordBatch, list[RejectedRow]]:
    """Leave out the rows without an id or a title, with a NUL, or too long; ids are trimmed."""
    ids = pc.utf8_trim_whitespace(ids)
    without = {
        NO_ID: pc.fill_null(pc.equal(ids, ""), True),
        NO_TITLE: pc.fill_null(pc.equal(pc.utf8_trim_whitespace(titles), ""), True),
        NUL_BYTE: _either(lambda text: pc.match_substring(text, "\0"), ids, titles),
        TOO_LONG: _either(lambda text: pc.greater(pc.binary_length(text), max_bytes), ids, titles),
    }
    bad = functools.reduce(pc.or_, without.values())
    more = []
    for row in np.flatnonzero(bad.to_numpy(zero_copy_only=False)):
        reason = next(why for why, mask in without.items() if mask[row].as_py())
        raw = json.dumps([ids[row].as_py(), titles[row].as_py()], ensure_ascii=False).encode()
        more.append(RejectedRow(file.relative, int(lines[row]), reason, raw))
    number = pa.array(np.full(len(lines), file.number, np.int32))
    batch = pa.RecordBatch.from_arrays([number, pa.array(lines), ids, titles], schema=DUMP_ROWS)
    return (batch.filter(pc.invert(bad)) if more else batch), [*rejects, *more]


def _either(test: Callable[[pa.Array], pa.Array], ids: pa.Array, titles: pa.Array) -> pa.Array:
    return pc.or_(*(pc.fill_null(test(column), False) for column in (ids, titles)))
