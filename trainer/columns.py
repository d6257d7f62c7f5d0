"""Which columns beside the title a model sees, and whether the examples have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from configs.artifacts import RunArtifacts
from configs.columns import (
    CategoricalColumn,
    ColumnFeature,
    ColumnFeatures,
    DenseColumn,
    Output,
    TextColumn,
    outputs_of,
)
from configs.errors import UsageError
from configs.settings import Settings
from trainer.transform import load_transform
from transforms.tokens import RESERVED_IDS

_EMPTY: dict[Output, Any] = {
    "int": lambda: tf.zeros([1], tf.int64),
    "ints": lambda: tf.ragged.constant([[0]], tf.int64),
    "float": lambda: tf.zeros([1]),
    "floats": lambda: tf.ragged.constant([[0.0]], tf.float32),
}


def columns_seen(settings: Settings) -> ColumnFeatures:
    """Return those of `features.columns` that `training.columns.names` lets the model see."""
    names = settings.training.columns.names
    columns = settings.features.columns
    return {name: c for name, c in columns.items() if names == "all" or name in names}


def described(columns: Mapping[str, ColumnFeature]) -> dict[str, Any]:
    """Return columns as an export says them: as `features.columns` does."""
    return {name: column.model_dump(mode="json") for name, column in columns.items()}


def empty_columns(columns: Mapping[str, ColumnFeature]) -> dict[str, Any]:
    """Return what columns give for one title of which they say nothing."""
    return {name: _EMPTY[kind]() for name, kind in outputs_of(columns).items()}


def raw_type(column: ColumnFeature) -> tf.DType:
    """Return how an export takes a column: a number, of which NaN is none, or a text."""
    return tf.float32 if isinstance(column, DenseColumn) else tf.string


def check_columns(artifacts: RunArtifacts, columns: Mapping[str, ColumnFeature]) -> None:
    """Raise `UsageError` where the examples were written without, or with other, columns."""
    if not columns:
        return
    transform = load_transform(artifacts)
    written = transform.transformed_feature_spec()
    for name, column in columns.items():
        missing = [output for output in column.outputs(name) if output not in written]
        if missing:
            raise UsageError(
                f"features.columns.{name}: the examples in {artifacts.tfrecords} have no "
                f"{missing[0]}; run `aisle preprocess` again, or set training.columns.names"
            )
        _check_size(artifacts, transform, name, column)


def _check_size(
    artifacts: RunArtifacts, transform: tft.TFTransformOutput, name: str, column: ColumnFeature
) -> None:
    """Refuse a vocabulary for which the model would have too few rows."""
    if isinstance(column, CategoricalColumn):
        key, most = "top_k", column.top_k
    elif isinstance(column, TextColumn) and {*column.give} != {"ngrams"}:
        key, most = "vocabulary_size", column.vocabulary_size - RESERVED_IDS
    else:
        return
    found = transform.vocabulary_size_by_name(name)
    if found > most:
        raise UsageError(
            f"features.columns.{name}.{key} is {getattr(column, key)}, but the examples in "
            f"{artifacts.tfrecords} have ids for {found} values; set it back, or run "
            "`aisle preprocess` again"
        )
