"""How scores lie: what AUC and the best threshold need, in memory that no number of examples grows.

A score p is told by its odds, p / (1 - p), whose float32 bits rise with it: near 0 and near 1,
where a softmax over many classes has most of its scores, they do not run together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_BINS, _POOLED_BITS = 1 << 15, 16
_FIRST_ROWS = 8192

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


class ScoreHistogram:
    """Counts the scores of each class block by block, those of its own examples apart.

    The first 8192 examples say where the scores of each class lie; from there, and a quarter more
    at both ends, reach 32,768 bins of equal width in the bits of the odds. Scores in one bin count
    as equal: a few percent of a percent of all pairs. 600 classes take 79 MB.
    """

    def __init__(self, classes: int) -> None:
        self._every = np.zeros((classes, _BINS), np.int32)
        self._start = np.arange(classes, dtype=np.int32) * _BINS
        self._own: list[Ints] = []
        self._waiting: list[tuple[Ints, Ints, Ints]] = []
        self._placed = False
        self._low, self._shift = (np.zeros(classes, np.int32) for _ in range(2))

    def add(self, rows: Ints, labels: Ints, scores: Floats) -> None:
        """Count a block of scores [n, classes]; row `rows[i]` of it has the label `labels[i]`.

        Each pair of row and label stands there once; scores are 0 to 1.
        """
        keys = score_keys(scores)
        if self._placed:
            self._count(rows, labels, keys)
            return
        self._waiting.append((rows, labels, keys))
        if sum(len(of_block) for _, _, of_block in self._waiting) >= _FIRST_ROWS:
            self._place_bins()

    def aucs(self) -> NDArray[np.float64]:
        """Return the area under the ROC curve of each class, one against the rest [classes].

        The share of pairs of an example of the class and one of another where the former scores
        higher, equal scores counting half (Hanley and McNeil 1982); NaN for a class that all
        examples have, or none.
        """
        self._place_bins()
        found = np.full(len(self._every), np.nan)
        own = np.sort(np.concatenate([np.zeros(0, np.int32), *self._own]))
        edges = np.searchsorted(own, np.append(self._start, self._every.size))
        for number, every in enumerate(self._every):
            bins = own[edges[number] : edges[number + 1]] - self._start[number]
            right = np.bincount(bins, minlength=_BINS).astype(np.float64)
            wrong = every - right
            pairs = right.sum() * wrong.sum()
            if pairs:
                found[number] = right @ (np.cumsum(wrong) - wrong / 2) / pairs
        return found

    def _place_bins(self) -> None:
        """Lay the bins over the scores that came so far, and count these."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        keys = np.concatenate([of_block for _, _, of_block in waiting]).astype(np.int64)
        low, high = keys.min(axis=0), keys.max(axis=0)
        room = (high - low) // 4 + 1
        low = np.maximum(low - room, 0)
        width = (high + room - low + 1) / _BINS
        self._shift = np.ceil(np.log2(np.maximum(width, 1.0))).astype(np.int32)
        self._low, self._placed = low.astype(np.int32), True
        for block in waiting:
            self._count(*block)

    def _count(self, rows: Ints, labels: Ints, keys: Ints) -> None:
        places = np.clip((keys - self._low) >> self._shift, 0, _BINS - 1) + self._start
        np.add.at(self._every.reshape(-1), places.reshape(-1), np.int32(1))
        self._own.append(places[rows, labels])


class ThresholdSearch:
    """Finds the threshold of highest micro F1 over all pairs of example and class."""

    def __init__(self) -> None:
        self._every, self._own = (np.zeros(_BINS, np.int64) for _ in range(2))

    def add(self, rows: Ints, labels: Ints, scores: Floats) -> None:
        """Count a block, as `ScoreHistogram.add`."""
        bins = score_keys(scores) >> _POOLED_BITS
        self._every += np.bincount(bins.reshape(-1), minlength=_BINS)
        self._own += np.bincount(bins[rows, labels], minlength=_BINS)

    def best(self) -> tuple[float, float]:
        """Return the threshold, and its F1; of equals the lowest.

        An answer is a score at or above it; micro F1 is 2 hits / (answers + labels). Thresholds
        are 0.8 % of the odds apart. (0.5, 0.0) where no example has a label.
        """
        if not self._own.any():
            return 0.5, 0.0
        hits, answers = (np.cumsum(of[::-1])[::-1] for of in (self._own, self._every))
        f1 = 2.0 * hits / (answers + hits[0])
        best = int(f1.argmax())
        return _lowest_score(best), float(f1[best])


def score_keys(scores: Floats) -> Ints:
    """Return the bits of the odds of each score, int32: a higher score has no lower ones."""
    exact = scores.astype(np.float32, copy=False)
    with np.errstate(divide="ignore"):
        odds = exact / (np.float32(1) - exact)
    return odds.view(np.int32)


def _lowest_score(pooled_bin: int) -> float:
    """Return the lowest score, 0 to 1, of a bin of `ThresholdSearch`."""
    bits = np.array([pooled_bin << _POOLED_BITS], np.int32)
    odds = float(bits.view(np.float32)[0])
    return odds / (1.0 + odds) if np.isfinite(odds) else 1.0
