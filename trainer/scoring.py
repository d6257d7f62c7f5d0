"""Score a part of the examples with an export's own graph, block by block, from the shards."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from configs.artifacts import Objective, RunArtifacts, Split
from configs.errors import UsageError
from pipelines.progress import counting
from pipelines.run_files import load_saved_model, read_description
from pipelines.statistics import read_figures
from trainer.damage import naming_damage
from trainer.dataset import LABELS, TITLE, parse_examples, read_examples, shard_files
from trainer.export import SAVED_MODEL
from trainer.labels import LabelReader
from trainer.measure import Block

_TIMED_SECONDS = 3.0
COUNTED: dict[Objective, str] = {
    "exclusive": "examples_by_split",
    "rule_based": "rule_based_by_split",
}


class Truth(Protocol):
    """Reads what is true of the titles of a batch, for one objective."""

    @property
    def objective(self) -> Objective: ...

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def features(self) -> tuple[str, ...]: ...

    def __call__(self, batch: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Return how many labels each title has, int [n] (0: leave it out), and these, flat."""


class OneLabel:
    """The class of each title at a level."""

    objective: Objective = "exclusive"

    def __init__(self, reader: LabelReader) -> None:
        self.names, self.features, self._reader = reader.names, reader.features, reader

    def __call__(self, batch: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        label, counts = self._reader(batch)
        lengths = (counts.numpy() > 0).astype(np.int64)
        return lengths, label.numpy()[lengths > 0]


class NodeLabels:
    """All nodes of the tree in which each title stands."""

    objective: Objective = "rule_based"
    features = (LABELS,)

    def __init__(self, nodes: Sequence[str]) -> None:
        self.names = nodes

    def __call__(self, batch: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        labels = batch[LABELS]
        return labels.row_lengths().numpy(), labels.values.numpy()


class ScoredPart:
    """The blocks of one part; each time it is iterated it is read and scored anew.

    `rows` above 0 takes only so many; the shards are in chance order. Titles without a label of
    their own are left out.
    """

    def __init__(
        self,
        loaded: Any,
        artifacts: RunArtifacts,
        truth: Truth,
        split: Split,
        *,
        batch_size: int,
        rows: int = 0,
    ) -> None:
        self._loaded, self._truth, self._batch_size, self._rows = loaded, truth, batch_size, rows
        self.split = split
        written = read_figures(artifacts.stats)[COUNTED[truth.objective]][split]
        self._total = min(rows, written) if rows else written
        self._files = shard_files(artifacts, split, truth.objective) if written else []

    def __iter__(self) -> Iterator[Block]:
        if not self._total:
            return
        batches = read_examples(
            self._files,
            None,
            batch_size=self._batch_size,
            rows=self._rows,
            holds=self._total,
        )
        counted = counting(f"evaluate, {self.split}", "titles", self._total)
        with naming_damage(self._files), counted as progress:
            for serialised in batches:
                block = self._block(serialised)
                if len(block.titles):
                    yield block
                progress(len(serialised))

    def _block(self, serialised: tf.Tensor) -> Block:
        batch = parse_examples(serialised, (TITLE, *self._truth.features))
        lengths, labels = self._truth(batch)
        titles = batch[TITLE].numpy()
        found = self._loaded.probabilities_of_examples(serialised)
        probabilities = found["probabilities"].numpy()
        keep = lengths > 0
        if keep.all():
            return Block(titles, lengths, labels, probabilities)
        return Block(titles[keep], lengths[keep], labels, probabilities[keep])


def load_export(folder: str) -> tuple[Any, dict[str, Any]]:
    """Return an exported model and what it says of itself.

    Raises `UsageError` where it was exported without `probabilities_of_examples`.
    """
    description = read_description(folder, "level", "history")
    loaded = load_saved_model(f"{folder}/{SAVED_MODEL}")
    if not hasattr(loaded, "probabilities_of_examples"):
        raise UsageError(
            f"{folder}: exported by an Aisle that kept no full probabilities; run "
            "`aisle train --force` first"
        )
    return loaded, description


def labelling_speed(loaded: Any, titles: Sequence[bytes], batch_size: int) -> dict[str, Any]:
    """Time the exported model from raw titles to labels; loading and a first batch not counted.

    Columns that a model takes beside the title are left empty. Returns `titles_per_second`, the
    `titles` and `seconds` it is from (three at most, or the batch that is under way then), and the
    `cores` of this machine that could be used.
    """
    label = loaded.signatures["serving_default"]
    batches = [
        _inputs(label, titles[i : i + batch_size]) for i in range(0, len(titles), batch_size)
    ]
    label(**batches[0])
    done, started = 0, time.perf_counter()
    for batch in batches:
        label(**batch)["label"].numpy()
        done += len(batch[TITLE])
        if time.perf_counter() - started > _TIMED_SECONDS:
            break
    seconds = time.perf_counter() - started
    return {
        "titles_per_second": round(done / seconds),
        "titles": done,
        "seconds": round(seconds, 4),
        "cores": len(os.sched_getaffinity(0)),
    }


def _inputs(label: Any, titles: Sequence[bytes]) -> dict[str, tf.Tensor]:
    specs = label.structured_input_signature[1]
    empty = {name: tf.zeros([len(titles)], spec.dtype) for name, spec in specs.items()}
    return {**empty, TITLE: tf.constant(titles)}


def label_counts(files: Iterable[str], truth: Truth, rows: int) -> np.ndarray:
    """Return how many of the first `rows` examples have each label, int64 [classes]."""
    counts = np.zeros(len(truth.names), np.int64)
    for batch in read_examples(list(files), truth.features, batch_size=8192, rows=rows):
        counts += np.bincount(truth(batch)[1], minlength=len(counts))
    return counts
