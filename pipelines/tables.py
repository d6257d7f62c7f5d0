"""Read delimited text: blocks of lines in, columns and rejects out.

The door for category files and for product dumps alike. Files are read in blocks, so that a file
of any size takes the memory of one; a record that is open at the end of a block moves to the next.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.blocks import Block, MissingColumn, to_array
from pipelines.file_parts import WHOLE, FilePart
from pipelines.text_files import bytes_of, open_text
from pipelines.unpacking import LineSource
from transforms.csv_records import (
    Records,
    RejectedRow,
    split_records,
    split_unquoted,
)

BLANK = "a blank line"
_BLOCK_CHARS = 4 << 20
_EXCEL_HINT = re.compile(r'"?sep=.?"?[\r\n]*$', re.IGNORECASE)
_HEADER_LINES = 20  # that names of several lines may take together


@dataclass(frozen=True)
class TableFormat:
    """How a delimited file is written; a byte-order mark wins over `encoding`.

    `header` names the columns where the file does not; `keep_raw` keeps each row's bytes; what
    stands behind `escape` is text.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    max_record_bytes: int = 1 << 20
    quoted: bool = True
    header: tuple[str, ...] = ()
    skip_lines: int = 0
    keep_raw: bool = False
    escape: str | None = None


def read_blocks(
    path: str,
    source: str,
    columns: Mapping[str, Sequence[str]],
    form: TableFormat,
    *,
    reject: str | None = None,
    part: FilePart = WHOLE,
) -> Iterator[Block]:
    """Yield the blocks of a file, or of a part of it; `source` names it in rejects.

    `columns` maps a column to the headers it may have. Raises `MissingColumn` where the first
    record of the file has none of them. An empty file yields nothing. With `reject` there are no
    rows: what would be one is a reject for that reason.
    """
    first = WHOLE if part.begin else part
    with open_text(path, form.encoding, first) as (text, unmarked):
        reader = _BlockReader(source, form, unmarked, text, reject)
        header = reader.header()
        if header is None:
            return
        places = _places(header, columns)
        if not part.begin:
            yield from reader.blocks(places, len(header))
            return
    with open_text(path, form.encoding, part) as (text, unmarked):
        reader = _BlockReader(source, form, unmarked, text, reject, part.line)
        yield from reader.blocks(places, len(header))


