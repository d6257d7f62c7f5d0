"""What a model is fitted on, epoch by epoch, and the batches that follow from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import tensorflow as tf

from configs.columns import ColumnFeature
from configs.training import ObjectiveName
from trainer.dataset import as_written, read_examples
from trainer.objectives import Heads, Objective

Batch = tuple[Mapping[str, Any], Mapping[str, Any]]
_VALIDATION_BATCH = 4096
_SEEDS_APART = 1009  # the two objectives hold the same titles: not in the same order
_MEMBERS_APART = 1_000_003


@dataclass(frozen=True)
class Part:
    """The examples of one objective: their shards, and how many these hold, where it is known."""

    objective: Objective
    train_files: Sequence[str]
    valid_files: Sequence[str]
    rows: int
    valid_rows: int | None = None


@dataclass(frozen=True)
class FitPlan:
    """What to fit on and for how long.

    `parts` stand in the order of `heads`. `prepare` shapes the named `features` of a batch for the
    model; `columns` are those beside the title that some of them come from. With two parts a batch
    holds `exclusive_share` of the exclusive one; before epoch `pretrain_epochs` only the part of
    `first` is trained. `watched` is the figure of an epoch that says which epoch is the best, and
    when to stop; `answers` the objective it is of.
    """

    heads: Heads
    parts: tuple[Part, ...]
    features: tuple[str, ...]
    prepare: Callable[[Any], Any]
    batch_size: int
    epochs: int
    patience: int
    answers: ObjectiveName
    watched: str
    exclusive_share: float
    first: ObjectiveName
    pretrain_epochs: int
    seed: int
    shuffle_buffer: int
    validation_rows: int
    checkpoint_seconds: float
    xla: bool
    columns: Mapping[str, ColumnFeature] = field(default_factory=dict)
    _valid: dict[str, tf.data.Dataset] = field(default_factory=dict, compare=False)

    def of_member(self, number: int) -> FitPlan:
        """Return the plan of one of several members: the same, in another order; 0 has this one."""
        return replace(self, seed=self.seed + number * _MEMBERS_APART)

    def mixture(self, epoch: int) -> list[tuple[Part, int]]:
        """Return the parts that an epoch trains, and how many rows of each a batch holds."""
        if len(self.parts) == 1:
            return [(self.parts[0], self.batch_size)]
        if epoch < self.pretrain_epochs:
            return [(p, self.batch_size) for p in self.parts if p.objective.name == self.first]
        of_exclusive = round(self.batch_size * self.exclusive_share)
        of_exclusive = min(max(1, of_exclusive), self.batch_size - 1)
        return [
            (p, of_exclusive if p.objective.name == "exclusive" else self.batch_size - of_exclusive)
            for p in self.parts
        ]

    def steps(self, epoch: int) -> int:
        """Return the steps of an epoch: it ends when one of its parts has been seen once."""
        return min(max(1, math.ceil(part.rows / rows)) for part, rows in self.mixture(epoch))

    @property
    def all_steps(self) -> int:
        return sum(self.steps(epoch) for epoch in range(self.epochs))

    def batches(self, epoch: int, skip: int = 0, replicas: int = 1) -> tf.data.Dataset:
        """Return the batches of one of `replicas` devices: features, and targets by objective.

        Their order follows from the seed and the epoch; the first `skip` steps are passed over.
        One device gets each example once. Several may be left with an odd batch at the end, for
        which the beginning comes again.
        """
        order = self.seed + epoch
        found = [
            read_examples(
                part.train_files,
                (*self.features, *part.objective.features),
                columns=self.columns,
                batch_size=max(1, rows // replicas),
                shuffle=(self.shuffle_buffer, order + _SEEDS_APART * self.parts.index(part)),
                skip=skip * replicas,
                holds=part.rows,
            )
            for part, rows in self.mixture(epoch)
        ]
        parts = [part for part, _ in self.mixture(epoch)]
        examples = found[0] if len(found) == 1 else tf.data.Dataset.zip(tuple(found))
        batches = examples.map(as_written(lambda *batch: self._joined(parts, batch)))
        return (batches if replicas == 1 else batches.repeat()).prefetch(4)

    def validation(self, part: Part) -> tf.data.Dataset:
        """Return the batches of a part's valid titles, or of the first of them.

        Made once for all epochs and members: for few titles that takes longer than scoring them.
        """
        name = part.objective.name
        if name not in self._valid:
            self._valid[name] = self._read_valid(part)
        return self._valid[name]

    def _read_valid(self, part: Part) -> tf.data.Dataset:
        examples = read_examples(
            part.valid_files,
            (*self.features, *part.objective.features),
            columns=self.columns,
            batch_size=_VALIDATION_BATCH,
            rows=self.validation_rows,
            holds=part.valid_rows,
        )
        return examples.map(as_written(lambda batch: self._joined([part], [batch])))

    def _joined(self, parts: Sequence[Part], batches: Sequence[Mapping[str, Any]]) -> Batch:
        """Put the rows of the parts below each other; each part keeps targets of its own."""
        features = {
            name: tf.concat([batch[name] for batch in batches], axis=0)
            if len(batches) > 1
            else batches[0][name]
            for name in self.features
        }
        targets: dict[str, Any] = {
            part.objective.name: part.objective.targets(batch)
            for part, batch in zip(parts, batches, strict=True)
        }
        return self.prepare(features), targets
