"""What a model has to beat: linear models on TF-IDF, naive Bayes, one linear model a label.

All learn from the n-grams of the shards, hashed, a batch at a time: memory follows the batch and
the number of weights, not the number of titles.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np
from scipy import sparse
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import f1_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import ComplementNB, MultinomialNB

from configs.artifacts import Split
from configs.baselines import BaselineName, BaselineSettings, LinearSettings
from configs.columns import ColumnFeature
from configs.settings import EvaluationSettings
from trainer.figures import flat_figures
from trainer.hashed_titles import Batch, HashedTitles, fitting_buckets, tf_idf_of
from trainer.multilabel_metrics import MultilabelTally
from trainer.score_histogram import ThresholdSearch
from trainer.scoring import Truth

Figures = dict[str, Any]
Answer = Callable[[sparse.csr_matrix], np.ndarray]
ONE_VS_REST = "one-vs-rest logistic regression"
SPOKEN: dict[BaselineName, str] = {
    "logistic_regression": "logistic regression",
    "linear_svm": "linear SVM",
    "naive_bayes": "naive Bayes",
}
_UNCALIBRATED = dict.fromkeys(("calibrated", "temperature", "expected_calibration_error"))
_LOSSES = {"logistic_regression": "log_loss", "linear_svm": "hinge"}
_NAIVE_BAYES = {"complement": ComplementNB, "multinomial": MultinomialNB}


@dataclass(frozen=True)
class Parts:
    """The titles that baselines learn from, and those they are measured on.

    On `valid` the best threshold of a set of labels is found; it may be empty.
    """

    train: HashedTitles
    valid: HashedTitles
    test: HashedTitles

    @property
    def names(self) -> Sequence[str]:
        return self.train.truth.names


def measured_baselines(
    settings: EvaluationSettings,
    files: Mapping[Split, Sequence[str]],
    truth: Truth,
    seed: int,
    columns: Mapping[str, ColumnFeature] | None = None,
) -> dict[str, Figures]:
    """Return the figures of an objective's baselines by their names, as reports show them.

    Those of one class a title, or `one-vs-rest logistic regression` where there are sets of labels.
    They see `columns` beside the title.
    """
    parts = make_parts(settings, files, truth, columns)
    if truth.objective == "rule_based":
        return {ONE_VS_REST: one_vs_rest_baseline(settings, parts, seed)}
    return class_baselines(settings.baselines, parts, seed)


def make_parts(
    settings: EvaluationSettings,
    files: Mapping[Split, Sequence[str]],
    truth: Truth,
    columns: Mapping[str, ColumnFeature] | None = None,
) -> Parts:
    """Return the titles of the shards of each part, in as many buckets as there is room for."""
    own = settings.baselines
    buckets = fitting_buckets(own.hash_bits, len(truth.names))
    train = HashedTitles(
        files["train"], truth, buckets, own.batch_rows, own.rows, columns=columns or {}
    )
    test = replace(train, files=files["test"], batch_rows=settings.batch_size, rows=0)
    return Parts(train, replace(test, files=files["valid"], rows=settings.calibration_rows), test)


def class_baselines(settings: BaselineSettings, parts: Parts, seed: int) -> dict[str, Figures]:
    """Fit and measure the baselines that are named, for one class a title.

    Each has `accuracy`, `macro_f1` and `weighted_f1` as `trainer.metrics` defines them, `titles`
    it learned from, `buckets`, `seconds` to fit it and `titles_per_second` it labels; reading is
    counted in both.
    """
    found = {}
    for name in settings.models:
        started = time.perf_counter()
        answer, rows = _fitted(name, settings, parts, seed)
        fitted = _how_fitted(rows, parts, time.perf_counter() - started)
        found[SPOKEN[name]] = {**_class_figures(answer, parts.test), **fitted}
    return found


def one_vs_rest_baseline(settings: EvaluationSettings, parts: Parts, seed: int) -> Figures:
    """Fit logistic regression for each label alone, and measure the sets of labels it gives.

    Returns the figures that a model of sets of labels has (see `trainer.figures`), its threshold
    found in the same way, and `titles`, `buckets` and `seconds`.
    """
    started = time.perf_counter()
    scores, rows = _fitted_one_vs_rest(settings.baselines.one_vs_rest, parts, seed)
    fitted = _how_fitted(rows, parts, time.perf_counter() - started)
    return {**_set_figures(scores, parts, settings.threshold), **fitted}


def _how_fitted(rows: int, parts: Parts, seconds: float) -> Figures:
    return {"titles": rows, "buckets": parts.train.buckets, "seconds": round(seconds, 3)}


def _fitted(
    name: BaselineName, settings: BaselineSettings, parts: Parts, seed: int
) -> tuple[Answer, int]:
    if name == "naive_bayes":
        return _fitted_naive_bayes(settings, parts)
    own = getattr(settings, name)
    transformer, rows = tf_idf_of(parts.train)
    model = _linear(_LOSSES[name], own, rows, seed)
    for batch in _passes(parts.train, own.passes):
        features = transformer.transform(batch.counts)
        model.partial_fit(features, batch.labels, np.arange(len(parts.names)))
    weights, offsets = model.coef_, model.intercept_
    if len(weights) == 1:  # of two classes scikit-learn keeps the second one's
        weights, offsets = np.vstack([-weights, weights]), np.hstack([-offsets, offsets])
    scores = _scores(transformer, weights, offsets)
    return lambda counts: scores(counts).argmax(axis=1), rows


def _scores(transformer: TfidfTransformer, weights: np.ndarray, offsets: np.ndarray) -> Answer:
    """Return the function from counts [n, buckets] to scores [n, classes].

    Weights [classes, buckets] are laid bucket by bucket once, not for every batch anew.
    """
    of_buckets = np.ascontiguousarray(weights.T, np.float32)
    return lambda counts: transformer.transform(counts) @ of_buckets + offsets


def _linear(loss: str, settings: LinearSettings, rows: int, seed: int) -> SGDClassifier:
    """Return a linear model whose classes are fitted on all cores.

    Its step sizes and its regulariser follow from `alpha`: 1 / (c rows) is the same trade at any
    number of titles.
    """
    alpha = 1.0 / (settings.c * max(1, rows))
    return SGDClassifier(loss=loss, alpha=alpha, random_state=seed, n_jobs=-1)


def _passes(titles: HashedTitles, passes: int) -> Iterator[Batch]:
    for _ in range(passes):
        yield from titles


def _fitted_naive_bayes(settings: BaselineSettings, parts: Parts) -> tuple[Answer, int]:
    """Fit on counts as they are: TF-IDF weights made it no better on any sample tried."""
    own, rows = settings.naive_bayes, 0
    model = _NAIVE_BAYES[own.kind](alpha=own.smoothing)
    for batch in parts.train:
        model.partial_fit(batch.counts, batch.labels, np.arange(len(parts.names)))
        rows += len(batch.labels)
    return model.predict, rows


def _fitted_one_vs_rest(settings: LinearSettings, parts: Parts, seed: int) -> tuple[Answer, int]:
    """Fit a model a label, on threads: they share the features, and the solver frees Python."""
    transformer, rows = tf_idf_of(parts.train)
    model = MultiOutputClassifier(_linear("log_loss", settings, rows, seed), n_jobs=-1)
    yes_or_no = [np.array([False, True])] * len(parts.names)
    with joblib.parallel_config(backend="threading"):
        for batch in _passes(parts.train, settings.passes):
            labels = batch.has_label(len(parts.names))
            model.partial_fit(transformer.transform(batch.counts), labels, yes_or_no)
    weights = np.vstack([one.coef_[0] for one in model.estimators_])
    offsets = np.array([one.intercept_[0] for one in model.estimators_])
    return _scores(transformer, weights, offsets), rows


def _class_figures(answer: Answer, test: HashedTitles) -> Figures:
    started = time.perf_counter()
    pairs = [(batch.labels, answer(batch.counts)) for batch in test]
    seconds = time.perf_counter() - started
    truth, found = (np.concatenate(column) for column in zip(*pairs, strict=True))
    return {
        "accuracy": float((truth == found).mean()),
        "macro_f1": float(f1_score(truth, found, average="macro")),
        "weighted_f1": float(f1_score(truth, found, average="weighted")),
        "titles_per_second": round(len(truth) / seconds),
    }


def _set_figures(scores: Answer, parts: Parts, threshold: float) -> Figures:
    best = threshold
    if parts.valid.files:
        search = ThresholdSearch()
        for batch in parts.valid:
            rows = np.repeat(np.arange(len(batch.lengths)), batch.lengths)
            search.add(rows, batch.labels, expit(scores(batch.counts)))
        best = search.best()[0]
    started = time.perf_counter()
    tally = _tally(scores, parts.test, tuple(dict.fromkeys((threshold, best))))
    seconds = time.perf_counter() - started
    figures = {**_UNCALIBRATED, **tally.figures(parts.names)}
    speed = {"titles_per_second": round(tally.examples / seconds)}
    return {**flat_figures({"objective": "rule_based", **figures}), **speed}


def _tally(scores: Answer, titles: HashedTitles, thresholds: tuple[float, ...]) -> MultilabelTally:
    """Add up over batches: the scores of all titles together may not fit into memory."""
    tally = MultilabelTally(len(titles.truth.names), thresholds=thresholds, ks=(1,))
    for batch in titles:
        tally.add(batch.lengths, batch.labels, expit(scores(batch.counts)))
    return tally
