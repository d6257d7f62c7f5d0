"""Where a fit stands, on disk: from there a killed training goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from configs.errors import UsageError
from pipelines import listing, storage
from trainer.models.constants import changing

_LAST, _BEST = "last", "best-ckpt"


@dataclass
class FitState:
    """Where a fit stands: `step` of `epoch` comes next; `sums` are those of the epoch so far."""

    epoch: int = 0
    step: int = 0
    sums: dict[str, list[float]] = field(default_factory=dict)
    best: float | None = None
    best_epoch: int = -1
    history: list[dict[str, float]] = field(default_factory=list)


class Checkpoints:
    """The checkpoints of one training in a folder: the last, and that of the best epoch.

    `fitted_on` says of what they are; it is kept beside them (see `check_checkpoint`).
    """

    def __init__(
        self,
        folder: str,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        fitted_on: Mapping[str, str],
    ) -> None:
        self.folder, self._fitted_on = folder, dict(fitted_on)
        self._variables = model.trainable_variables
        weights = [variable.value for variable in changing(model)]
        self._checkpoint = tf.train.Checkpoint(weights=weights, optimizer=optimizer)
        self._saved_at = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the last was written, or since the beginning."""
        return time.monotonic() - self._saved_at

    @property
    def kept(self) -> str | None:
        """The folder, if a checkpoint lies there from which one can go on."""
        return self.folder if storage.exists(f"{self.folder}/{_LAST}.json") else None

    def save(self, state: FitState) -> bool:
        """Write weights first, then the state that names them: a kill leaves the one before.

        Returns False, and writes nothing, where a weight is no longer a number.
        """
        if not all(bool(tf.reduce_all(tf.math.is_finite(v.value))) for v in self._variables):
            return False
        tag = f"{_LAST}-{state.epoch}-{state.step}"
        self._write(tag)
        document = {**vars(state), "checkpoint": tag, "fitted_on": self._fitted_on}
        storage.write_bytes(f"{self.folder}/{_LAST}.json", json.dumps(document).encode())
        self._remove_others(tag)
        self._saved_at = time.monotonic()
        return True

    def _remove_others(self, tag: str) -> None:
        """Remove all last checkpoints but one; a write that was killed left a folder."""
        found = listing.list_files(self.folder)
        names = {info.relative.partition("/")[0] for info in found}
        for name in sorted(names):
            if name.startswith(f"{_LAST}-") and not name.startswith(f"{tag}."):
                storage.remove_tree(f"{self.folder}/{name}")

    def restore(self) -> FitState:
        """Load the last weights and return their state, or a new one where there is none."""
        document = _read(self.folder)
        if document is None:
            return FitState()
        tag = document.pop("checkpoint")
        document.pop("fitted_on")
        self._read(tag).assert_existing_objects_matched()
        return FitState(**document)

    def save_best(self) -> None:
        self._write(_BEST)

    def restore_best(self) -> None:
        self._read(_BEST).expect_partial()

    def _write(self, tag: str) -> None:
        with storage.published(self.folder) as folder:
            self._checkpoint.write(f"{folder}/{tag}")

    def _read(self, tag: str) -> Any:
        return self._checkpoint.read(f"{storage.fetched(self.folder)}/{tag}")


def any_checkpoint(folder: str) -> bool:
    """Tell whether in a folder, or in one below it, there is a state to go on from."""
    return bool(_folders(folder))


def check_checkpoint(folder: str, fitted_on: Mapping[str, str]) -> bool:
    """Tell whether what a killed training left in a folder, and below it, can be gone on from.

    False where there is nothing, or where the examples have been made anew since: then it is of no
    use to anybody. Raises `UsageError` for one of another config, which somebody put there.
    """
    same = []
    for place in _folders(folder):
        found = (_read(place) or {})["fitted_on"]
        if found.get("config") != fitted_on["config"]:
            raise UsageError(
                f"{place}: the checkpoint is of another config ({found.get('config')}, now "
                f"{fitted_on['config']}); move it away, or pass --force to begin anew"
            )
        same.append(found.get("examples") == fitted_on["examples"])
    return bool(same) and all(same)


def _folders(folder: str) -> list[str]:
    """Return the folders that hold a state: of several members each has its own."""
    found = (info.path.rpartition("/") for info in listing.list_files(folder))
    return [place for place, _, name in found if name == f"{_LAST}.json"]


def _read(folder: str) -> dict[str, Any] | None:
    path = f"{folder}/{_LAST}.json"
    if not storage.exists(path):
        return None
    try:
        document = json.loads(storage.read_bytes(path))
        known = {*vars(FitState()), "checkpoint", "fitted_on"} == set(document)
    except (ValueError, TypeError):
        known = False
    if not known or not isinstance(document["fitted_on"], dict):
        raise UsageError(
            f"{path}: not a checkpoint of this version of Aisle; pass --force to begin anew"
        )
    return dict(document)
