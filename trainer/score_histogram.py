"""How the scores of each class lie: what AUC and the best threshold need, in bounded memory.

Scores are sorted into classes of odds, p / (1 - p), by the upper 16 bits of the float32: 128 to
each doubling of the odds, from 1e-38 to 1e38, so neither scores near 0 nor near 1 run together.
Two scores whose odds differ by less than 0.8 % count as equal. 600 classes take 79 MB, however
many examples there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEYS, _DROPPED_BITS = 1 << 15, 16

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


class ScoreHistogram:
    """Counts the scores of each class block by block, those of its own examples apart."""

    def __init__(self, classes: int) -> None:
        self._every = np.zeros((classes, _KEYS), np.int32)
        self._own: list[Ints] = []
        self._start = np.arange(classes, dtype=np.int32) * _KEYS

    def add(self, rows: Ints, labels: Ints, scores: Floats) -> None:
        """Count a block of scores [n, classes]; row `rows[i]` of it has the label `labels[i]`.

        Each pair of row and label stands there once; scores are 0 to 1.
        """
        places = score_keys(scores) + self._start
        np.add.at(self._every.reshape(-1), places.reshape(-1), np.int32(1))
        self._own.append(places[rows, labels])

    def aucs(self) -> NDArray[np.float64]:
        """Return the area under the ROC curve of each class, one against the rest [classes].

        The share of pairs of an example of the class and one of another where the former scores
        higher, equal scores counting half (Hanley and McNeil 1982); NaN for a class that all
        examples have, or none.
        """
        found = np.full(len(self._every), np.nan)
        own = self._own_keys()
        edges = np.searchsorted(own, np.append(self._start, self._every.size))
        for number, every in enumerate(self._every):
            keys = own[edges[number] : edges[number + 1]] - self._start[number]
            right = np.bincount(keys, minlength=_KEYS).astype(np.float64)
            wrong = every - right
            pairs = right.sum() * wrong.sum()
            if pairs:
                found[number] = right @ (np.cumsum(wrong) - wrong / 2) / pairs
        return found

    def best_threshold(self) -> tuple[float, float]:
        """Return the threshold of highest micro F1, and that F1; of equals the lowest.

        Micro F1 over all pairs of example and class, where an answer is a score at or above the
        threshold: 2 hits / (answers + labels). (0.5, 0.0) where no example has a label.
        """
        own = np.bincount(self._own_keys() % _KEYS, minlength=_KEYS)
        if not own.any():
            return 0.5, 0.0
        hits = np.cumsum(own[::-1])[::-1]
        answers = np.cumsum(self._every.sum(axis=0, dtype=np.int64)[::-1])[::-1]
        f1 = 2.0 * hits / (answers + hits[0])
        best = int(f1.argmax())
        return _lowest_score(best), float(f1[best])

    def _own_keys(self) -> Ints:
        own = np.concatenate(self._own) if self._own else np.zeros(0, np.int32)
        return np.sort(own)


def score_keys(scores: Floats) -> Ints:
    """Return the class of odds of each score, int32: a higher score never has a lower one."""
    exact = scores.astype(np.float32, copy=False)
    with np.errstate(divide="ignore"):
        odds = exact / (np.float32(1) - exact)
    return odds.view(np.int32) >> _DROPPED_BITS


def _lowest_score(key: int) -> float:
    """Return the lowest score, 0 to 1, whose class of odds is `key`."""
    odds = np.array([key << _DROPPED_BITS], np.int32).view(np.float32).astype(np.float64)[0]
    return float(odds / (1.0 + odds)) if np.isfinite(odds) else 1.0
