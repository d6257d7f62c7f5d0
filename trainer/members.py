"""Several networks of one family, fitted apart, and their mean: less of an answer is chance.

Lakshminarayanan et al. 2017, "Simple and Scalable Predictive Uncertainty Estimation using Deep
Ensembles", https://arxiv.org/abs/1612.01474; here it is the logits that are averaged, so that the
mean has heads as any network, and a temperature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import keras
import numpy as np
import tensorflow as tf

from trainer.models.family import Features
from trainer.plan import FitPlan
from trainer.validation import Validation, named_figures

_WORSE_ALONE = 0.015  # of the score: more than the mean of two kinds gains

History = list[dict[str, float]]


class Scored(Protocol):
    """A fit that says how good it is."""

    @property
    def best(self) -> dict[str, float]:
        """The figures of its best epoch."""


OneFit = TypeVar("OneFit", bound=Scored)


def fit_kinds(members: int, two_kinds: bool, fit: Callable[[int, bool], OneFit]) -> list[OneFit]:
    """Fit so many members by their numbers; `fit` is told whether one sees words alone.

    Of two kinds the first sees all n-grams, the second those of words alone: what the two get wrong
    differs, and their mean is better than each. So is every second one after them. But where words
    alone are much worse, as in languages of many endings, the second is left out, and the others
    see all.
    """
    if not two_kinds or members == 1:
        return [fit(number, False) for number in range(members)]
    fits = [fit(0, False), fit(1, True)]
    words_alone = _score(fits[1]) >= _score(fits[0]) - _WORSE_ALONE
    if not words_alone:
        del fits[1]
    while len(fits) < members:
        number = len(fits) + (not words_alone)
        fits.append(fit(number, words_alone and number % 2 == 1))
    return fits


def _score(fit: Scored) -> float:
    return fit.best["val_accuracy"] if "val_accuracy" in fit.best else fit.best["val_micro_f1"]


class MeanOfMembers(keras.Model):
    """Logits [batch, columns]: the mean of those of the members."""

    def __init__(self, members: Sequence[keras.Model]) -> None:
        super().__init__(name=members[0].name, dtype="float32")
        self.members = list(members)
        self.built = True

    def call(self, features: Features, training: bool = False) -> tf.Tensor:
        logits = [tf.cast(one(features, training=training), tf.float32) for one in self.members]
        return tf.add_n(logits) / len(logits)


def figures_of(model: keras.Model, plan: FitPlan, bests: History) -> dict[str, float]:
    """Return the figures of the mean of members whose best epochs gave `bests`.

    Those of the valid part are measured; what cannot be, for want of one, is the members' mean.
    """
    objectives = [part.objective for part in plan.parts]
    measured = named_figures(plan, objectives, Validation(model, plan).sums(objectives), "val_")
    return {**_mean(bests), **measured}


def mean_history(histories: Sequence[History]) -> History:
    """Return for each epoch the mean figures of the members that came to it."""
    longest = max(map(len, histories))
    return [
        {**_mean([one[epoch] for one in histories if epoch < len(one)]), "epoch": epoch + 1}
        for epoch in range(longest)
    ]


def _mean(rows: History) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
