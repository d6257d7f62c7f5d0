"""Small sizes for every model, for tests that build or train all of them."""

from __future__ import annotations

import json
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from configs.models import FitSettings, ModelSettings
from trainer.models import FAMILIES
from trainer.models.family import DataShape, Family, Features
from transforms.seen_ngrams import SeenNgrams, seen_in


def seen_ngrams(buckets: int, *unseen: int) -> SeenNgrams:
    """Return that training saw all of so many buckets, once, but for the first and `unseen`."""
    seen = np.setdiff1d(np.arange(1, buckets), unseen)
    return SeenNgrams(seen_in(seen, buckets), buckets)


SHAPE = DataShape(classes=4, vocabulary_size=50, length=8, ngrams=seen_ngrams(40))
# by key; a model takes those that it has
_SIZES: dict[str, object] = {
    "embedding_width": 8,
    "units": 8,
    "hidden_units": 8,
    "filters": 8,
    "kernel_size": 2,
    "strides": 1,
    "kernel_sizes": [2, 12],  # the second is longer than a title
    "wide_buckets": 30,
    "batch_size": 32,
    "epochs": 2,
    "members": 1,
    "patience": 2,
}


def sizes(name: str) -> dict[str, object]:
    section = getattr(ModelSettings(), name)
    found = {key: value for key, value in _SIZES.items() if hasattr(section, key)}
    if isinstance(getattr(section, "hidden_units", None), list):
        found["hidden_units"] = [8, 8]
    return found


def sets(name: str) -> list[str]:
    """Return the overrides that train a small model of this name."""
    chosen = [f"models.{name}.{key}={json.dumps(value)}" for key, value in sizes(name).items()]
    return [f"training.model={name}", *chosen]


def small_settings(name: str, **more: object) -> FitSettings:
    section = type(getattr(ModelSettings(), name))
    settings: FitSettings = section(**{**sizes(name), **more})
    return settings


def small_model(name: str, shape: DataShape = SHAPE, **more: object) -> keras.Model:
    """Return a model with its variables made, always of the same seed."""
    keras.utils.set_random_seed(1)
    model = FAMILIES[name].build(small_settings(name, **more), shape)
    model(inputs(FAMILIES[name], [[1, 2]], shape))
    return model


def inputs(family: Family, rows: list[list[int]], shape: DataShape = SHAPE) -> Features:
    """Return what the model of a family gets for titles with these ids, of whatever feature."""
    ids = tf.ragged.constant(rows, tf.int64, ragged_rank=1)
    return family.prepare(dict.fromkeys(family.features, ids), shape)


def answers(name: str, shape: DataShape = SHAPE) -> Callable[[list[list[int]]], np.ndarray]:
    """Return a small model as a function from titles' ids to logits [n, classes].

    A table that begins at 0 is given numbers, or all titles would have one answer.
    """
    model = small_model(name, shape)
    model(inputs(FAMILIES[name], [[1]], shape))
    draw = np.random.default_rng(1)
    for variable in model.trainable_variables:
        if variable.path.endswith("/table") and not np.any(variable.numpy()):
            variable.assign(draw.normal(size=variable.shape))
    return lambda rows: model(inputs(FAMILIES[name], rows, shape)).numpy()
