"""Where a model is right and where not: by words per title, by size of class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics import Flags, Ints

WORDS = (1, 3, 5, 7, 9, 11, 13, 16, 21, 31)
SIZES = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


def words_of(titles: Sequence[bytes]) -> Ints:
    """Return the number of words of each cleaned title: its parts between spaces."""
    return np.array([len(title.split()) for title in titles], np.int64)


def accuracy_by_words(words: Ints, right: Flags) -> list[dict[str, Any]]:
    """Return the share of right first answers by words per title, where there is a title.

    words: int [n]; right: bool [n]. A row is `{"low": 5, "high": 6, "titles": 90, "accuracy": .8}`;
    `high` is None in the last range.
    """
    return _by_range(words, right.astype(np.float64), np.ones(len(words)), WORDS)


def accuracy_by_class_size(support: Ints, recall: NDArray[Any]) -> list[dict[str, Any]]:
    """Return the share of right answers among the titles of classes of like size.

    support: test titles of each class [classes]; recall: how much of them was found, 0 to 1.
    Rows are as in `accuracy_by_words`, with `classes`, how many there are of that size.
    """
    rows = _by_range(support, support * recall, support, SIZES)
    for row in rows:
        high = np.inf if row["high"] is None else row["high"]
        row["classes"] = int(((support >= row["low"]) & (support <= high)).sum())
    return rows


def _by_range(
    values: Ints, right: NDArray[Any], weights: NDArray[Any], lows: Sequence[int]
) -> list[dict[str, Any]]:
    place = np.searchsorted(lows, values, side="right")
    total = np.bincount(place, weights=weights, minlength=len(lows) + 1)
    found = np.bincount(place, weights=right, minlength=len(lows) + 1)
    highs = [*(low - 1 for low in lows[1:]), None]
    return [
        {
            "low": low,
            "high": high,
            "titles": int(total[i]),
            "accuracy": float(found[i] / total[i]),
        }
        for i, (low, high) in enumerate(zip(lows, highs, strict=True), start=1)
        if total[i]
    ]
