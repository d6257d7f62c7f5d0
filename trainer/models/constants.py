"""Arrays that are part of a model and are not trained."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def add_constant(layer: layers.Layer, values: np.ndarray, name: str) -> keras.Variable:
    """Return a new variable of `layer` with these values, which training leaves alone."""
    return layer.add_weight(
        shape=values.shape,
        dtype=values.dtype.name,
        trainable=False,
        initializer=lambda shape, dtype: tf.constant(values, dtype),
        name=name,
    )
