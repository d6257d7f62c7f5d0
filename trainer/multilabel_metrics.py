"""What a model did that gives each example any number of labels: figures as plain JSON values.

The scores of a part need never be in memory at once: `MultilabelTally` takes them block by
block, and keeps sums that grow with the classes alone. Definitions are those of scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.metrics import Floats, Ints, class_scores, mean_f1, per_class_rows
from trainer.score_histogram import ScoreHistogram

SMALLEST = float(np.finfo(np.float32).eps)  # as scikit-learn clips probabilities before a log


class MultilabelTally:
    """Sums over blocks of examples what the figures of a multi-label part are made of.

    thresholds: an answer is a label whose score is at or above one of these; F1 is taken at each.
    ks: precision is taken at each of these many answers.
    """

    def __init__(self, classes: int, *, thresholds: Sequence[float], ks: Sequence[int]) -> None:
        self.histogram = ScoreHistogram(classes)
        self.examples = 0
        self._ks = [k for k in sorted(set(ks)) if k <= classes]
        self._support = np.zeros(classes, np.int64)
        zeros = np.zeros(classes, np.int64)
        self._answers = {threshold: (zeros.copy(), zeros.copy()) for threshold in thresholds}
        self._hits_at = dict.fromkeys(self._ks, 0)
        self._cross_entropy = self._ranked = 0.0

    def add(self, lengths: Ints, labels: Ints, scores: NDArray[Any]) -> None:
        """Take a block: example i has the next `lengths[i]` of `labels`, and scores [n, classes].

        Raises ValueError where these do not fit, a label is no class, a label stands twice in an
        example, or a score is not 0 to 1.
        """
        self._check(lengths, labels, scores)
        if not len(lengths):
            return
        rows = np.repeat(np.arange(len(lengths)), lengths)
        has = np.zeros(scores.shape, np.bool_)
        has[rows, labels] = True
        if has.sum() != len(labels):
            raise ValueError("labels: expected each label once in an example, got some twice")
        self.examples += len(lengths)
        self._support += has.sum(axis=0)
        self.histogram.add(rows, labels, scores)
        self._cross_entropy += _cross_entropy(has, scores)
        self._ranked += ranking_precisions(rows, labels, has, scores).sum()
        self._add_answers(has, scores)
        self._add_hits(has, scores)

    def figures(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the figures of all blocks so far; shares are 0 to 1.

        `bce`: mean binary cross-entropy in nats over all pairs of example and class; scores are
        clipped to 1.2e-7 from 0 and 1. `lrap`: label ranking average precision. `at`: for each
        threshold micro, macro and weighted F1, macro over the classes that occur in the truth or
        the answers. `precision_at`: the share of the first k answers that are labels.
        `auc`: see `auc_figures`. `per_class`: F1 at the last threshold, and AUC. Raises ValueError
        where there is no example.
        """
        if not self.examples:
            raise ValueError("labels: expected at least one example, got none")
        aucs = self.histogram.aucs()
        at = [self._at(threshold) for threshold in self._answers]
        last = self._scores(list(self._answers)[-1])
        return {
            "examples": self.examples,
            "classes": len(names),
            "labels_per_example": float(self._support.sum() / self.examples),
            "bce": self._cross_entropy / (self.examples * len(names)),
            "lrap": float(self._ranked / self.examples),
            "at": at,
            "precision_at": {
                str(k): hits / (k * self.examples) for k, hits in self._hits_at.items()
            },
            "auc": auc_figures(aucs, self._support),
            "per_class": with_aucs(per_class_rows(names, last), aucs),
        }

    def _check(self, lengths: Ints, labels: Ints, scores: NDArray[Any]) -> None:
        expected = (len(lengths), len(self._support))
        if scores.shape != expected or lengths.sum() != len(labels):
            raise ValueError(
                f"expected scores {expected} and {lengths.sum()} labels, got {scores.shape} and "
                f"{len(labels)}"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self._support):
            raise ValueError(
                f"labels: expected 0 to {len(self._support) - 1}, got {labels.min()} to "
                f"{labels.max()}"
            )
        if scores.size and not (scores.min() >= 0.0 and scores.max() <= 1.0):
            raise ValueError(f"scores: expected 0 to 1, got {scores.min():g} to {scores.max():g}")

    def _add_answers(self, has: NDArray[np.bool_], scores: Floats) -> None:
        for threshold, (answered, hits) in self._answers.items():
            answer = scores >= threshold
            answered += answer.sum(axis=0)
            hits += (answer & has).sum(axis=0)

    def _add_hits(self, has: NDArray[np.bool_], scores: Floats) -> None:
        if not self._ks:
            return
        ranked = first_answers(scores, self._ks[-1])
        found = np.cumsum(np.take_along_axis(has, ranked, axis=1), axis=1).sum(axis=0)
        for k in self._ks:
            self._hits_at[k] += int(found[k - 1])

    def _scores(self, threshold: float) -> dict[str, Any]:
        answered, hits = self._answers[threshold]
        return class_scores(self._support, answered, hits)

    def _at(self, threshold: float) -> dict[str, Any]:
        answered, hits = self._answers[threshold]
        found, given, true = int(hits.sum()), int(answered.sum()), int(self._support.sum())
        return {
            "threshold": float(threshold),
            "micro_precision": found / max(given, 1),
            "micro_recall": found / max(true, 1),
            "micro_f1": 2.0 * found / max(given + true, 1),
            **mean_f1(self._scores(threshold)),
        }


