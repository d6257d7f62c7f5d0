"""Find a line at which a record begins, without reading what stands before.

A quoted field may span lines, so that a line in the middle of a file says little. But whichever of
some lines a reader begins a record at, a little further on it comes to the same records.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator

Starts = Callable[[int], Iterator[int]]


def sure_start(starts: Starts, lines: int) -> int | None:
    """Return a line at which a record begins, if one does at any of the first `lines` lines.

    `starts` yields the lines at which records begin from a given one on, if one does there. None
    where that cannot be told, for lack of what follows.
    """
    chain = _Chain(starts(0))
    met: dict[int, int] = {}
    for line in range(lines):
        if line not in chain and not _meet(chain, starts(line), met):
            return None
    return chain.first_from(max([lines, *met.values()]))


def _meet(chain: _Chain, other: Iterator[int], met: dict[int, int]) -> bool:
    """Note for each start of another chain where that comes to this one; tell whether it does."""
    alone: list[int] = []
    for start in other:
        place = start if start in chain else met.get(start)
        if place is not None:
            met.update(dict.fromkeys(alone, place))
            return True
        alone.append(start)
    return False


class _Chain:
    """The starts of records from one on, found as far as they are asked for."""

    def __init__(self, starts: Iterator[int]) -> None:
        self._starts, self._known = starts, list[int]()

    def __contains__(self, line: int) -> bool:
        return self.first_from(line) == line

    def first_from(self, line: int) -> int | None:
        """Return the first start from a line on; None where that lies behind what is given."""
        while not self._known or self._known[-1] < line:
            found = next(self._starts, None)
            if found is None:
                return None
            self._known.append(found)
        return self._known[bisect.bisect_left(self._known, line)]
