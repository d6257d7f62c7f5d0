"""Read delimited text: blocks of lines in, columns and rejects out.

The door for category files and for product dumps alike. Files are read in blocks, so that a file
of any size takes the memory of one; a record that is open at the end of a block moves to the next.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.unpacking import DamagedFile, LineSource, open_unpacked
from transforms.csv_records import (
    NOT_DECODABLE,
    NUL_BYTE,
    Records,
    RejectedRow,
    split_records,
    split_unquoted,
)
from transforms.lists import list_texts

_BLOCK_CHARS = 4 << 20
_HEADER_SHOWN = 200
_BOMS = (
    (codecs.BOM_UTF8, ("utf-8-sig", "utf-8")),
    (codecs.BOM_UTF32_LE, ("utf-32", "utf-32-le")),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, ("utf-32", "utf-32-be")),
    (codecs.BOM_UTF16_LE, ("utf-16", "utf-16-le")),
    (codecs.BOM_UTF16_BE, ("utf-16", "utf-16-be")),
)
# As browsers read them (https://encoding.spec.whatwg.org/#names-and-labels): files that are said to
# be in the strict ones are mostly of Windows, with everyday characters that these lack (①, 髙, 똠).
_SUPERSETS = {"euc_kr": "cp949", "gb2312": "gb18030", "shift_jis": "cp932"}
# Bytes that are no character become lone surrogates, 0xDC00 + byte, and back again in rejects.
# Python's own "surrogateescape" is faster, but does so for bytes above 127 only: all that UTF-8
# needs, while a broken UTF-16 file would end the run.
_KEEP_BYTES = "aisle_keep_bytes"
_KEPT = re.compile("([\udc00-\udcff]+)")


@dataclass(frozen=True)
class TableFormat:
    """How a delimited file is written; a byte-order mark wins over `encoding`.

    `header` names the columns where the file does not; `keep_raw` keeps each row's bytes.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    max_record_bytes: int = 1 << 20
    quoted: bool = True
    header: tuple[str, ...] = ()
    skip_lines: int = 0
    keep_raw: bool = False


@dataclass
class Block:
    """Rows of a file: one string array a wanted column, the line each row began at, the rejects.

    `records` counts rows and rejects; `characters` is how much of the file the block took up;
    `raw` are the bytes of each row, where they were asked for. `lists` has those of the columns
    that hold lists of texts, or lists of these, null where a row holds a text; `columns` then has
    all that is in a list, a space between.
    """

    columns: dict[str, pa.Array]
    lines: np.ndarray
    rejects: list[RejectedRow]
    characters: int
    raw: pa.Array | None = None
    lists: dict[str, pa.Array] = field(default_factory=dict)

    @classmethod
    def of_columns(
        cls,
        columns: Mapping[str, pa.Array],
        lines: np.ndarray,
        rejects: list[RejectedRow],
        characters: int,
        raw: pa.Array | None,
    ) -> Block:
        """Return a block of columns of texts, and of some in which every row holds a list."""
        lists = {name: array for name, array in columns.items() if pa.types.is_list(array.type)}
        texts = {name: list_texts(array) for name, array in lists.items()}
        return cls({**columns, **texts}, lines, rejects, characters, raw, lists)

    def take(self, keep: np.ndarray, more: Iterable[RejectedRow] = ()) -> Block:
        """Return the block with these rows, and with more rejects."""
        mask = pa.array(keep)
        return replace(
            self,
            columns={name: column.filter(mask) for name, column in self.columns.items()},
            lines=self.lines[keep],
            rejects=[*self.rejects, *more],
            raw=None if self.raw is None else self.raw.filter(mask),
            lists={name: column.filter(mask) for name, column in self.lists.items()},
        )

    @property
    def records(self) -> int:
        return len(self.lines) + len(self.rejects)


class MissingColumn(Exception):
    """A file that has none of the accepted headers of a column; `found` is its header."""

    def __init__(self, accepted: Sequence[str], found: Sequence[str]) -> None:
        self.accepted, self.found = list(accepted), list(found)
        shown = f"{self.found}"
        if len(shown) > _HEADER_SHOWN:
            shown = f"{shown[:_HEADER_SHOWN]}..."
        super().__init__(f"no column {' or '.join(accepted)}; its header is {shown}")


def read_blocks(
    path: str,
    source: str,
    columns: Mapping[str, Sequence[str]],
    form: TableFormat,
    *,
    reject: str | None = None,
) -> Iterator[Block]:
    """Yield the blocks of a file; `source` names it in rejects.

    `columns` maps a column to the headers it may have. Raises `MissingColumn` where the first
    record has none of them. An empty file yields nothing. With `reject` there are no rows: what
    would be one is a reject for that reason.
    """
    with open_text(path, form.encoding) as (text, unmarked):
        reader = _BlockReader(source, form, unmarked, text, reject)
        header = reader.header()
        if header is None:
            return
        places = _places(header, columns)
        yield from reader.blocks(places, len(header))


@contextlib.contextmanager
def open_text(path: str, declared: str) -> Iterator[tuple[io.TextIOWrapper, str]]:
    """Open a file for reading text, line ends kept; with it comes the encoding without a mark.

    Bytes that are no character become lone surrogates, of which `bytes_of` makes bytes again.
    """
    with open_unpacked(path) as raw:
        encoding, unmarked = _encoding(raw, declared)
        errors = "surrogateescape" if unmarked == "utf-8" else _KEEP_BYTES
        yield io.TextIOWrapper(raw, encoding, errors=errors, newline=""), unmarked


