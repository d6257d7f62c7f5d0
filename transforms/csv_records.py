"""Cut the lines of a CSV file into records, and say which cannot be trusted.

RFC 4180 with quoted line breaks, over Python's own `csv`. A quote that is opened and never lawfully
closed costs the line that opened it and no other: reading goes on with the very next line.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

STRAY_QUOTE = "a quoted field does not end at a separator or a line end"
TOO_LONG = "longer than max_record_bytes"
NUL_BYTE = "holds a NUL byte"
NOT_DECODABLE = "not valid in the declared encoding"
EMPTY_TITLE = "the title is empty, or nothing of it is left after cleaning"
NO_WORD = "no word of the title is left after cleaning"

_UNFINISHED = "unexpected end of data"
csv.field_size_limit(1 << 31)


class RejectedRow(NamedTuple):
    """A record that is not trusted: where it began (line 1 is the first), why, its raw bytes."""

    source: str
    line: int
    reason: str
    raw: bytes


class BadRecord(NamedTuple):
    """A record that is not trusted, by its place among the lines that were read together.

    `lines` is how many physical lines it takes up.
    """

    line: int
    reason: str
    lines: int


@dataclass
class Records:
    """Records in order: their fields, the line each began at; and those not trusted.

    Lines count from 0 within the lines given. `unread` is the index of the first line of a record
    that goes on beyond them.
    """

    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] | range = field(default_factory=list)
    bad: list[BadRecord] = field(default_factory=list)
    unread: int | None = None


def split_records(
    lines: list[str],
    *,
    delimiter: str,
    final: bool,
    max_chars: int,
    escape: str | None = None,
) -> Records:
    r"""Cut physical lines, with their ends, into records.

    `['"a\n', 'b"\n', 'c\n']` gives the rows `[['a\nb'], ['c']]`, which began at lines 0 and 2.
    Unless `final`, a record that is still open at the end is left unread for the next call. What
    stands behind `escape` is text: `"5\" wide"` is `5" wide` with a backslash.
    """
    form = _Form(delimiter, escape)
    if not lines:
        return Records()
    if max(map(len, lines)) <= max_chars:
        try:
            rows = list(form.reader(lines))
        except csv.Error:
            pass
        else:
            if len(rows) == len(lines):
                return Records(rows, range(len(rows)))
    return _split_carefully(lines, form, final, max_chars)


def split_unquoted(lines: list[str], *, delimiter: str, max_chars: int) -> Records:
    """Cut physical lines into records where a quote is a character like any other."""
    out = Records(lines=[])
    assert isinstance(out.lines, list)
    for number, line in enumerate(lines):
        if len(line) > max_chars:
            out.bad.append(BadRecord(number, TOO_LONG, 1))
        else:
            out.rows.append(line.rstrip("\r\n").split(delimiter))
            out.lines.append(number)
    return out


class _Form(NamedTuple):
    delimiter: str
    escape: str | None

    def reader(self, lines: Iterable[str]) -> Any:
        return csv.reader(lines, delimiter=self.delimiter, escapechar=self.escape, strict=True)


def record_starts(
    lines: list[str], at: int, *, delimiter: str, max_chars: int, escape: str | None = None
) -> Iterator[int]:
    """Yield the lines at which records begin from line `at` on, as `split_records` finds them.

    It stops before a record that goes on beyond the lines given.
    """
    for begin, _, _, _ in _records(lines, at, _Form(delimiter, escape), False, max_chars):
        yield begin


def _split_carefully(lines: list[str], form: _Form, final: bool, max_chars: int) -> Records:
    rows, starts, bad, read = list[list[str]](), list[int](), list[BadRecord](), 0
    for begin, read, row, reason in _records(lines, 0, form, final, max_chars):
        if reason:
            bad.append(BadRecord(begin, reason, read - begin))
        else:
            rows.append(row)
            starts.append(begin)
    return Records(rows, starts, bad, read if read < len(lines) else None)


def _records(
    lines: list[str], at: int, form: _Form, final: bool, max_chars: int
) -> Iterator[tuple[int, int, list[str], str | None]]:
    """Yield the records from line `at` on: first line, line behind it, fields, why it is bad."""
    while at < len(lines):
        reader, first = form.reader(_bounded(lines, at, max_chars)), at
        try:
            for row in reader:
                end = first + reader.line_num
                long = end - at > 1 and sum(map(len, row)) > max_chars
                yield at, end, row, TOO_LONG if long else None
                at = end
            if at == len(lines):
                return
            reason = TOO_LONG  # the iterator stopped before a line that is
        except csv.Error as error:
            if str(error) == _UNFINISHED and not final and _short(lines, at, max_chars):
                return
            reason = STRAY_QUOTE
        yield at, at + 1, [], reason
        at += 1


def _bounded(lines: list[str], at: int, max_chars: int) -> Iterator[str]:
    """Yield lines from `at` on, up to the first that is longer than `max_chars`."""
    for i in range(at, len(lines)):
        if len(lines[i]) > max_chars:
            return
        yield lines[i]


def _short(lines: list[str], begin: int, max_chars: int) -> bool:
    lengths = itertools.accumulate(len(lines[i]) for i in range(begin, len(lines)))
    return all(total <= max_chars for total in lengths)
