"""The files of a finished run, read back: one that is damaged or gone is one line that names it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from configs.errors import UsageError
from pipelines import storage

_SHOWN = 120


@contextlib.contextmanager
def naming_file(path: str, command: str, *further: type[Exception]) -> Iterator[None]:
    """Say of the file that the block reads what is wrong, and which command makes it anew.

    `further` errors mean damage too, beside what Python raises for a file or its content.
    """
    of_python = (OSError, ValueError, LookupError, TypeError, AttributeError)
    faults: tuple[type[Exception], ...] = (*of_python, *further)
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"{path}: is missing; make it anew: aisle {command} --force") from error
    except faults as error:
        raise UsageError(
            f"{path}: damaged ({_short(error)}); make it anew: aisle {command} --force"
        ) from error


def _short(error: Exception) -> str:
    said = " ".join(str(error).split())
    if isinstance(error, KeyError):
        return f"it has no {said}"
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"


def read_document(path: str, command: str, keys: Sequence[str] = ()) -> dict[str, Any]:
    """Return a JSON document that `command` wrote, with at least these keys."""
    with naming_file(path, command):
        document = json.loads(storage.read_bytes(path))
        for key in keys:
            document[key]
        return dict(document)


def read_description(export: str, *keys: str) -> dict[str, Any]:
    """Return what an export says of itself, these keys among it."""
    return read_document(f"{export}/model.json", "train", keys)


def read_metrics(evaluation: str, model: str, *keys: str) -> dict[str, Any]:
    """Return what `evaluate` measured of a model, these keys among it."""
    return read_document(f"{evaluation}/metrics.json", f"evaluate --model {model}", keys)


def read_label_names(path: str) -> list[str]:
    """Return the labels that the model of an export knows, by class; its graph is not loaded."""
    import tensorflow as tf

    with naming_file(path, "train", tf.errors.OpError):
        saved = tf.train.load_checkpoint(f"{storage.fetched(path)}/variables/variables")
        names = saved.get_tensor("names/.ATTRIBUTES/VARIABLE_VALUE")
    return [name.decode("utf-8") for name in names.tolist()]


def load_saved_model(path: str) -> Any:
    """Load the model of an export."""
    import tensorflow as tf

    with naming_file(path, "train", tf.errors.OpError):
        return tf.saved_model.load(storage.fetched(path))