class _BlockReader:
    """Keeps a file's place: which line comes next, which lines wait."""

    def __init__(
        self,
        source: str,
        form: TableFormat,
        encoding: str,
        text: io.TextIOWrapper,
        reject: str | None,
    ) -> None:
        self.source, self.form, self.encoding = source, form, encoding
        self.text = LineSource(text)
        self.reject = reject
        self.line, self.ended = 1, False
        self.waiting: list[str] = []
        self.damage: DamagedFile | None = None

    def header(self) -> list[str] | None:
        """Take the first record, its names trimmed; None for a file without a line."""
        lines = self._more()
        for _ in range(self.form.skip_lines):
            lines = lines[1:] or self._more()
            self.line += 1
        if not lines:
            return None
        if self.form.header:
            self.waiting = lines
            return list(self.form.header)
        found = self._split(lines[:1], final=True)
        self.waiting, self.line = lines[1:], self.line + 1
        names = found.rows[0] if found.rows else lines[:1]
        return [name.strip() for name in names or [""]]

    def blocks(self, places: dict[str, int], width: int) -> Iterator[Block]:
        while lines := self._more():
            found = self._split(lines, final=self.ended)
            used = len(lines) if found.unread is None else found.unread
            yield self._block(lines, found, places, width, sum(map(len, lines[:used])))
            self.waiting, self.line = lines[used:], self.line + used
            if self.ended and not self.waiting:
                return

    def _split(self, lines: list[str], *, final: bool) -> Records:
        delimiter, most = self.form.delimiter, self.form.max_record_bytes
        if self.form.quoted:
            return split_records(lines, delimiter=delimiter, final=final, max_chars=most)
        return split_unquoted(lines, delimiter=delimiter, max_chars=most)

    def _more(self) -> list[str]:
        fresh = self._fresh() if not self.ended else []
        self.ended = self.ended or not (fresh or self.damage)
        return self.waiting + fresh if self.waiting else fresh

    def _fresh(self) -> list[str]:
        """Take lines; at a damage none, so that those which wait are read, and then raise it."""
        if self.damage:
            raise self.damage
        try:
            return self.text.take(_BLOCK_CHARS)
        except DamagedFile as damage:
            if not self.waiting:
                raise
            self.damage = damage
            return []

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
                reason = f"{len(row)} columns where the header has {width}"
                rejects.append(self._reject(lines, start, _height(row), reason))
        return rows, starts

    def _reject(self, lines: list[str], start: int, height: int, reason: str) -> RejectedRow:
        text = "".join(lines[start : start + height])
        return RejectedRow(self.source, self.line + start, reason, bytes_of(text, self.encoding))


def to_array(values: list[str], problems: dict[int, str]) -> pa.Array:
    """Return the values as a string array; note rows that cannot be trusted in `problems`."""
    try:
        array = pa.array(values, pa.string())
    except UnicodeEncodeError:
        for row, value in enumerate(values):
            if not _encodable(value):
                problems[row] = NOT_DECODABLE
        array = pa.array([v if _encodable(v) else "" for v in values], pa.string())
    with_nul = pc.match_substring(array, "\0")
    if pc.any(with_nul).as_py():
        for row in np.flatnonzero(with_nul.to_numpy(zero_copy_only=False)).tolist():
            problems.setdefault(row, NUL_BYTE)
    return array


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _height(row: Sequence[str]) -> int:
    """Count the physical lines of a record from the line breaks inside its fields."""
    whole = "".join(row)
    if "\n" not in whole and "\r" not in whole:
        return 1
    return 1 + sum(len(io.StringIO(value + ".", newline="").readlines()) - 1 for value in row)


def _places(header: list[str], columns: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return where each wanted column stands; the first accepted header that is there counts."""
    places = {}
    for column, accepted in columns.items():
        present = [name for name in accepted if name in header]
        if not present:
            raise MissingColumn(accepted, header)
        places[column] = header.index(present[0])
    return places


def _encoding(raw: io.BufferedReader, declared: str) -> tuple[str, str]:
    """Return the encoding to read with, and the same without a byte-order mark.

    Without a mark UTF-16 and UTF-32 are little-endian, as Windows writes them. Some encodings of
    East Asia are read by their supersets.
    """
    start = raw.peek(4)[:4]
    plain = codecs.lookup(declared.removesuffix("-sig")).name
    plain = _SUPERSETS.get(plain, plain)
    without = f"{plain}-le" if plain in ("utf-16", "utf-32") else plain
    return next((names for mark, names in _BOMS if start.startswith(mark)), (without, without))


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in broken), error.end


codecs.register_error(_KEEP_BYTES, _keep_bytes)


def bytes_of(text: str, encoding: str) -> bytes:
    """Return the bytes from which a text was read; `?` for what the encoding cannot write back.

    Of a character that the encoding has twice (some 400 of cp932) it is the bytes Windows writes.
    """
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        pieces = _KEPT.split(text)  # at odd places stand the bytes that were no character
    return b"".join(
        bytes(ord(character) - 0xDC00 for character in piece)
        if place % 2
        else piece.encode(encoding, "replace")
        for place, piece in enumerate(pieces)
    )
