"""The training loop: one for every family and objective, resumable at its last checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from configs.errors import UsageError
from trainer.checkpoints import Checkpoints
from trainer.damage import naming_damage
from trainer.objectives import Objective
from trainer.plan import FitPlan
from trainer.validation import Sums, Validation, flat, named_figures, sums_by_objective

_STEPS_AT_ONCE = 50


class Fit:
    """Fits a model; `run` can be called again in another process after a kill and goes on.

    `fitted_on` says what config and examples the checkpoints in `folder` are of.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        plan: FitPlan,
        folder: str,
        strategy: tf.distribute.Strategy,
        fitted_on: Mapping[str, str],
    ) -> None:
        self.model, self.optimizer, self.plan, self.strategy = model, optimizer, plan, strategy
        self._checkpoints = Checkpoints(folder, model, optimizer, fitted_on)
        self._steps = self._traced_steps()
        self._validation = Validation(model, plan)

    def run(
        self,
        on_progress: Callable[[int], None],
        on_epoch: Callable[[Mapping[str, float]], None] = lambda row: None,
    ) -> list[dict[str, float]]:
        """Fit until the epochs or the patience end; the model is left at its best epoch.

        `on_progress` is told of so many more titles, `on_epoch` of each row of the history.
        Returns the history: for each epoch `epoch`, and loss and accuracy on both parts (see
        `named_figures`). Raises `UsageError` where the loss is no longer a number, or a shard is
        damaged; the last good checkpoint stays.
        """
        self.state = self._checkpoints.restore()
        files = [f for part in self.plan.parts for f in (*part.train_files, *part.valid_files)]
        with naming_damage(files):
            while self.state.epoch < self.plan.epochs and not self._out_of_patience():
                self._run_epoch(on_progress)
                on_epoch(self.state.history[-1])
        if self.state.best_epoch != self.state.epoch - 1:
            self._checkpoints.restore_best()
        return self.state.history

    @property
    def best(self) -> dict[str, float]:
        """The epoch of the history at which `run` left the model."""
        return self.state.history[self.state.best_epoch]

    @property
    def history(self) -> list[dict[str, float]]:
        """What `run` returned."""
        return self.state.history

    def keep(self) -> None:
        """Write where the fit ended, so that another process need not fit this again."""
        self._save()

    def _out_of_patience(self) -> bool:
        stale = self.state.epoch - 1 - self.state.best_epoch
        return self.state.best_epoch >= 0 and stale >= self.plan.patience

    def _run_epoch(self, on_progress: Callable[[int], None]) -> None:
        state, plan = self.state, self.plan
        batches = iter(self._batches(state.epoch, state.step))
        trained = [part.objective for part, _ in plan.mixture(state.epoch)]
        while state.step < plan.steps(state.epoch):
            steps = min(_STEPS_AT_ONCE, plan.steps(state.epoch) - state.step)
            self._note(steps, sums_by_objective(trained, self._steps(batches, steps, trained)))
            on_progress(steps * plan.batch_size)
            if self._checkpoints.age > plan.checkpoint_seconds:
                self._save()
        if self.strategy.num_replicas_in_sync == 1:
            next(batches, None)  # behind the last batch it is known whether any were missing
        self._end_epoch(trained)

    def _note(self, steps: int, sums: Sums) -> None:
        """Add up what some steps found; the state stays as it was where that is no number."""
        state = self.state
        loss = sum(own[0] for own in sums.values())
        if not math.isfinite(loss):
            self._stop(
                f"the loss is {loss} between steps {state.step + 1} and {state.step + steps}"
            )
        state.step += steps
        for name, own in sums.items():
            before = state.sums.get(name, [0.0] * len(own))
            state.sums[name] = [a + b for a, b in zip(before, own, strict=True)]

    def _stop(self, what: str) -> None:
        kept = self._checkpoints.kept
        raise UsageError(
            f"training: {what} of epoch {self.state.epoch + 1}; lower "
            f"models.{self.model.name}.learning_rate"
            + (f" (the last good checkpoint is kept in {kept})" if kept else "")
        )

    def _save(self) -> None:
        if not self._checkpoints.save(self.state):
            self._stop(f"a weight is no number after step {self.state.step}")

    def _end_epoch(self, trained: Sequence[Objective]) -> None:
        state, plan = self.state, self.plan
        valid = {**state.sums, **self._validation.sums(trained)}  # without a valid part: training's
        row = {
            "epoch": state.epoch + 1,
            **named_figures(plan, trained, state.sums),
            **named_figures(plan, trained, valid, "val_"),
        }
        losses = [value for name, value in row.items() if name.endswith("loss")]
        if not all(map(math.isfinite, losses)):
            self._stop("the loss on the valid part is no number at the end")
        state.history.append(row)
        better = state.epoch >= plan.pretrain_epochs and self._is_better(row[plan.watched])
        if better:
            state.best, state.best_epoch = row[plan.watched], state.epoch
        state.epoch, state.step, state.sums = state.epoch + 1, 0, {}
        if state.epoch < plan.epochs:
            if better:
                self._checkpoints.save_best()
            self._save()

    def _is_better(self, value: float) -> bool:
        if self.state.best is None:
            return True
        if self.plan.watched.endswith("loss"):
            return value < self.state.best
        return value > self.state.best

    def _batches(self, epoch: int, skip: int) -> Any:
        replicas = self.strategy.num_replicas_in_sync
        if replicas == 1:
            return self.plan.batches(epoch, skip)
        return self.strategy.distribute_datasets_from_function(
            lambda _: self.plan.batches(epoch, skip, replicas)
        )

    def _traced_steps(self) -> Callable[[Iterator[Any], int, Sequence[Objective]], np.ndarray]:
        # as in Keras: rewriting a step that has no branches takes longer than tracing it
        step = tf.autograph.experimental.do_not_convert(self._step)
        if self.plan.xla:
            step = tf.function(step, jit_compile=True)

        @tf.function(reduce_retracing=True)
        def steps(batches: Iterator[Any], count: tf.Tensor, sums: tf.Tensor) -> tf.Tensor:
            for _ in tf.range(count):
                of_replicas = self.strategy.run(step, args=(next(batches),))
                sums += self.strategy.reduce(tf.distribute.ReduceOp.SUM, of_replicas, axis=None)
            return sums

        def run(batches: Iterator[Any], count: int, trained: Sequence[Objective]) -> np.ndarray:
            start = tf.zeros([sum(len(one.measured) for one in trained)])
            return steps(batches, tf.constant(count), start).numpy()

        return run

    def _step(self, batch: tuple[Any, Any]) -> tf.Tensor:
        """Take one step; return what this replica's batch adds to the sums of the objectives.

        Each row of a batch counts the same, whichever objective it is of.
        """
        features, targets = batch
        with tf.GradientTape() as tape:
            logits = self.model(features, training=True)
            measured = self.plan.heads.measure(logits, targets)
            loss = _mean_loss(measured) / self.strategy.num_replicas_in_sync
            scaled = self.optimizer.scale_loss(loss)
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, [v.value for v in variables]), variables)
        return flat(measured)


def _mean_loss(measured: Sequence[Sequence[tf.Tensor]]) -> tf.Tensor:
    """Return the mean loss of the rows that count; each objective's sums begin with the two."""
    loss, rows = measured[0][:2]
    for own in measured[1:]:
        loss, rows = loss + own[0], rows + own[1]
    return loss / tf.maximum(rows, 1.0)
