"""The flagship: a weighted mean of hashed n-gram embeddings, a softmax, a small hidden layer.

fastText's bag (Joulin et al. 2016, https://arxiv.org/abs/1607.01759) with three changes: every
n-gram learns how much it weighs in the mean, a hidden layer stands beside the linear one, and
the rows are stepped by row-wise Adagrad, which lets one pass over the data do.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers

from configs.models import BagOfNgramsSettings
from trainer.models.constants import constant
from trainer.models.family import DataShape, Family, Features
from trainer.models.vector_mean import VectorMean
from trainer.optimizers import RowWiseAdagrad

_WEIGHT_OF_ONE = 0.5413  # softplus(0.5413) = 1: a new n-gram weighs as much as any
_NO_WEIGHT = 1e-3
_LONG = 2.0  # each class begins as a direction of its own, and with long steps
_SCALE = 1024.0  # float16 has no number for many a slope of a mean over thousands of titles


class WeightedBag(layers.Layer):
    """The weighted mean of embeddings: the n-grams of `distinct_ngrams` to [batch, width].

    `row_of` int32 [buckets] gives the row of each bucket, one of `size`; row 0 is for n-grams that
    training never saw, and weighs nothing. The table is float16: it is nearly all of the model, and
    half of it is as accurate. With `even_alone` n-grams of odd buckets weigh nothing either.
    """

    def __init__(
        self, row_of: keras.Variable, size: int, width: int, name: str, even_alone: bool = False
    ) -> None:
        super().__init__(dtype="float32", name=name)
        self.row_of, self.size, self.width, self.even_alone = row_of, size, width, even_alone

    def build(self, _: object) -> None:
        size = self.size
        self.table = self.add_weight(
            shape=(size, self.width),
            dtype="float16",
            initializer="zeros",
            autocast=False,  # Keras would cast the whole table, not what is looked up
            name="table",
        )
        self.weight = self.add_weight(shape=(size, 1), initializer="zeros", name="weight")

    def call(self, ngrams: Features) -> tf.Tensor:
        """Look each distinct row of the batch up once: so the optimiser sees it once."""
        row_of_each = tf.gather(self.row_of.value, ngrams["distinct"])
        if self.even_alone:
            row_of_each *= tf.cast(1 - ngrams["distinct"] % 2, row_of_each.dtype)
        row, place = tf.unique(row_of_each)
        weight = tf.nn.softplus(tf.gather(self.weight.value, row) + _WEIGHT_OF_ONE)
        weight *= tf.cast(row > 0, tf.float32)[:, tf.newaxis]
        vectors = _as_float32(tf.gather(self.table.value, row))
        total = tf.sparse.segment_sum(
            tf.concat([weight * vectors, weight], axis=1),
            tf.gather(place, ngrams["position"]),
            ngrams["row"],
            num_segments=ngrams["rows"],
        )
        return total[:, :-1] / (total[:, -1:] + _NO_WEIGHT)


def _row_of(settings: BagOfNgramsSettings, shape: DataShape) -> tuple[keras.Variable, int]:
    """Return the row of each bucket, int32 [buckets], and how many rows there are, row 0 included.

    The rows are 64 MiB: several members have them in common.
    """
    name = f"row of at most {settings.most_rows}"
    if name not in shape.constants:
        shape.constants[name] = constant(shape.ngrams.rows(settings.most_rows), "row")
    row_of = shape.constants[name]
    return row_of, int(tf.reduce_max(row_of.value)) + 1


@tf.custom_gradient
def _as_float32(half: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Return float16 as float32; the slope is made longer, which `RowWiseAdagrad` does not mind."""
    return tf.cast(half, tf.float32), lambda slope: tf.cast(_SCALE * slope, half.dtype)


def distinct_ngrams(features: Features, shape: DataShape) -> Features:
    """Replace `ngrams`, ragged [batch, (n)], by what `WeightedBag` needs of them.

    `distinct` int64 [m]: each n-gram of the batch once; `position` int32 [n]: the place in it of
    each n-gram; `row` int32 [n]: the title it stands in; `rows`: the number of titles. Done while
    the examples are read, it costs the steps nothing.
    """
    ngrams = features["ngrams"]
    distinct, position = tf.unique(ngrams.values)
    row, rows = tf.cast(ngrams.value_rowids(), tf.int32), tf.cast(ngrams.nrows(), tf.int32)
    rest = {name: value for name, value in features.items() if name != "ngrams"}
    return {**rest, "distinct": distinct, "position": position, "row": row, "rows": rows}


class BagOfNgrams(keras.Model):
    """Logits [batch, classes] from the n-grams of a batch, as `distinct_ngrams` gives them."""

    def __init__(self, settings: BagOfNgramsSettings, shape: DataShape) -> None:
        super().__init__(name="bag_of_ngrams")
        row_of, size = _row_of(settings, shape)
        width = settings.width_of(shape.classes, size)
        self.bag = WeightedBag(row_of, size, width, "bag", even_alone=shape.words_alone)
        self.vectors = None
        if (vectors := shape.ngram_vectors) is not None:
            self.vectors = VectorMean(vectors, shape.ngram_buckets, "vectors")
        self.linear = layers.Dense(
            shape.classes, kernel_initializer=keras.initializers.Orthogonal(_LONG), dtype="float32"
        )
        self.beside = None
        if units := settings.hidden_of(shape.passes):
            hidden = layers.Dense(units, activation="relu", dtype="float32")
            last = layers.Dense(shape.classes, use_bias=False, dtype="float32")
            self.beside = keras.Sequential([hidden, last])

    def call(self, features: Features, training: bool = False) -> tf.Tensor:
        ngrams = {name: features[name] for name in ("distinct", "position", "row", "rows")}
        mean = self.bag(ngrams)
        if self.vectors is not None:
            mean = tf.concat([mean, self.vectors(ngrams)], axis=1)
        logits = self.linear(mean)
        return logits if self.beside is None else logits + self.beside(mean)


def _optimizer(settings: BagOfNgramsSettings, steps: int) -> keras.optimizers.Optimizer:
    decay = keras.optimizers.schedules.PolynomialDecay(
        settings.dense_learning_rate, steps, settings.dense_learning_rate * 0.05
    )
    return RowWiseAdagrad(decay, row_learning_rate=settings.learning_rate, rows_are_distinct=True)


FAMILY = Family(
    features=("ngrams",),
    build=BagOfNgrams,
    optimizer=_optimizer,
    prepare=distinct_ngrams,
    compiles=False,
    half_precision=False,
)
