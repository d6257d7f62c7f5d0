"""From scored blocks to figures: what an evaluation holds, for one class a title or for several.

Blocks pass by once; what is kept of them are sums, and of each title its first answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from configs.errors import UsageError
from configs.settings import EvaluationSettings
from trainer.breakdowns import accuracy_by_class_size, accuracy_by_words, words_of
from trainer.calibrate import (
    fit_label_temperature,
    fit_temperature,
    log_losses,
    tempered,
    tempered_labels,
)
from trainer.metrics import TOP_CONFUSIONS, calibration, classification_metrics
from trainer.multilabel_metrics import MultilabelTally, auc_figures, first_answers, with_aucs
from trainer.score_histogram import ScoreHistogram, ThresholdSearch

Figures = dict[str, Any]
Row = tuple[np.ndarray, ...]
KEPT_MISTAKES = 2000


@dataclass(frozen=True)
class Block:
    """Some examples and what the model says: title i has the next `lengths[i]` of `labels`.

    titles: bytes [n]; lengths: int [n]; labels: int [sum of lengths]; probabilities: float32
    [n, classes].
    """

    titles: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


def measure_exclusive(
    valid: Iterable[Block],
    test: Iterable[Block],
    names: Sequence[str],
    settings: EvaluationSettings,
) -> tuple[Figures, list[Figures]]:
    """Return the figures of one class a title, and the surest mistakes.

    Beside those of `classification_metrics`: `auc` (one against the rest), `temperature` (fitted
    on `valid`, None where that is empty), `calibrated` (loss and calibration at it), `by_words` and
    `by_class_size`. A mistake is `{"title", "true", "predicted", "probability"}`.
    """
    temperature = _fitted(valid)
    histogram = ScoreHistogram(len(names))
    parts: list[Row] = []
    of_labels: list[Row] = []
    for block in test:
        histogram.add(np.arange(len(block.titles)), block.labels, block.probabilities)
        mended = tempered(block.probabilities, temperature or 1.0)
        losses = (log_losses(p, block.labels) for p in (block.probabilities, mended))
        parts.append(_of_block(block, settings.top_k, mended.max(axis=1)))
        of_labels.append((block.labels, *losses))
    answers = _Answers(*_joined(_some(parts)))
    labels, loss, calibrated_loss = _joined(of_labels)
    figures = classification_metrics(
        labels,
        answers.classes,
        answers.probabilities,
        names,
        top_k=settings.top_k,
        bins=settings.calibration_bins,
        log_loss=float(loss.mean()),
    )
    right, aucs = answers.classes[:, 0] == labels, histogram.aucs()
    support = np.bincount(labels, minlength=len(names))
    recall = np.array([row["recall"] for row in figures["per_class"]])
    figures |= {
        "auc": auc_figures(aucs, support),
        "per_class": with_aucs(figures["per_class"], aucs),
        **_temperature(temperature, answers.sure, right, settings, float(calibrated_loss.mean())),
        "by_words": accuracy_by_words(answers.words, right),
        "by_class_size": accuracy_by_class_size(support, recall),
    }
    return figures, _mistakes(answers, right, [(label,) for label in labels.tolist()], names)


def measure_rule_based(
    valid: Iterable[Block],
    test: Iterable[Block],
    names: Sequence[str],
    settings: EvaluationSettings,
) -> tuple[Figures, list[Figures]]:
    """Return the figures of any number of labels a title, and the surest mistakes.

    Beside those of `MultilabelTally`, at `settings.threshold` and the best one of `valid`:
    calibration of the first answer, which is right if it is one of the title's labels, at
    temperature 1 and `temperature`; `top_confusions`: labels that were missed beside labels that
    were given in their stead, at the best threshold. A mistake's `true` are the missed labels.
    """
    temperature, best = _fitted_labels(valid, settings)
    thresholds = tuple(dict.fromkeys((settings.threshold, best)))
    tally = MultilabelTally(len(names), thresholds=thresholds, ks=(1, settings.top_k, 5))
    mixed = _Mixed(len(names), best)
    parts: list[Row] = []
    truth: list[tuple[int, ...]] = []
    for block in test:
        tally.add(block.lengths, block.labels, block.probabilities)
        sure = tempered_labels(block.probabilities.max(axis=1), temperature or 1.0)
        parts.append((mixed.add(block), *_of_block(block, 1, sure)))
        truth += _lists(block)
    right, *columns = _joined(_some(parts))
    answers = _Answers(*columns)
    figures = tally.figures(names)
    support = np.array([row["support"] for row in figures["per_class"]])
    recall = np.array([row["recall"] for row in figures["per_class"]])
    figures |= {
        "objective": "rule_based",
        "best_threshold": best,
        **calibration(answers.probabilities[:, 0], right, settings.calibration_bins),
        **_temperature(temperature, answers.sure, right, settings, None),
        "by_words": accuracy_by_words(answers.words, right),
        "by_class_size": accuracy_by_class_size(support, recall),
        "top_confusions": mixed.top(names, support),
    }
    return figures, _mistakes(answers, right, truth, names)


def _some(parts: list[Row]) -> list[Row]:
    if not parts:
        raise UsageError(
            "nothing to measure: no title of the test part has a label that the model knows; take "
            "more titles, or raise split.test, and preprocess anew under another --run-id"
        )
    return parts


def _fitted(valid: Iterable[Block]) -> float | None:
    blocks = list(valid)
    if not blocks:
        return None
    labels = np.concatenate([block.labels for block in blocks])
    return fit_temperature(np.concatenate([block.probabilities for block in blocks]), labels)


def _fitted_labels(
    valid: Iterable[Block], settings: EvaluationSettings
) -> tuple[float | None, float]:
    """Return temperature and best threshold; without a valid part None and the one that is set."""
    blocks = list(valid)
    if not blocks:
        return None, settings.threshold
    lengths = np.concatenate([block.lengths for block in blocks])
    labels = np.concatenate([block.labels for block in blocks])
    probabilities = np.concatenate([block.probabilities for block in blocks])
    rows = np.repeat(np.arange(len(lengths)), lengths)
    search = ThresholdSearch()
    search.add(rows, labels, probabilities)
    return fit_label_temperature(probabilities, rows, labels), search.best()[0]


def _temperature(
    temperature: float | None,
    sure: np.ndarray,
    right: np.ndarray,
    settings: EvaluationSettings,
    log_loss: float | None,
) -> Figures:
    if temperature is None:
        return {"temperature": None, "calibrated": None}
    mended = calibration(np.minimum(sure, 1.0), right, settings.calibration_bins)
    return {"temperature": temperature, "calibrated": {"log_loss": log_loss, **mended}}


@dataclass(frozen=True)
class _Answers:
    """Of each title its words, its first k answers, and how sure the first is when calibrated.

    titles: bytes [n]; words: int [n]; classes, probabilities: [n, k]; sure: float [n].
    """

    titles: np.ndarray
    words: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray
    sure: np.ndarray


def _of_block(block: Block, top_k: int, sure: np.ndarray) -> Row:
    ranked = first_answers(block.probabilities, top_k)
    said = np.take_along_axis(block.probabilities, ranked, axis=1)
    return block.titles, words_of(block.titles.tolist()), ranked, said, sure


def _joined(rows: Iterable[Row]) -> Row:
    return tuple(np.concatenate(column) for column in zip(*rows, strict=True))


class _Mixed:
    """Counts which labels were missed where which others were given instead."""

    def __init__(self, classes: int, threshold: float) -> None:
        self._counts = sparse.csr_matrix((classes, classes), dtype=np.int64)
        self._threshold = threshold

    def add(self, block: Block) -> np.ndarray:
        """Take a block; return whether each title's first answer is one of its labels [n]."""
        has = np.zeros(block.probabilities.shape, np.bool_)
        has[np.repeat(np.arange(len(has)), block.lengths), block.labels] = True
        given = block.probabilities >= self._threshold
        missed = sparse.csr_matrix(has & ~given, dtype=np.int64)
        self._counts += missed.T @ sparse.csr_matrix(given & ~has, dtype=np.int64)
        return has[np.arange(len(has)), block.probabilities.argmax(axis=1)]

    def top(self, names: Sequence[str], support: np.ndarray) -> list[Figures]:
        cells = self._counts.tocoo()
        order = np.lexsort((cells.col, cells.row, -cells.data))[:TOP_CONFUSIONS].tolist()
        return [
            {
                "true": names[cells.row[i]],
                "predicted": names[cells.col[i]],
                "count": int(cells.data[i]),
                "share": float(cells.data[i] / support[cells.row[i]]),
            }
            for i in order
        ]


def _lists(block: Block) -> Iterator[tuple[int, ...]]:
    ends = np.cumsum(block.lengths).tolist()
    labels = block.labels.tolist()
    return (tuple(labels[a:b]) for a, b in zip([0, *ends], ends, strict=False))


def _mistakes(
    answers: _Answers, right: np.ndarray, truth: Sequence[tuple[int, ...]], names: Sequence[str]
) -> list[Figures]:
    """Return wrong answers, the surest first: what the report shows beside the confusions."""
    wrong = np.flatnonzero(~right)
    said = answers.probabilities[:, 0]
    surest = wrong[np.argsort(-said[wrong], kind="stable")][:KEPT_MISTAKES]
    return [
        {
            "title": answers.titles[row].decode("utf-8", "replace"),
            "true": [names[label] for label in truth[row]],
            "predicted": names[answers.classes[row, 0]],
            "probability": round(float(said[row]), 4),
        }
        for row in surest.tolist()
    ]
