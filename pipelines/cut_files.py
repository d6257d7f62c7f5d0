"""Cut large files into parts, which workers read apart: what these read is what one would.

Text is cut where a record surely begins (`transforms.record_starts`), Parquet between row groups.
What is compressed, of several bytes a character other than UTF-8, or small, stays whole.
"""

from __future__ import annotations

import bisect
import contextlib
import io
import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines import storage
from pipelines.file_parts import WHOLE, FilePart
from pipelines.tables import TableFormat
from pipelines.text_files import encodings_of, keeping, told_by_bytes
from pipelines.unpacking import is_packed, open_unpacked
from transforms.csv_records import record_starts, split_records
from transforms.record_starts import sure_start

PART_BYTES = 16 << 20
_RECORDS_A_PART = 16  # of the longest, or more: to find where one begins takes two
# As much as the longest record takes has to be looked at; twice as much tells whether a quote that
# is open at the end is one that no record closes.
_AHEAD = (1.1, 2.25)

_FindStart = Callable[[bytes], int | None]


def file_parts(path: str, size: int, form: str, text: TableFormat) -> list[FilePart]:
    """Return the parts of a file of `size` bytes: a `table`, `jsonl` or `parquet`; others are one.

    `text` says how a table is written, of JSON lines the encoding.
    """
    if form == "table":
        return table_parts(path, size, text)
    if form == "jsonl":
        return line_parts(path, size, text.encoding)
    return row_group_parts(path, size) if form == "parquet" else [WHOLE]


def table_parts(path: str, size: int, form: TableFormat) -> list[FilePart]:
    """Return the parts of a file of delimited text of `size` bytes."""
    part_bytes = max(PART_BYTES, _RECORDS_A_PART * form.max_record_bytes * form.quoted)
    if size < 2 * part_bytes:
        return [WHOLE]
    with _searched(path, form) as (raw, find):
        if find is None:
            return [WHOLE]
        blocks = iter(lambda: raw.read(part_bytes), b"")
        return _between([(0, 1), *_begins(blocks, find, part_bytes // 2)])


def line_parts(path: str, size: int, encoding: str) -> list[FilePart]:
    """Return the parts of a file in which every line is a record."""
    return table_parts(path, size, TableFormat(encoding=encoding, quoted=False))


def pieces(path: str, size: int, form: TableFormat, count: int, length: int) -> list[FilePart]:
    """Return pieces of `length` bytes that begin at records, at even places of a file of text.

    The beginning is none of the `count` places; lines are not counted. Each line is a record where
    quotes are text.
    """
    found = []
    with _searched(path, form) as (raw, find):
        if find is None:
            return []
        for number in range(1, count + 1):
            place = size * number // (count + 1)
            raw.seek(place)
            start = find(raw.read(int(_AHEAD[-1] * form.max_record_bytes)))
            if start is not None:
                found.append(FilePart(place + start, min(size, place + start + length)))
    return found


@contextlib.contextmanager
def _searched(
    path: str, form: TableFormat
) -> Iterator[tuple[io.BufferedReader, _FindStart | None]]:
    """Open a file; with it comes what finds the records in bytes of it, None if it stays whole."""
    told = told_by_bytes(path, form.encoding)
    with open_unpacked(path) as raw:
        page = encodings_of(raw, told)[1]
        if is_packed(raw) or not _has_plain_lines(page):
            yield raw, None
        else:
            yield raw, _RecordStart(form, page) if form.quoted else _line_start


def row_group_parts(path: str, size: int) -> list[FilePart]:
    """Return the parts of a Parquet file; what is none stays whole."""
    if size < 2 * PART_BYTES:
        return [WHOLE]
    try:
        with storage.open_input(path) as raw:
            about = pq.ParquetFile(raw).metadata
            groups = [about.row_group(number) for number in range(about.num_row_groups)]
            sizes = [(group.num_rows, group.total_byte_size) for group in groups]
    except (pa.ArrowException, OSError):
        return [WHOLE]
    begins, line, filled = [(0, 1)], 1, 0
    for number, (rows, content) in enumerate(sizes):
        if filled >= PART_BYTES:
            begins.append((number, line))
            filled = 0
        line, filled = line + rows, filled + content
    return _between(begins)


def _begins(blocks: Iterator[bytes], find: _FindStart, least: int) -> Iterator[tuple[int, int]]:
    """Yield where a part begins in each block but the first: its byte, and its line."""
    read, lines, end = 0, 1, b""
    for block in blocks:
        place = find(block) if read and len(block) >= least else None
        if place is not None:
            yield read + place, lines + _line_ends(end, block[:place])
        lines += _line_ends(end, block)
        read, end = read + len(block), block[-1:]


def _line_ends(before: bytes, content: bytes) -> int:
    r"""Count the line ends; a `\n` at the beginning is none of its own behind `\r`."""
    codes = np.frombuffer(content, np.uint8)
    feeds, returns = codes == ord("\n"), codes == ord("\r")
    both = np.count_nonzero(returns[:-1] & feeds[1:])
    over = before == b"\r" and content.startswith(b"\n")
    return int(np.count_nonzero(feeds) + np.count_nonzero(returns)) - int(both) - over


def _between(begins: list[tuple[int, int]]) -> list[FilePart]:
    ends = [*(place for place, _ in begins[1:]), None]
    return [FilePart(place, end, line) for (place, line), end in zip(begins, ends, strict=True)]


def _has_plain_lines(page: str) -> bool:
    """Tell whether a line end is one byte, which is part of no other character."""
    return page == "utf-8" or len(bytes(range(256)).decode(page, "replace")) == 256


def _line_start(block: bytes) -> int | None:
    first = block.splitlines(keepends=True)[0]
    return len(first) if len(first) < len(block) else None


class _RecordStart:
    """Finds where a record of quoted text begins in bytes out of the middle of a file."""

    def __init__(self, form: TableFormat, page: str) -> None:
        self._page, self._errors, self._most = page, keeping(page), form.max_record_bytes
        self._form = form

    def __call__(self, block: bytes) -> int | None:
        for ahead in _AHEAD:
            if (place := self._look(block, int(ahead * self._most))) is not None:
                return place
        return None

    def _look(self, block: bytes, ahead: int) -> int | None:
        found = block[:ahead].splitlines(keepends=True)
        lines = found[1:-1]  # the others are cut
        places = list(itertools.accumulate(map(len, lines), initial=len(found[0])))
        within = bisect.bisect_left(places, self._most, hi=len(lines))
        if not 0 < within < len(lines):
            return None
        texts = [line.decode(self._page, self._errors) for line in lines]
        start = within if self._is_each_a_record(texts[: within + 1]) else None
        if start is None:
            start = sure_start(lambda line: self._starts(texts, line), within)
        return None if start is None else places[start]

    def _is_each_a_record(self, texts: list[str]) -> bool:
        """Tell whether each line is a record, as mostly: that is quickly told."""
        form = self._form
        records = split_records(
            texts,
            delimiter=form.delimiter,
            final=False,
            max_chars=self._most,
            escape=form.escape,
        )
        return len(records.rows) == len(texts)

    def _starts(self, texts: list[str], line: int) -> Iterator[int]:
        form = self._form
        return record_starts(
            texts, line, delimiter=form.delimiter, max_chars=self._most, escape=form.escape
        )
