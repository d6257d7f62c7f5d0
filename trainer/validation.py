"""What a model says of the valid part, and the figures of an epoch by their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.objectives import Objective, figures
from trainer.plan import FitPlan, Part

Sums = dict[str, list[float]]


class Validation:
    """Scores the valid titles of a plan, or the first of them, with a model as it is."""

    def __init__(self, model: keras.Model, plan: FitPlan) -> None:
        self.model, self.plan = model, plan
        self._scores = tf.function(self._score, reduce_retracing=True, autograph=False)

    def sums(self, objectives: Sequence[Objective]) -> Sums:
        """Return the sums of those of the objectives that have valid titles."""
        return {
            part.objective.name: self._sums_of(part)
            for part in self.plan.parts
            if part.objective in objectives and part.valid_files
        }

    def _sums_of(self, part: Part) -> list[float]:
        found = [self._scores(batch).numpy() for batch in self.plan.validation(part)]
        return list(np.sum(found, axis=0, dtype=np.float64))

    def _score(self, batch: tuple[Any, Any]) -> tf.Tensor:
        features, targets = batch
        logits = self.model(features, training=False)
        return flat(self.plan.heads.measure(logits, targets))


def named_figures(
    plan: FitPlan, objectives: Sequence[Objective], sums: Sums, before: str = ""
) -> dict[str, float]:
    """Return figures of sums: `loss`, `accuracy`, `micro_f1`, with `before` in front of each.

    They are those of the objective that answers. Of another they are called after it:
    `rule_based_loss`, `val_rule_based_loss`. One that has no sums has no figures.
    """
    return {
        f"{before}{'' if one.name == plan.answers else f'{one.name}_'}{name}": value
        for one in objectives
        if one.name in sums
        for name, value in figures(one, sums[one.name]).items()
    }


def flat(measured: Sequence[Sequence[tf.Tensor]]) -> tf.Tensor:
    """Return what `Heads.measure` found as one vector."""
    return tf.stack([value for own in measured for value in own])


def sums_by_objective(objectives: Sequence[Objective], sums: np.ndarray) -> Sums:
    """Cut such a vector into the sums of each objective."""
    ends = np.cumsum([len(one.measured) for one in objectives])
    cut = np.split(sums.astype(np.float64), ends[:-1])
    return {one.name: own.tolist() for one, own in zip(objectives, cut, strict=True)}
