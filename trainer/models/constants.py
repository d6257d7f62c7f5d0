"""Arrays that are part of a model and are not trained."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

_CONSTANT = "is_constant"


def constant(values: np.ndarray, name: str) -> keras.Variable:
    """Return a variable of these values, which training leaves alone, for any number of layers."""
    variable = keras.Variable(
        lambda shape, dtype: tf.constant(values, dtype),
        shape=values.shape,
        dtype=values.dtype.name,
        trainable=False,
        name=name,
    )
    setattr(variable, _CONSTANT, True)
    return variable


def add_constant(layer: layers.Layer, values: np.ndarray, name: str) -> keras.Variable:
    """Return a new variable of `layer` with these values, which training leaves alone."""
    variable = layer.add_weight(
        shape=values.shape,
        dtype=values.dtype.name,
        trainable=False,
        initializer=lambda shape, dtype: tf.constant(values, dtype),
        name=name,
    )
    setattr(variable, _CONSTANT, True)
    return variable


def changing(model: keras.Model) -> list[keras.Variable]:
    """Return the variables of a model that a fit may change: all but its constants."""
    return [v for v in model.variables if not hasattr(v, _CONSTANT)]
