"""One trial of a search: fit with the values that it tries, fold by fold, and measure each fit."""

from __future__ import annotations

import contextlib
import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.settings import Settings
from configs.training import ObjectiveName
from configs.tuning import with_values
from pipelines import storage
from pipelines.stage import DISK_FULL
from trainer.dataset import TITLE, read_examples, shard_files
from trainer.figures import flat_figures
from trainer.measure import Block, measure_exclusive, measure_rule_based
from trainer.plan import Part
from trainer.setup import Cut, Cuts, set_up, whole
from trainer.train import Fitted, fit_model

RECORD = "record.json"
_NO_FIGURES = ("examples", "temperature", "best_threshold")
_COUNTED_BATCH = 65_536


@dataclass(frozen=True)
class Trials:
    """Runs trials on the examples of a run; `cuts` has one entry a fold, None for the whole.

    `fitted_on` says what the checkpoints of a fit that was killed are of.
    """

    settings: Settings
    artifacts: RunArtifacts
    cuts: Sequence[Cuts | None]
    folder: str
    fitted_on: Mapping[str, str]

    def run(self, trial: str, values: Mapping[str, Any], epochs: int | None) -> dict[str, float]:
        """Return the mean figures of the folds; folds that a killed process finished are kept."""
        settings = tried(self.settings, values, epochs)
        folds = [self._fold(trial, number, settings) for number in range(len(self.cuts))]
        objective = self.settings.tuning.objective
        if any(objective not in fold["figures"] for fold in folds):
            raise UsageError(f"{objective} cannot be measured: no label is both present and absent")
        record = {"values": dict(values), "epochs_at_most": epochs, **_mean(folds), "folds": folds}
        _write_json(f"{self.folder}/trial_{trial}/{RECORD}", record)
        figures: dict[str, float] = record["figures"]
        return figures

    def _fold(self, trial: str, number: int, settings: Settings) -> dict[str, Any]:
        folder = f"{self.folder}/trial_{trial}"
        path = f"{folder}/fold-{number}.json"
        if storage.exists(path):
            return read_json(path)
        title = f"tune, trial {int(trial) + 1}"
        if len(self.cuts) > 1:
            title += f", fold {number + 1} of {len(self.cuts)}"
        keras.utils.clear_session()
        checkpoints = f"{folder}/checkpoints-{number}"
        with _failing_alone(checkpoints):
            cuts = self.cuts[number]
            fitted = fit_model(
                settings, self.artifacts, checkpoints, self.fitted_on, cuts=cuts, title=title
            )
        found = {
            "figures": measured(fitted, settings),
            "epochs": len(fitted.history),
            "parameters": fitted.parameters,
            "seconds": round(fitted.seconds, 3),
        }
        _write_json(path, found)
        storage.remove_tree(checkpoints)
        del fitted
        gc.collect()
        return found


@contextlib.contextmanager
def _failing_alone(checkpoints: str) -> Iterator[None]:
    """Let values that cannot be fitted fail their trial, and no other; nothing of it is kept."""
    try:
        yield
    except UsageError:
        storage.remove_tree(checkpoints)
        raise
    except tf.errors.ResourceExhaustedError as error:
        if DISK_FULL in str(error):
            raise
        storage.remove_tree(checkpoints)
        raise UsageError("the model does not fit into the memory of this machine") from error


def tried(settings: Settings, values: Mapping[str, Any], epochs: int | None) -> Settings:
    """Return the settings of a trial: its values, and how many epochs it has at most."""
    model = values.get("training.model", settings.training.model)
    most = epochs or settings.tuning.epochs
    return with_values(settings, {**values, **({f"models.{model}.epochs": most} if most else {})})


def make_cuts(settings: Settings, artifacts: RunArtifacts) -> list[Cuts | None]:
    """Return the folds, cut from the train part by shards: shard i is validated on in fold i mod k.

    A title's shard follows from its keyed hash, and a title is in one shard alone: so the folds
    are a sound split, the same for both objectives, and nothing has to be preprocessed again; what
    preprocessing learned of all titles (which words and n-grams there are) holds no label. Raises
    `UsageError` where there are too few shards.
    """
    if settings.tuning.folds is None:
        return [None]
    names = settings.training.objectives
    of = {name: _folds_of(artifacts, name, settings.tuning.folds) for name in names}
    return [{name: of[name][fold] for name in names} for fold in range(settings.tuning.folds)]


