"""What a classifier did on a part it never saw: figures as plain JSON values, from numpy arrays.

Only the labels, the first k predictions and their probabilities are needed, so memory does not
grow with the number of classes, and 500,000 examples of 523 classes take well under a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOP_CONFUSIONS = 50

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def classification_metrics(
    labels: ArrayLike,
    top_labels: ArrayLike,
    top_probabilities: ArrayLike,
    names: Sequence[str],
    *,
    top_k: int,
    bins: int,
    log_loss: float | None = None,
) -> dict[str, Any]:
    """Measure one prediction per example of an exclusive objective.

    labels: int (n,), the true class of each example, 0 to len(names) - 1.
    top_labels: int (n, k), the predicted classes by falling probability.
    top_probabilities: float (n, k), their probabilities, 0 to 1.
    names: the name of each class, by its number.
    top_k: an example counts as found if its class is among its first `top_k` predictions. Where
        there are fewer classes than that, k may be smaller.
    bins: number of bins of the calibration error.
    log_loss: mean negative log-likelihood in nats, if it is known; it needs all probabilities.

    Shares are 0 to 1. `macro_f1` is the plain mean of F1 over the classes that occur in the truth
    or in the predictions, `weighted_f1` the mean weighted by support, both as in scikit-learn;
    what would be divided by zero is 0. `per_class` lists every class, in the order of `names`; a
    class without test examples has support 0. Raises ValueError for what cannot be measured.
    """
    truth, ranked, probabilities = _checked(labels, top_labels, top_probabilities, names, top_k)
    predicted = ranked[:, 0]
    correct = truth == predicted
    support, answered, hits = (
        np.bincount(ids, minlength=len(names)) for ids in (truth, predicted, truth[correct])
    )
    scores = class_scores(support, answered, hits)
    return {
        "objective": "exclusive",
        "examples": len(truth),
        "classes": len(names),
        "accuracy": float(correct.mean()),
        **mean_f1(scores),
        "top_k": top_k,
        f"top_{top_k}_accuracy": float((ranked[:, :top_k] == truth[:, None]).any(axis=1).mean()),
        "log_loss": None if log_loss is None else float(log_loss),
        **calibration(probabilities[:, 0], correct, bins),
        "per_class": per_class_rows(names, scores),
        **_confusions(truth, predicted, names, scores["support"]),
    }


def calibration(confidence: Floats, correct: Flags, bins: int) -> dict[str, Any]:
    """Compare how sure the model was with how often it was right.

    confidence: float (n,), probability of the predicted class; correct: bool (n,).
    Cuts (0, 1] into `bins` bins of equal width, closed on the right, and returns them with the
    expected calibration error: the mean over examples of |accuracy - mean confidence| of their
    bin, 0 to 1 (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3).
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.searchsorted(edges[1:-1], confidence, side="left")
    count = np.bincount(place, minlength=bins)
    sure = np.bincount(place, weights=confidence, minlength=bins)
    right = np.bincount(place, weights=correct, minlength=bins)
    rows = [
        {
            "low": float(edges[i]),
            "high": float(edges[i + 1]),
            "count": int(count[i]),
            "confidence": float(sure[i] / count[i]) if count[i] else None,
            "accuracy": float(right[i] / count[i]) if count[i] else None,
        }
        for i in range(bins)
    ]
    error = float(np.abs(right - sure).sum() / count.sum())
    return {"expected_calibration_error": error, "calibration_bins": rows}


def _checked(
    labels: ArrayLike, top_labels: ArrayLike, top: ArrayLike, names: Sequence[str], top_k: int
) -> tuple[Ints, Ints, Floats]:
    truth, ranked, probabilities = np.asarray(labels), np.asarray(top_labels), np.asarray(top)
    if not truth.size:
        raise ValueError("labels: expected at least one example, got none; is the test part empty?")
    if ranked.ndim != 2 or ranked.shape != probabilities.shape or truth.shape != ranked.shape[:1]:
        raise ValueError(
            "expected labels (n,), top_labels (n, k) and top_probabilities (n, k), got "
            f"{truth.shape}, {ranked.shape} and {probabilities.shape}"
        )
    if not 1 <= min(top_k, len(names)) <= ranked.shape[1]:
        raise ValueError(f"top_k is {top_k}, but top_labels holds {ranked.shape[1]} per example")
    for what, values in (("labels", truth), ("top_labels", ranked)):
        if values.dtype.kind not in "iu":
            raise ValueError(f"{what}: expected whole numbers, got {values.dtype}")
        if values.min() < 0 or values.max() >= len(names):
            raise ValueError(
                f"{what}: expected 0 to {len(names) - 1}, the numbers of {len(names)} names, "
                f"got {values.min()} to {values.max()}"
            )
    _check_probabilities(probabilities)
    return truth.astype(np.int64, copy=False), ranked, probabilities


def _check_probabilities(probabilities: NDArray[Any]) -> None:
    low, high = probabilities.min(), probabilities.max()
    if not (low >= 0.0 and high <= 1.0 + 1e-6):
        raise ValueError(f"top_probabilities: expected 0 to 1, got {low:g} to {high:g}")
    if (probabilities[:, :-1] < probabilities[:, 1:]).any():
        raise ValueError("top_probabilities: expected falling along each row, got some that rise")


def class_scores(support: Ints, answered: Ints, hits: Ints) -> dict[str, Any]:
    """Return support, predicted, precision, recall and f1, each an array (classes,).

    support: examples of each class; answered: answers of each; hits: answers that were right.
    """
    return {
        "support": support,
        "predicted": answered,
        "precision": hits / np.maximum(answered, 1),
        "recall": hits / np.maximum(support, 1),
        "f1": 2 * hits / np.maximum(support + answered, 1),
    }


def mean_f1(scores: dict[str, Any]) -> dict[str, Any]:
    """Return macro F1, the number of classes it is the mean of, and weighted F1."""
    f1, support = scores["f1"], scores["support"]
    present = (support > 0) | (scores["predicted"] > 0)
    return {
        "macro_f1": float(f1[present].mean()) if present.any() else 0.0,
        "macro_classes": int(present.sum()),
        "weighted_f1": float(np.average(f1, weights=support)) if support.any() else 0.0,
    }


def per_class_rows(names: Sequence[str], scores: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each class, in the order of `names`."""
    keys = ("support", "precision", "recall", "f1")
    columns = [scores[key].tolist() for key in keys]
    return [
        {"name": str(name), **dict(zip(keys, row, strict=True))}
        for name, *row in zip(names, *columns, strict=True)
    ]


def _confusions(
    truth: Ints, predicted: Ints, names: Sequence[str], support: Ints
) -> dict[str, Any]:
    """Return the confusion matrix as triplets [true, predicted, count] and its worst cells.

    Only cells that are not zero are listed, so the size follows the mistakes, not classes squared.
    """
    cells, counts = np.unique(truth * len(names) + predicted, return_counts=True)
    rows, columns = np.divmod(cells, len(names))
    wrong = np.flatnonzero(rows != columns)
    worst = wrong[np.argsort(-counts[wrong], kind="stable")][:TOP_CONFUSIONS]
    return {
        "confusion": np.stack([rows, columns, counts], axis=1).tolist(),
        "top_confusions": [
            {
                "true": str(names[rows[i]]),
                "predicted": str(names[columns[i]]),
                "count": int(counts[i]),
                "share": float(counts[i] / support[rows[i]]),
            }
            for i in worst
        ],
    }
