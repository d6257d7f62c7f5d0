"""The training loop: one for every family, resumable at its last checkpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from configs.errors import UsageError
from trainer.dataset import read_examples
from trainer.labels import LabelReader

_STEPS_AT_ONCE = 50


@dataclass(frozen=True)
class FitPlan:
    """What to fit on and for how long; `rows` is the number of training examples.

    `prepare` shapes a batch of examples for the model.
    """

    train_files: Sequence[str]
    valid_files: Sequence[str]
    features: tuple[str, ...]
    prepare: Callable[[Any], Any]
    rows: int
    batch_size: int
    epochs: int
    patience: int
    seed: int
    shuffle_buffer: int
    validation_rows: int
    checkpoint_seconds: float
    xla: bool

    @property
    def steps_per_epoch(self) -> int:
        return max(1, math.ceil(self.rows / self.batch_size))


@dataclass
class FitState:
    """Where a fit stands; kept beside the checkpoint's weights as JSON."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    hits: float = 0.0
    best: float = -1.0
    best_epoch: int = -1
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def stale_epochs(self) -> int:
        return self.epoch - 1 - self.best_epoch


class Fit:
    """Fits a model; `run` can be called again in another process after a kill and goes on."""

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        labels: LabelReader,
        plan: FitPlan,
        folder: str,
        strategy: tf.distribute.Strategy,
    ) -> None:
        self.model, self.optimizer, self.labels, self.plan = model, optimizer, labels, plan
        self.folder, self.strategy = folder, strategy
        self.state = FitState()
        self._checkpoint = tf.train.Checkpoint(model=model, optimizer=optimizer)
        self._saved_at = time.monotonic()
        self._steps = self._traced_steps()
        self._scores = tf.function(self._score, reduce_retracing=True)

    def run(self, on_progress: Callable[[int], None]) -> list[dict[str, float]]:
        """Fit until the epochs or the patience end; the model is left at its best epoch.

        Returns the history: for each epoch its loss and accuracy on both parts. Raises
        `UsageError` where the loss is no longer a number.
        """
        self._restore("last")
        while self.state.epoch < self.plan.epochs and not self._out_of_patience():
            self._run_epoch(on_progress)
        if self.state.best_epoch != self.state.epoch - 1:
            self._checkpoint.read(f"{self.folder}/best-ckpt").expect_partial()
        return self.state.history

    def _out_of_patience(self) -> bool:
        return self.state.epoch > 0 and self.state.stale_epochs >= self.plan.patience

    def _run_epoch(self, on_progress: Callable[[int], None]) -> None:
        state, plan = self.state, self.plan
        batches = iter(self._batches(state.epoch, state.step))
        while state.step < plan.steps_per_epoch:
            steps = min(_STEPS_AT_ONCE, plan.steps_per_epoch - state.step)
            loss, hits = self._steps(batches, steps)
            self._note(steps, float(loss), float(hits))
            on_progress(steps * plan.batch_size)
            if time.monotonic() - self._saved_at > plan.checkpoint_seconds:
                self._save("last")
        self._end_epoch()

    def _note(self, steps: int, loss: float, hits: float) -> None:
        if not math.isfinite(loss):
            raise UsageError(
                f"training: the loss is {loss} in epoch {self.state.epoch + 1} near step "
                f"{self.state.step}; lower models.{self.model.name}.learning_rate"
            )
        self.state.step += steps
        self.state.loss += loss
        self.state.hits += hits

    def _end_epoch(self) -> None:
        state, plan = self.state, self.plan
        valid_loss, valid_accuracy = self._validate()
        state.history.append(
            {
                "epoch": state.epoch + 1,
                "loss": state.loss / plan.steps_per_epoch,
                "accuracy": state.hits / plan.rows,
                "val_loss": valid_loss,
                "val_accuracy": valid_accuracy,
            }
        )
        better = valid_accuracy > state.best
        if better:
            state.best, state.best_epoch = valid_accuracy, state.epoch
        state.epoch, state.step, state.loss, state.hits = state.epoch + 1, 0, 0.0, 0.0
        if state.epoch < plan.epochs:
            if better:
                self._checkpoint.write(f"{self.folder}/best-ckpt")
            self._save("last")

    def _batches(self, epoch: int, skip: int) -> Any:
        """Return the batches of an epoch; their order follows from the seed and the epoch."""
        plan = self.plan

        def make(_: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
            examples = read_examples(
                plan.train_files,
                (*plan.features, *self.labels.features),
                batch_size=plan.batch_size // self.strategy.num_replicas_in_sync,
                shuffle=(plan.shuffle_buffer, plan.seed + epoch),
                skip=skip * self.strategy.num_replicas_in_sync,
            )
            return examples.map(plan.prepare).repeat().prefetch(4)

        if self.strategy.num_replicas_in_sync == 1:
            return make()
        return self.strategy.distribute_datasets_from_function(make)

    def _traced_steps(self) -> Callable[[Iterator[Any], int], tuple[tf.Tensor, tf.Tensor]]:
        step = tf.function(self._step, jit_compile=True) if self.plan.xla else self._step

        @tf.function(reduce_retracing=True)
        def steps(batches: Iterator[Any], count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            loss, hits = tf.constant(0.0), tf.constant(0.0)
            for _ in tf.range(count):
                of_replicas = self.strategy.run(step, args=(next(batches),))
                loss += self._sum(of_replicas[0])
                hits += self._sum(of_replicas[1])
            return loss, hits

        return lambda batches, count: steps(batches, tf.constant(count))

    def _sum(self, value: Any) -> tf.Tensor:
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)

    def _step(self, batch: dict[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
        """Take one step; return this replica's part of the mean loss, and its hits."""
        label, counts = self.labels(batch)
        with tf.GradientTape() as tape:
            logits = self.model(batch, training=True)
            loss = _mean_loss(logits, label, counts) / self.strategy.num_replicas_in_sync
            scaled = self.optimizer.scale_loss(loss)
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(scaled, [v.value for v in variables]), variables)
        return loss, _hits(logits, label, counts)

    def _validate(self) -> tuple[float, float]:
        """Return the mean loss and the accuracy on the valid part, or its first rows.

        Without a valid part those of training stand in.
        """
        if not self.plan.valid_files:
            return (
                self.state.loss / self.plan.steps_per_epoch,
                self.state.hits / self.plan.rows,
            )
        loss = hits = rows = 0.0
        for batch in read_examples(
            self.plan.valid_files,
            (*self.plan.features, *self.labels.features),
            batch_size=4096,
            rows=self.plan.validation_rows,
        ).map(self.plan.prepare):
            of_batch = self._scores(batch)
            loss, hits, rows = (
                total + float(part)
                for total, part in zip((loss, hits, rows), of_batch, strict=True)
            )
        return loss / max(1.0, rows), hits / max(1.0, rows)

    def _score(self, batch: dict[str, Any]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        label, counts = self.labels(batch)
        logits = self.model(batch, training=False)
        rows = tf.reduce_sum(counts)
        return _mean_loss(logits, label, counts) * rows, _hits(logits, label, counts), rows

    def _save(self, name: str) -> None:
        """Write weights first, then the state that names them: a kill leaves the one before."""
        tag = f"{name}-{self.state.epoch}-{self.state.step}"
        self._checkpoint.write(f"{self.folder}/{tag}")
        document = json.dumps({**vars(self.state), "checkpoint": tag})
        path = f"{self.folder}/{name}.json"
        with tf.io.gfile.GFile(f"{path}.new", "w") as file:
            file.write(document)
        tf.io.gfile.rename(f"{path}.new", path, overwrite=True)
        for old in tf.io.gfile.glob(f"{self.folder}/{name}-*"):
            if not old.rpartition("/")[2].startswith(f"{tag}."):
                tf.io.gfile.remove(old)
        self._saved_at = time.monotonic()

    def _restore(self, name: str) -> None:
        path = f"{self.folder}/{name}.json"
        if not tf.io.gfile.exists(path):
            tf.io.gfile.makedirs(self.folder)
            return
        with tf.io.gfile.GFile(path) as file:
            document = json.loads(file.read())
        tag = document.pop("checkpoint")
        self._checkpoint.read(f"{self.folder}/{tag}").assert_existing_objects_matched()
        self.state = FitState(**document)


def _mean_loss(logits: tf.Tensor, label: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """Return the mean cross-entropy of the rows that count."""
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(label, tf.cast(logits, tf.float32))
    return tf.reduce_sum(loss * counts) / tf.maximum(tf.reduce_sum(counts), 1.0)


def _hits(logits: tf.Tensor, label: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    right = tf.equal(tf.argmax(logits, axis=1, output_type=label.dtype), label)
    return tf.reduce_sum(tf.cast(right, tf.float32) * counts)
