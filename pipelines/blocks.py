"""Blocks of a file's rows, as every reader of files gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.csv_records import NOT_DECODABLE, NUL_BYTE, RejectedRow
from transforms.lists import list_texts

_HEADER_SHOWN = 200
LIKELY_DELIMITERS = ("\t", ";", "|", ",")


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
    """A file that has none of the accepted headers of a column; `found` is its header.

    `delimiter` is what its columns seem to be parted by where it was read as one column.
    """

    def __init__(self, accepted: Sequence[str], found: Sequence[str]) -> None:
        self.accepted, self.found = list(accepted), list(found)
        shown = f"{self.found}"
        if len(shown) > _HEADER_SHOWN:
            shown = f"{shown[:_HEADER_SHOWN]}..."
        one = self.found[0] if len(self.found) == 1 else ""
        marks = [mark for mark in LIKELY_DELIMITERS if mark in one]
        self.delimiter = max(marks, key=one.count) if marks else None
        hint = f", read as one column: is {self.delimiter!r} its delimiter?" if marks else ""
        super().__init__(f"no column {' or '.join(accepted)}; its header is {shown}{hint}")


def to_array(values: list[str], problems: dict[int, str]) -> pa.Array:
    """Return the values as a string array; note rows that cannot be trusted in `problems`."""
    try:
        array = pa.array(values, pa.string())
    except UnicodeEncodeError:
        for row, value in enumerate(values):
            if not is_encodable(value):
                problems[row] = NOT_DECODABLE
        array = pa.array([v if is_encodable(v) else "" for v in values], pa.string())
    with_nul = pc.match_substring(array, "\0")
    if pc.any(with_nul).as_py():
        for row in np.flatnonzero(with_nul.to_numpy(zero_copy_only=False)).tolist():
            problems.setdefault(row, NUL_BYTE)
    return array


def is_encodable(value: str) -> bool:
    """Tell whether a text is of characters alone, and none stands for a byte that is none."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