def ranking_precisions(
    rows: Ints, labels: Ints, has: NDArray[np.bool_], scores: Floats
) -> NDArray[np.float64]:
    """Return the ranking precision of each example [n]: their mean is LRAP, 0 to 1.

    For each label of an example, the share of labels among the classes that score at least as
    high; then the mean over its labels. 1 for an example that has no label, or all, as in
    scikit-learn's `label_ranking_average_precision_score` (Tsoumakas et al. 2010, section 4).
    """
    not_below = scores[rows] >= scores[rows, labels][:, None]
    share = (not_below & has[rows]).sum(axis=1) / np.maximum(not_below.sum(axis=1), 1)
    count = np.bincount(rows, minlength=len(scores))
    mean = np.bincount(rows, weights=share, minlength=len(scores)) / np.maximum(count, 1)
    return np.where((count == 0) | (count == scores.shape[1]), 1.0, mean)


def first_answers(scores: Floats, k: int) -> Ints:
    """Return the k classes of highest score of each row [n, k], the highest first.

    Of equals the first class comes first. k passes of `argmax` beat any sort where k is small.
    """
    left, found = scores.copy(), []
    every = np.arange(len(scores))
    for _ in range(min(k, scores.shape[1])):
        found.append(left.argmax(axis=1))
        left[every, found[-1]] = -1.0
    return np.stack(found, axis=1)


def auc_figures(aucs: Floats, support: Ints) -> dict[str, Any]:
    """Return the mean AUC over the classes that have one, plain and weighted by support.

    None where no class has one; `classes` says how many have.
    """
    known = ~np.isnan(aucs)
    if not known.any():
        return {"macro": None, "weighted": None, "classes": 0}
    return {
        "macro": float(aucs[known].mean()),
        "weighted": float(np.average(aucs[known], weights=support[known])),
        "classes": int(known.sum()),
    }


def with_aucs(rows: list[dict[str, Any]], aucs: Floats) -> list[dict[str, Any]]:
    """Return the rows of classes with `auc` added; None where there is none."""
    values = (None if np.isnan(auc) else float(auc) for auc in aucs)
    return [{**row, "auc": auc} for row, auc in zip(rows, values, strict=True)]


def _cross_entropy(has: NDArray[np.bool_], scores: Floats) -> float:
    sure = np.where(has, scores, 1 - scores)
    return -float(np.log(np.clip(sure, SMALLEST, 1)).sum(dtype=np.float64))
