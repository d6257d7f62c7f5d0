"""Tell from the first bytes of files how they are written: delimiter, quoting, header."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pipelines.blocks import LIKELY_DELIMITERS
from pipelines.suggest.names import CATEGORIES, IDS, TITLES, UNITS, plain
from pipelines.tables import is_excel_hint
from transforms.csv_records import split_records, split_unquoted

_DELIMITERS = (*LIKELY_DELIMITERS, "\x01", "^", "~")
_KNOWN = {*TITLES, *CATEGORIES, *IDS}
_MOST_CHARS = 1 << 20
_AGREE = 0.9  # what share of the records has as many columns as most
_LONGEST_HEADER = 60
_HEADER_WITHIN = 6  # lines
_SOME_FILES = 2


@dataclass(frozen=True)
class Layout:
    """How delimited text is written: its records, of which most have `width` columns.

    The first may be a header, and may name one of several columns alone. A blank line is a record
    of no column; `bad` are those that cannot be read. `escape` stands before quotes in quotes.
    """

    delimiter: str
    quoted: bool
    rows: list[list[str]]
    bad: int = 0
    escape: str | None = None

    @cached_property
    def width(self) -> int:
        return Counter(len(row) for row in self.rows if row).most_common(1)[0][0]

    @cached_property
    def agreement(self) -> float:
        """The share of records that have as many columns as most."""
        records = sum(bool(row) for row in self.rows) + self.bad
        return sum(len(row) == self.width for row in self.rows) / records

    @cached_property
    def before_header(self) -> int:
        """How many lines stand before that which names the columns, or that begins the records.

        They have other columns, as `Report of May` has, or the next lines have better names: of
        the three that some exports begin with the last is meant.
        """
        beginning = list(enumerate(self.rows[:_HEADER_WITHIN]))
        named = [n for n, row in beginning if len(row) == self.width and names_columns(row)]
        return max(named, default=0)

    def rows_of(self, lines: list[str]) -> list[list[str]]:
        """Return the records of further lines that are written alike."""
        return _layout(lines, self.delimiter, self.quoted, self.escape).rows


def names_columns(row: Sequence[str]) -> bool:
    """Tell whether a record has the names of two columns at least, as many feeds call them."""
    return sum(plain(name) in _KNOWN for name in row) > 1 and not names_units(row)


def names_units(row: Sequence[str]) -> bool:
    """Tell whether a record has units and types alone: `-, text, kg` beneath a header."""
    said = [name.strip(" ()[]").casefold() for name in row]
    return sum(map(bool, said)) > 1 and {*said} <= {"", *UNITS} and not {*said} <= {"", "-"}


def layout_of(text: str) -> Layout:
    """Return the way to read delimited text in which most records have the same columns.

    Where no delimiter does that, each line is a column's value: a comma is taken for one only if
    quotes keep it out of the values.
    """
    lines = io.StringIO(text, newline="").readlines()
    if is_excel_hint(lines[0]) and "".join(lines[1:]).strip():
        behind = layout_of("".join(lines[1:]))
        if behind.before_header == 0:  # who reads the file passes over the hint
            return behind
    tried = [
        layout
        for delimiter in _DELIMITERS
        for layout in _layouts(lines, delimiter, escaped='\\"' in text)
        if any(layout.rows)
    ]
    several = [layout for layout in tried if layout.width > 1 and layout.agreement >= _AGREE]
    if several:
        return max(several, key=lambda found: (found.agreement, found.width, found.quoted))
    one = [layout for layout in tried if layout.width == 1]
    return max(one, key=lambda found: (found.agreement, found.quoted, found.delimiter == ","))


def _layouts(lines: list[str], delimiter: str, *, escaped: bool) -> list[Layout]:
    """Return the layouts with a delimiter, the plainest first."""
    escapes = (None, "\\") if escaped else (None,)
    quoted = [_layout(lines, delimiter, True, escape) for escape in escapes]
    return [*quoted, _layout(lines, delimiter, False, None)]


def _layout(lines: list[str], delimiter: str, quoted: bool, escape: str | None) -> Layout:
    if quoted:
        records = split_records(
            lines, delimiter=delimiter, final=True, max_chars=_MOST_CHARS, escape=escape
        )
        return Layout(delimiter, True, records.rows, len(records.bad), escape)
    unquoted = split_unquoted(lines, delimiter=delimiter, max_chars=_MOST_CHARS).rows
    return Layout(delimiter, False, [[] if row == [""] else row for row in unquoted])


def has_header(rows: Sequence[Sequence[str]], firsts: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row names the columns; `firsts` are the first rows of several files.

    All files then begin with the same names, which are short, no numbers, and none twice. Some
    columns may have no name. What is another in most of many files is no name.
    """
    names = [name.strip() for name in rows[0]]
    kinds = len({tuple(row) for row in firsts})
    if (len(firsts) > 1 and kinds == 1) or names_columns(names):
        return True
    if len(firsts) > _SOME_FILES and kinds > len(firsts) / 2:
        return False
    some = [name for name in names if name]
    if len(set(some)) < len(some) or any(len(name) > _LONGEST_HEADER for name in names):
        return False
    if not some or any(name.replace(".", "").replace(",", "").isdigit() for name in some):
        return False
    below = [set(column) for column in zip(*(row for row in rows[1:] if row), strict=False)]
    return not any(name and name in values for name, values in zip(names, below, strict=False))
