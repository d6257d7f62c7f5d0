"""A part's titles in blocks by their keys: a title more or less changes one block.

Blocks are what is made into examples and compressed at once: memory that stays small is used over
and over, and of a part that changed a little most blocks are as they were.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from transforms.text_keys import KEY_BITS

BLOCK_ROWS = 4096  # of twice as many a block is cut in two


@dataclass(frozen=True)
class KeyBlock:
    """A block: its number among those of its part, its first row, and how many it has."""

    number: int
    begin: int
    rows: int


def block_count(rows: int) -> int:
    """Return into how many blocks so many titles are cut, a power of two.

    >>> [block_count(rows) for rows in (0, 8191, 8192, 50_000)]
    [1, 1, 2, 8]
    """
    return 1 << max(0, (rows // BLOCK_ROWS).bit_length() - 1)


def block_of(keys: np.ndarray, count: int) -> np.ndarray:
    """Return the block of each key, int64 [n], where there are `count`: keys are spread evenly."""
    return keys >> (KEY_BITS - count.bit_length() + 1)


def key_blocks(keys: np.ndarray) -> list[KeyBlock]:
    """Cut sorted keys, int64 [n], into blocks; one without a key is left out."""
    count = block_count(len(keys))
    bounds = np.searchsorted(block_of(keys, count), np.arange(count + 1)).tolist()
    pairs = itertools.pairwise(bounds)
    return [KeyBlock(n, begin, end - begin) for n, (begin, end) in enumerate(pairs) if end > begin]