class _BlockReader:
    """Keeps a file's place: which line comes next, which lines wait."""

    def __init__(
        self,
        source: str,
        form: TableFormat,
        encoding: str,
        text: io.TextIOWrapper,
        reject: str | None,
        line: int = 1,
    ) -> None:
        self.source, self.form, self.encoding = source, form, encoding
        self.text = LineSource(text)
        self.reject = reject
        self.line, self.ended = line, False
        self.waiting: list[str] = []

    def header(self) -> list[str] | None:
        """Take the first record, its names trimmed; None for a file without a line."""
        lines = self._more()
        if not self.form.skip_lines and lines and is_excel_hint(lines[0]):
            lines, self.line = lines[1:] or self._more(), 2
        for _ in range(self.form.skip_lines):
            lines = lines[1:] or self._more()
            self.line += 1
        if not lines:
            return None
        if self.form.header:
            self.waiting = lines
            return list(self.form.header)
        found = self._split(lines[:1], final=False)
        if found.unread is not None:  # a name goes on in the next line, or its quote never ends
            found = self._split(lines[:_HEADER_LINES], final=True)
        whole = bool(found.rows) and found.lines[0] == 0
        names = found.rows[0] if whole else lines[:1]
        height = _height(names) if whole else 1
        self.waiting, self.line = lines[height:], self.line + height
        return [name.strip() for name in names or [""]]

    def blocks(self, places: dict[str, int], width: int) -> Iterator[Block]:
        # What stands behind the header goes first: the next read may meet a damage.
        lines = self.waiting or self._more()
        while lines:
            found = self._split(lines, final=self.ended)
            used = len(lines) if found.unread is None else found.unread
            yield self._block(lines, found, places, width, sum(map(len, lines[:used])))
            self.waiting, self.line = lines[used:], self.line + used
            lines = self._more()

    def _split(self, lines: list[str], *, final: bool) -> Records:
        delimiter, most = self.form.delimiter, self.form.max_record_bytes
        if self.form.quoted:
            escape = self.form.escape
            return split_records(
                lines, delimiter=delimiter, final=final, max_chars=most, escape=escape
            )
        return split_unquoted(lines, delimiter=delimiter, max_chars=most)

    def _more(self) -> list[str]:
        """Return the lines that wait and some more; none when all were read."""
        if self.ended:
            return []
        fresh = self.text.take(_BLOCK_CHARS)
        self.ended = not fresh
        return self.waiting + fresh if self.waiting else fresh

    def _block(
        self, lines: list[str], found: Records, places: dict[str, int], width: int, size: int
    ) -> Block:
        rejects = [self._reject(lines, bad.line, bad.lines, bad.reason) for bad in found.bad]
        rows, starts = self._of_width(lines, found, width, rejects)
        columns = {name: [row[at] for row in rows] for name, at in places.items()}
        problems: dict[int, str] = {}
        arrays = {name: to_array(values, problems) for name, values in columns.items()}
        if self.reject is not None:
            problems = dict.fromkeys(range(len(rows)), self.reject)
        keep = np.ones(len(starts), bool)
        for row, reason in sorted(problems.items()):
            keep[row] = False
            rejects.append(self._reject(lines, starts[row], _height(rows[row]), reason))
        if problems:
            arrays = {name: array.filter(pa.array(keep)) for name, array in arrays.items()}
        block = Block(arrays, np.asarray(starts, np.int64)[keep] + self.line, rejects, size)
        if self.form.keep_raw:
            block.raw = self._raw(lines, rows, starts, keep)
        return block

    def _raw(
        self, lines: list[str], rows: list[list[str]], starts: Sequence[int], keep: np.ndarray
    ) -> pa.Array:
        """Return the bytes of the kept rows."""
        heights = map(_height, rows) if self.form.quoted else [1] * len(rows)
        texts = (
            "".join(lines[start : start + height])
            for start, height, kept in zip(starts, heights, keep.tolist(), strict=True)
            if kept
        )
        return pa.array([bytes_of(text, self.encoding) for text in texts], pa.binary())

    def _of_width(
        self, lines: list[str], found: Records, width: int, rejects: list[RejectedRow]
    ) -> tuple[list[list[str]], Sequence[int]]:
        """Leave out the records with more or fewer columns than the header; a blank line is one."""
        if set(map(len, found.rows)) <= {width}:
            return found.rows, found.lines
        rows, starts = [], []
        for row, start in zip(found.rows, found.lines, strict=True):
            if len(row) == width or (not row and width == 1):
                rows.append(row or [""])
                starts.append(start)
            else:
                columns = f"{len(row)} columns where the header has {width}"
                reason = BLANK if row in ([], [""]) else columns
                rejects.append(self._reject(lines, start, _height(row), reason))
        return rows, starts

    def _reject(self, lines: list[str], start: int, height: int, reason: str) -> RejectedRow:
        text = "".join(lines[start : start + height])
        return RejectedRow(self.source, self.line + start, reason, bytes_of(text, self.encoding))


def is_excel_hint(line: str) -> bool:
    """Tell whether a first line is `sep=;` or the like, by which Excel knows the delimiter."""
    return bool(_EXCEL_HINT.match(line))


def _height(row: Sequence[str]) -> int:
    """Count the physical lines of a record from the line breaks inside its fields."""
    whole = "".join(row)
    if "\n" not in whole and "\r" not in whole:
        return 1
    return 1 + sum(len(io.StringIO(value + ".", newline="").readlines()) - 1 for value in row)


def _places(header: list[str], columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return where each wanted column stands; the first accepted header that is there counts.

    Where none is there as it is written, one that differs in case alone counts, if it is the only
    one: the files of a folder are often of several hands.
    """
    folded = [name.casefold() for name in header]
    places = {}
    for column, accepted in columns.items():
        present = [header.index(name) for name in accepted if name in header]
        alike = (name.casefold() for name in accepted if folded.count(name.casefold()) == 1)
        present += [folded.index(name) for name in alike]
        if not present:
            raise MissingColumn(accepted, header)
        places[column] = present[0]
    return places
