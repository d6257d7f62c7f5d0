"""Read records of several lines, as a grammar of line patterns tells them apart and takes fields.

The door for files like SNAP's `amazon-meta.txt` (https://snap.stanford.edu/data/amazon-meta.html).
Lines are matched a block at a time, in Arrow; no pattern is tried on a line by Python.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.source import FieldSettings, RecordSettings
from pipelines.blocks import Block, MissingColumn, to_array
from pipelines.text_files import bytes_of, open_text
from pipelines.unpacking import LineSource
from transforms.csv_records import TOO_LONG, RejectedRow
from transforms.lists import lists_of

_BLOCK_CHARS = 4 << 20
_MOST_DIGITS = 18  # of a count: no file has more lines
OUTSIDE = "stands before the first record"


def read_record_blocks(
    path: str,
    source: str,
    columns: Mapping[str, Sequence[str]],
    grammar: RecordSettings,
    *,
    encoding: str,
    max_record_bytes: int,
) -> Iterator[Block]:
    """Yield the blocks of a file, with their raw bytes; `source` names it in rejects.

    `columns` maps a column to the fields it may be. A field that is repeated becomes a column of
    lists too; one that a record lacks is an empty text. Raises `MissingColumn`.
    """
    fields = {}
    for column, accepted in columns.items():
        present = [name for name in accepted if name in grammar.fields]
        if not present:
            raise MissingColumn(accepted, list(grammar.fields))
        fields[column] = (present[0], grammar.fields[present[0]])
    with open_text(path, encoding) as (text, unmarked):
        yield from _RecordReader(source, grammar, fields, unmarked, max_record_bytes).blocks(text)


class _RecordReader:
    """Keeps a file's place: which line comes next, and whether a record too long goes on."""

    def __init__(
        self,
        source: str,
        grammar: RecordSettings,
        fields: Mapping[str, tuple[str, FieldSettings]],
        encoding: str,
        max_bytes: int,
    ) -> None:
        self.source, self.grammar, self.fields = source, grammar, fields
        self.encoding, self.max_bytes = encoding, max_bytes
        self.line, self.in_record = 1, False

    def blocks(self, text: io.TextIOWrapper) -> Iterator[Block]:
        waiting: list[str] = []
        source = LineSource(text)
        while True:
            fresh = source.take(_BLOCK_CHARS)
            lines = waiting + fresh
            if not lines:
                return
            problems: dict[int, str] = {}
            values = to_array([line.rstrip("\r\n") for line in lines], problems)
            begins = np.flatnonzero(_matches(values, self.grammar.begin)).tolist()
            used = self._used(lines, begins, final=not fresh)
            if used:
                ends = [b for b in begins if b < used] + [used]
                yield self._block(lines[:used], values[:used], problems, ends)
            waiting, self.line = lines[used:], self.line + used

    def _used(self, lines: list[str], begins: list[int], *, final: bool) -> int:
        """Return how many lines to take now: the last record may go on, unless it is too long."""
        if final or not begins or _size(lines[begins[-1] :]) > self.max_bytes:
            return len(lines)
        return begins[-1]

    def _block(
        self, lines: list[str], values: pa.Array, problems: dict[int, str], ends: list[int]
    ) -> Block:
        rejects = list(self._outside(lines[: ends[0]], values[: ends[0]]))
        starts, count = np.array(ends[:-1], np.int64), len(ends) - 1
        texts = ["".join(lines[begin:end]) for begin, end in pairwise(ends)]
        record = np.searchsorted(starts, np.arange(len(lines)), side="right") - 1
        why = {n: TOO_LONG for n, text in enumerate(texts) if len(text) > self.max_bytes}
        for number, reason in problems.items():
            if ends[0] <= number < len(lines):
                why.setdefault(int(record[number]), reason)
        columns = {
            column: self._column(name, field, values, record, count, why)
            for column, (name, field) in self.fields.items()
        }
        self.in_record = count > 0 or self.in_record
        keep = np.array([number not in why for number in range(count)], bool)
        raws = [bytes_of(text, self.encoding) for text in texts]
        rejects += [
            RejectedRow(self.source, self.line + ends[number], reason, raws[number])
            for number, reason in sorted(why.items())
        ]
        kept = pa.array(keep)
        return Block.of_columns(
            {name: column.filter(kept) for name, column in columns.items()},
            starts[keep] + self.line,
            rejects,
            _size(lines),
            pa.array(raws, pa.binary()).filter(kept),
        )

    def _outside(self, lines: list[str], values: pa.Array) -> Iterator[RejectedRow]:
        """Reject the lines before the first record, and what is left of a record too long."""
        if not lines:
            return
        if self.in_record:
            raw = bytes_of("".join(lines), self.encoding)
            yield RejectedRow(self.source, self.line, TOO_LONG, raw)
            return
        ignored = _matches(values, self.grammar.ignore or r"^\s*$") | _matches(values, r"^\s*$")
        for number in np.flatnonzero(~ignored).tolist():
            raw = bytes_of(lines[number], self.encoding)
            yield RejectedRow(self.source, self.line + number, OUTSIDE, raw)

    def _column(
        self,
        name: str,
        field: FieldSettings,
        values: pa.Array,
        record: np.ndarray,
        count: int,
        why: dict[int, str],
    ) -> pa.Array:
        """Return a field of each record; note in `why` the records that have too many or few."""
        of, found = _taken(values, field.pattern, record)
        each = np.bincount(of, minlength=count)
        if field.repeated:
            _check_counts(name, field, values, record, each, why)
            return lists_of(each, found)
        for number in np.flatnonzero(each > 1).tolist():
            why.setdefault(number, f"{each[number]} lines are its {name}, expected one")
        place = np.full(count, -1, np.int64)
        place[of[::-1]] = np.arange(len(of))[::-1]
        return pc.fill_null(found.take(pa.array(place, mask=place < 0)), "")


def _check_counts(
    name: str,
    field: FieldSettings,
    values: pa.Array,
    record: np.ndarray,
    each: np.ndarray,
    why: dict[int, str],
) -> None:
    if field.count is None:
        return
    of, numbers = _taken(values, field.count, record)
    said = dict(zip(of.tolist(), numbers.to_pylist(), strict=True))
    for number, count in enumerate(each.tolist()):
        text = said.get(number, "0")
        if not (text.isdecimal() and len(text) <= _MOST_DIGITS and int(text) == count):
            shown = f"{text[:_MOST_DIGITS]}…" if len(text) > _MOST_DIGITS else text
            why.setdefault(number, f"{count} lines are its {name}, it says {shown}")


def _matches(values: pa.Array, pattern: str) -> np.ndarray:
    return pc.match_substring_regex(values, pattern).to_numpy(zero_copy_only=False)


def _taken(values: pa.Array, pattern: str, record: np.ndarray) -> tuple[np.ndarray, pa.Array]:
    """Return of the lines in records that match: their record, and what the first group took."""
    lines = np.flatnonzero(_matches(values, pattern) & (record >= 0))
    matching = values.take(pa.array(lines))
    whole = f"(?s)^.*?(?:{pattern}).*$"
    return record[lines], pc.replace_substring_regex(matching, whole, r"\1")


def _size(lines: list[str]) -> int:
    return sum(map(len, lines))
