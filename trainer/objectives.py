"""What a model learns: each objective's labels, loss and figures, over its columns of the logits.

A model family gives logits [batch, columns] and knows no objective: `Heads` says which columns are
whose. All layers below are shared; no objective's loss reads another's columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from configs.training import ObjectiveName
from trainer.dataset import CATEGORIES, LABELS
from trainer.labels import LabelReader
from trainer.losses import loss_above, many_hot, set_loss, soft_labels

Targets = Mapping[str, tf.Tensor]
MEASURED = ("loss", "rows", "hits")


class Objective(Protocol):
    """What the training loop and the export know of an objective.

    `names` are its classes, one column of logits each; `depths` how far down the tree each lies,
    int [names], None where there is no tree or only one class may be right. `features` is what it
    reads of an example, `measured` the figures that `measure` sums up: `MEASURED` first.
    """

    @property
    def name(self) -> ObjectiveName: ...

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def depths(self) -> np.ndarray | None: ...

    @property
    def features(self) -> tuple[str, ...]: ...

    @property
    def measured(self) -> tuple[str, ...]: ...

    def targets(self, batch: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """Return what `measure` needs of a batch of examples: dense tensors [n, ...]."""

    def measure(self, logits: tf.Tensor, targets: Targets) -> list[tf.Tensor]:
        """Return sums over the batch, scalars in the order of `measured`; logits are [n, names]."""

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        """Return the probability of each class, [n, names]."""


@dataclass(frozen=True, eq=False)
class Exclusive:
    """One class a title: softmax and cross-entropy. Its options cost nothing when they are off.

    `soft` are the shares of each label before smoothing, [classes, classes], or None for plain
    labels; `above` maps a level to the class there of each class, of which sums are learned.
    """

    reader: LabelReader
    weights: np.ndarray | None = None
    soft: np.ndarray | None = None
    uniform: float = 0.0
    categories: float = 0.0
    above: Mapping[str, np.ndarray] | None = None
    above_weight: float = 1.0
    depths: np.ndarray | None = None
    name: ObjectiveName = "exclusive"
    measured: tuple[str, ...] = MEASURED

    @property
    def names(self) -> Sequence[str]:
        return self.reader.names

    @property
    def features(self) -> tuple[str, ...]:
        more = (CATEGORIES,) if self.categories else ()
        return tuple(dict.fromkeys((*self.reader.features, *more)))

    def targets(self, batch: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        label, counts = self.reader(batch)
        found = {"label": label, "counts": counts}
        if self.soft is not None or self.uniform or self.categories:
            found["shares"] = soft_labels(
                label,
                np.eye(len(self.names), dtype=np.float32) if self.soft is None else self.soft,
                uniform=self.uniform,
                categories=self.categories,
                stands=self.reader.stands(batch) if self.categories else None,
            )
        if self.weights is not None:
            found["weight"] = counts * tf.gather(tf.constant(self.weights), label)
        return found

    def measure(self, logits: tf.Tensor, targets: Targets) -> list[tf.Tensor]:
        label, counts = targets["label"], targets["counts"]
        losses = self._losses(logits, label, targets.get("shares"))
        right = tf.equal(tf.argmax(logits, axis=1, output_type=label.dtype), label)
        return [
            tf.reduce_sum(losses * targets.get("weight", counts)),
            tf.reduce_sum(counts),
            tf.reduce_sum(tf.cast(right, tf.float32) * counts),
        ]

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        return tf.nn.softmax(logits)

    def _losses(self, logits: tf.Tensor, label: tf.Tensor, shares: tf.Tensor | None) -> tf.Tensor:
        if shares is None:
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits)
        else:
            losses = tf.nn.softmax_cross_entropy_with_logits(shares, logits)
        wanted = label if shares is None else shares
        for groups in (self.above or {}).values():
            part = self.above_weight / len(self.above or {})
            losses += part * loss_above(logits, groups, wanted)
        return losses


@dataclass(frozen=True, eq=False)
class RuleBased:
    """Every node of the tree in which a title stands: independent sigmoids, cross-entropy summed.

    The loss is in nats a title, like that of `Exclusive`, so that they can be added. An answer is
    yes from a probability of a half; a hit is a title whose likeliest node is one of its own.
    """

    names: Sequence[str]
    depths: np.ndarray | None = None
    weights: np.ndarray | None = None
    uniform: float = 0.0
    name: ObjectiveName = "rule_based"
    features: tuple[str, ...] = (LABELS,)
    measured: tuple[str, ...] = (*MEASURED, "right", "answered", "true")

    def targets(self, batch: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        return {"nodes": many_hot(batch[LABELS], len(self.names))}

    def measure(self, logits: tf.Tensor, targets: Targets) -> list[tf.Tensor]:
        nodes = targets["nodes"]
        losses = set_loss(logits, nodes, smoothing=self.uniform, weights=self.weights)
        yes = tf.cast(logits > 0.0, tf.float32)
        first = tf.argmax(logits, axis=1)
        return [
            tf.reduce_sum(losses),
            tf.cast(tf.shape(nodes)[0], tf.float32),
            tf.reduce_sum(tf.gather(nodes, first, batch_dims=1)),
            tf.reduce_sum(yes * nodes),
            tf.reduce_sum(yes),
            tf.reduce_sum(nodes),
        ]

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        return tf.nn.sigmoid(logits)


@dataclass(frozen=True)
class Heads:
    """The objectives of one network, each with its own columns of the logits, in their order."""

    objectives: tuple[Objective, ...]

    @property
    def columns(self) -> int:
        """How many logits a model has: one for each class of each objective."""
        return sum(len(objective.names) for objective in self.objectives)

    def logits_of(self, name: ObjectiveName, logits: tf.Tensor) -> tf.Tensor:
        """Return an objective's columns as float32: [n, columns] to [n, its classes]."""
        if len(self.objectives) > 1:
            begin = 0
            for objective in self.objectives:
                end = begin + len(objective.names)
                if objective.name == name:
                    logits = logits[:, begin:end]
                    break
                begin = end
        return tf.cast(logits, tf.float32)

    def measure(self, logits: tf.Tensor, targets: Mapping[str, Targets]) -> list[list[tf.Tensor]]:
        """Return for each objective that has targets its sums over its own rows.

        The rows of a batch stand in the order of the objectives.
        """
        present = [one for one in self.objectives if one.name in targets]
        found, begin = [], 0
        for objective in present:
            own = targets[objective.name]
            rows = logits
            if len(present) > 1:
                end = begin + tf.shape(next(iter(own.values())))[0]
                rows, begin = logits[begin:end], end
            found.append(objective.measure(self.logits_of(objective.name, rows), own))
        return found


def figures(objective: Objective, sums: Sequence[float]) -> dict[str, float]:
    """Return the mean loss and the accuracy of an epoch from an objective's sums.

    Accuracy is the share of titles whose first answer is right. With yes-or-no answers also micro
    F1: 2 right / (answered + true).
    """
    of = dict(zip(objective.measured, sums, strict=True))
    rows = max(1.0, of["rows"])
    found = {"loss": of["loss"] / rows, "accuracy": of["hits"] / rows}
    if "right" in of:
        found["micro_f1"] = 2.0 * of["right"] / max(1.0, of["answered"] + of["true"])
    return found
