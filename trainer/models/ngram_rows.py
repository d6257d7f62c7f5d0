"""From hashed n-grams to rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from transforms.seen_ngrams import WORD_BITS, SharedRows


class NgramRows(layers.Layer):
    """The row of each bucket: int64 [n] to int32 [n]; 0 for n-grams that training never saw."""

    def __init__(self, groups: Sequence[SharedRows], name: str) -> None:
        super().__init__(dtype="float32", trainable=False, name=name)
        self.groups = list(groups)

    @property
    def size(self) -> int:
        """How many rows a table needs, row 0 among them."""
        return max(group.first + group.rows for group in self.groups)

    def build(self, _: object) -> None:
        self.words = [self._constant(group.words, "words") for group in self.groups]
        self.before = [self._constant(group.before, "before") for group in self.groups]

    def _constant(self, values: np.ndarray, name: str) -> keras.Variable:
        return self.add_weight(
            shape=values.shape,
            dtype=values.dtype.name,
            trainable=False,
            initializer=lambda shape, dtype: tf.constant(values, dtype),
            name=name,
        )

    def call(self, buckets: tf.Tensor) -> tf.Tensor:
        word, bit = buckets // WORD_BITS, buckets % WORD_BITS
        below = tf.bitwise.left_shift(tf.ones_like(bit), bit) - 1
        found = tf.zeros_like(buckets, tf.int32)
        for group, words, before in zip(self.groups, self.words, self.before, strict=True):
            bits = tf.gather(words.value, word)
            earlier = tf.raw_ops.PopulationCount(x=tf.bitwise.bitwise_and(bits, below))
            number = tf.gather(before.value, word) + tf.cast(earlier, tf.int32)
            here = tf.cast(tf.bitwise.right_shift(bits, bit) & 1, tf.int32)
            found += here * (group.first + number % group.rows)
        return found
