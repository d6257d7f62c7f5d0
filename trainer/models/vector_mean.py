"""Pre-trained word vectors for models that know hashed n-grams only."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from keras import layers

from trainer.models.constants import add_constant
from trainer.models.family import Features
from trainer.vectors import WordVectors

_LENGTH = 3.0  # beside a bag that begins at 0; 1 and 10 were worse


class VectorMean(layers.Layer):
    """The direction of the mean of a title's word vectors: `distinct_ngrams` to [batch, width].

    The ids of `vectors` are the buckets of words; n-grams of other buckets count for nothing, and
    a title without any gives 0. Vectors stay as they are. All means are of one length, whatever the
    lengths in the file.
    """

    def __init__(self, vectors: WordVectors, buckets: int, name: str) -> None:
        super().__init__(dtype="float32", trainable=False, name=name)
        self.vectors, self.buckets = vectors, buckets

    def build(self, _: object) -> None:
        count, width = self.vectors.values.shape
        rows = np.zeros(self.buckets, np.int32)
        rows[self.vectors.ids] = np.arange(1, count + 1)
        self.row_of = add_constant(self, rows, "row")
        values = np.concatenate([np.zeros([1, width], np.float32), self.vectors.values])
        self.values = add_constant(self, values, "values")

    def call(self, ngrams: Features) -> tf.Tensor:
        row = tf.gather(self.row_of.value, ngrams["distinct"])
        total = tf.sparse.segment_sum(
            tf.gather(self.values.value, row),
            ngrams["position"],
            ngrams["row"],
            num_segments=ngrams["rows"],
        )
        return _LENGTH * tf.math.l2_normalize(total, axis=1)
