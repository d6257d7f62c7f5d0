"""Several networks of one family, fitted apart, and their mean: less of an answer is chance.

Lakshminarayanan et al. 2017, "Simple and Scalable Predictive Uncertainty Estimation using Deep
Ensembles", https://arxiv.org/abs/1612.01474; here it is the logits that are averaged, so that the
mean has heads as any network, and a temperature.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from trainer.models.family import Features
from trainer.plan import FitPlan
from trainer.validation import Validation, named_figures

History = list[dict[str, float]]


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
