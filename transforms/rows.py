"""TensorFlow operations on some rows of a batch: the others pay nothing for them."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def in_rows(
    rows: tf.Tensor, change: Callable[[tf.Tensor], tf.Tensor], text: tf.Tensor
) -> tf.Tensor:
    """Apply `change` to the rows of text [batch] for which `rows`, bool [batch], is true."""
    places = tf.where(rows)
    return tf.tensor_scatter_nd_update(text, places, change(tf.gather_nd(text, places)))
