"""A smaller catalogue for a quick run: the first records of every file, none cut in two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

from benchmarks.catalogue import category_files, csv_rows, open_lines


def count_records(path: Path) -> int:
    """Return how many records stand below the header, as Python's csv module reads them."""
    with open_lines(path) as lines:
        return max(0, sum(1 for _ in csv_rows(lines)) - 1)


def cut_folder(source: Path, target: Path, rows: int) -> int:
    """Copy the first share of each file to the same relative path below `target`.

    Together they hold `rows` records, or a few more where a file has but one. Returns how many.
    """
    files = category_files(source)
    shares = spread([count_records(path) for path in files], rows)
    for path, share in zip(files, shares, strict=True):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy_records(path, copy, share)
    return sum(shares)


def spread(counts: Sequence[int], rows: int) -> list[int]:
    """Share out `rows` over files in proportion to their `counts`, at least one to each.

    >>> spread([10, 80, 10], 50)
    [5, 40, 5]
    """
    total = sum(counts)
    if rows >= total:
        return list(counts)
    shares: list[int] = []
    seen = taken = 0
    for count in counts:
        seen += count
        share = min(count, max(1, seen * rows // total - taken))
        taken += share
        shares.append(share)
    return shares


def copy_records(source: Path, target: Path, count: int) -> None:
    """Copy the header and `count` records byte for byte, quoted line breaks included."""
    with open_lines(source) as lines, open_lines(target, "w") as copy:
        for _ in islice(csv_rows(_copied(lines, copy)), count + 1):
            pass


def _copied(lines: IO[str], copy: IO[str]) -> Iterator[str]:
    """Yield lines and write each to `copy`; the csv module asks for no line too many."""
    for line in lines:
        copy.write(line)
        yield line