def _folds_of(artifacts: RunArtifacts, objective: ObjectiveName, folds: int) -> list[Cut]:
    files = shard_files(artifacts, "train", objective)
    if folds > len(files):
        raise UsageError(
            f"tuning.folds is {folds}, but the train part has {len(files)} shards with examples; "
            f"set it to {len(files)} or less, or preprocess with more preprocess.num_shards"
        )
    rows = [_rows_in(path) for path in files]
    return [
        Cut(
            train_files=[path for place, path in enumerate(files) if place % folds != fold],
            valid_files=files[fold::folds],
            rows=sum(rows) - sum(rows[fold::folds]),
            valid_rows=sum(rows[fold::folds]),
        )
        for fold in range(folds)
    ]


def check_possible(settings: Settings, artifacts: RunArtifacts) -> None:
    """Raise `UsageError` for what would fail every trial, before the first."""
    set_up(settings, artifacts)
    if (
        settings.tuning.folds is None
        and not whole(artifacts, settings.training.answers).valid_files
    ):
        raise UsageError("tuning: the valid part holds no examples; set tuning.folds, say to 5")


def measured(fitted: Fitted, settings: Settings) -> dict[str, float]:
    """Return the figures of a fit on what it was validated on, as an evaluation has them.

    Each is named `val_...`, and is of the objective that answers. Those that the training loop
    found at the best epoch are among them: `val_loss` is the loss that was trained.
    """
    plan = fitted.setup.plan
    part = next(part for part in plan.parts if part.objective.name == plan.answers)
    measure = {"exclusive": measure_exclusive, "rule_based": measure_rule_based}[plan.answers]
    figures, _ = measure([], _blocks(fitted, part), part.objective.names, settings.evaluation)
    found = flat_figures(figures)
    return {
        **{name: value for name, value in fitted.best.items() if name.startswith("val_")},
        **{f"val_{name}": value for name, value in found.items() if name not in _NO_FIGURES},
    }


def _blocks(fitted: Fitted, part: Part) -> Iterator[Block]:
    """Yield what the model says of the titles that it was validated on; the titles stay unread."""
    plan, objective = fitted.setup.plan, part.objective
    for features, targets in plan.validation(part):
        logits = plan.heads.logits_of(objective.name, fitted.model(features, training=False))
        probabilities = objective.probabilities(logits).numpy()
        lengths, labels = _truth(targets[objective.name])
        kept = lengths > 0
        titles = np.full(int(kept.sum()), b"")
        yield Block(titles, lengths[kept], labels, probabilities[kept])


def _truth(targets: Mapping[str, tf.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Return how many labels each title has, int [n], and these, flat."""
    if "nodes" in targets:
        nodes = targets["nodes"].numpy() > 0
        return nodes.sum(axis=1), np.nonzero(nodes)[1]
    lengths = (targets["counts"].numpy() > 0).astype(np.int64)
    return lengths, targets["label"].numpy()[lengths > 0]


def _mean(folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = [n for n in folds[0]["figures"] if all(n in fold["figures"] for fold in folds)]
    return {
        "figures": {
            name: float(np.mean([fold["figures"][name] for fold in folds])) for name in names
        },
        "epochs": float(np.mean([fold["epochs"] for fold in folds])),
        "parameters": folds[0]["parameters"],
        "seconds": round(sum(fold["seconds"] for fold in folds), 3),
    }


def _rows_in(path: str) -> int:
    batches = read_examples([path], (TITLE,), batch_size=_COUNTED_BATCH)
    return sum(len(batch[TITLE]) for batch in batches)


def read_json(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(storage.read_bytes(path))
    return found


def _write_json(path: str, document: Mapping[str, Any]) -> None:
    storage.write_bytes(path, (json.dumps(document, indent=1) + "\n").encode())
