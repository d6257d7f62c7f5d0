"""Tell from the first bytes of files how they are written: encoding, delimiter, quoting, header."""

from __future__ import annotations

import codecs
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from charset_normalizer import from_bytes

from pipelines.text_files import MARKS
from transforms.csv_records import split_records, split_unquoted

_DELIMITERS = ("\t", ";", "|", ",")
_MOST_CHARS = 1 << 20
_AGREE = 0.9  # what share of the records has as many columns as most
_LONGEST_HEADER = 60


@dataclass(frozen=True)
class Layout:
    """How delimited text is written: its records, of which most have `width` columns.

    The first may be a header, and may name one of several columns alone.
    """

    delimiter: str
    quoted: bool
    rows: list[list[str]]

    @cached_property
    def width(self) -> int:
        return Counter(map(len, self.rows)).most_common(1)[0][0]

    @cached_property
    def agreement(self) -> float:
        """The share of records that have as many columns as most."""
        return sum(len(row) == self.width for row in self.rows) / len(self.rows)


def encoding_of(starts: Sequence[bytes]) -> str:
    """Return the encoding of files by their first bytes; a mark of byte order says it anyway."""
    unmarked = [start for start in starts if not start.startswith(MARKS)]
    content = b"\n".join(unmarked)
    if not unmarked or all(map(_is_utf8, unmarked)):
        return "utf-8"
    for parity, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if content[parity::2].count(0) > len(content) // 8:
            return name
    odd = b"\n".join(start for start in unmarked if not _is_utf8(start))
    best = from_bytes(odd).best()
    return codecs.lookup(best.encoding).name if best else "latin-1"


def _is_utf8(start: bytes) -> bool:
    """Tell whether bytes are UTF-8; the last character may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def layout_of(text: str) -> Layout:
    """Return the way to read delimited text in which most records have the same columns.

    Where no delimiter does that, each line is a column's value: a comma is taken for one only if
    quotes keep it out of the values.
    """
    lines = io.StringIO(text, newline="").readlines()
    tried = [
        Layout(delimiter, quoted, _rows(lines, delimiter, quoted))
        for delimiter in _DELIMITERS
        for quoted in (True, False)
    ]
    several = [layout for layout in tried if layout.width > 1 and layout.agreement >= _AGREE]
    if several:
        return max(several, key=lambda found: (found.agreement, found.width, found.quoted))
    one = [layout for layout in tried if layout.width == 1]
    return max(one, key=lambda found: (found.agreement, found.quoted, found.delimiter == ","))


def _rows(lines: list[str], delimiter: str, quoted: bool) -> list[list[str]]:
    if not quoted:
        return split_unquoted(lines, delimiter=delimiter, max_chars=_MOST_CHARS).rows
    found = split_records(lines, delimiter=delimiter, final=True, max_chars=_MOST_CHARS)
    return [*found.rows, *([] for _ in found.bad)]  # a record that is bad agrees with no other


def has_header(rows: Sequence[Sequence[str]], firsts: Sequence[Sequence[str]]) -> bool:
    """Tell whether the first row names the columns; `firsts` are the first rows of several files.

    All files then begin with the same names, which are short, no numbers, and none twice.
    """
    names = [name.strip() for name in rows[0]]
    if len(firsts) > 1 and len({tuple(row) for row in firsts}) == 1:
        return True
    if len(set(names)) < len(names) or any(len(name) > _LONGEST_HEADER for name in names):
        return False
    if any(name.replace(".", "").replace(",", "").isdigit() for name in names):
        return False
    below = [set(column) for column in zip(*rows[1:], strict=False)]
    return not any(name in values for name, values in zip(names, below, strict=False))
