"""A dense layer on a bag of ids, without the bag: the sum of the rows that the ids name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from trainer.models.family import Features

_TINY = 1e-12  # of a row that has no weight


class SumOfRows(layers.Layer):
    """A linear layer on counts of ids: ragged ids [batch, (n)] to [batch, width].

    It equals a dense layer on a matrix [batch, rows] that says how often each id stands in a row
    of the batch, which is never made. Each distinct id of a batch is looked up once, so that
    `RowWiseAdagrad` sees each row once. `mean` divides by the number of ids, `unit` by its root: so
    the counts of distinct ids are a vector of length 1.
    """

    def __init__(
        self,
        rows: int,
        width: int,
        initializer: str,
        name: str,
        mean: bool = False,
        use_bias: bool = True,
        unit: bool = False,
    ) -> None:
        super().__init__(dtype="float32", name=name)
        self.rows, self.width, self.mean, self.use_bias = rows, width, mean, use_bias
        self.unit = unit
        self.initializer = keras.initializers.get(initializer)

    def build(self, _: object) -> None:
        self.table = self.add_weight(
            shape=(self.rows, self.width), initializer=self.initializer, name="table"
        )
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.width,), initializer="zeros", name="bias")

    def call(self, ids: tf.RaggedTensor) -> tf.Tensor:
        distinct, position = tf.unique(ids.values)
        looked_up = tf.gather(self.table.value, distinct)
        total = self._add()(looked_up, position, ids.value_rowids(), num_segments=ids.nrows())
        return total + self.bias if self.use_bias else total

    def _add(self) -> Any:
        if self.unit:
            return tf.sparse.segment_sqrt_n
        return tf.sparse.segment_mean if self.mean else tf.sparse.segment_sum


class WeightedSumOfRows(SumOfRows):
    """The same for ids that weigh: ragged ids and weights, both [batch, (n)].

    `mean` is ignored; `unit` makes the weights of a row a vector of length 1.
    """

    def call(self, weighted: tuple[tf.RaggedTensor, tf.RaggedTensor]) -> tf.Tensor:
        ids, weights = weighted
        if self.unit:
            weights = _of_length_one(weights)
        distinct, position = tf.unique(ids.values)
        rows = tf.gather(tf.gather(self.table.value, distinct), position)
        total = tf.math.unsorted_segment_sum(
            rows * weights.values[:, tf.newaxis], ids.value_rowids(), ids.nrows()
        )
        return total + self.bias if self.use_bias else total


def _of_length_one(weights: tf.RaggedTensor) -> tf.RaggedTensor:
    square = tf.reduce_sum(tf.square(weights), axis=1)
    by_row = tf.math.rsqrt(tf.maximum(square, _TINY))
    return weights.with_values(weights.values * tf.gather(by_row, weights.value_rowids()))


class InputDropout(layers.Layer):
    """Leaves out a share of the ids of each feature in training, each by chance.

    Ids are left out of ragged int [batch, (n)]. Of the features named `weighted` the ids stay, for
    ragged weights [batch, (n)] stand beside them: of these a share is 0, and the others are as much
    larger. Dense features stay.
    """

    def __init__(self, rate: float, weighted: Sequence[str]) -> None:
        super().__init__(dtype="float32")
        self.rate, self.weighted = rate, frozenset(weighted)
        self.seed = keras.random.SeedGenerator()

    def call(self, features: Features, training: bool = False) -> Features:
        if not training or not self.rate:
            return features
        return {
            name: self._thinned(value)
            if isinstance(value, tf.RaggedTensor) and name not in self.weighted
            else value
            for name, value in features.items()
        }

    def _thinned(self, ragged: tf.RaggedTensor) -> tf.RaggedTensor:
        values = ragged.values
        kept = keras.random.uniform(tf.shape(values), seed=self.seed) >= self.rate
        if values.dtype.is_floating:
            return ragged.with_values(tf.where(kept, values / (1.0 - self.rate), 0.0))
        rows = tf.boolean_mask(ragged.value_rowids(), kept)
        values = tf.boolean_mask(values, kept)
        return tf.RaggedTensor.from_value_rowids(values, rows, ragged.nrows(), validate=False)
