"""Wide & Deep: a linear model of hashed n-grams beside hidden layers on embeddings, joint.

Cheng et al. 2016, https://arxiv.org/abs/1606.07792: the linear part remembers, the deep one
generalises; their logits are added and both learn from one loss. Theirs steps the wide part by
FTRL and the deep one by AdaGrad; here both are AdaGrad, row-wise for what is looked up.

Further columns: categories and words are one-hot in the linear part, numbers are in it as they
are, and in bins if these are set; numbers and what is embedded stand beside the words of the title
before the first hidden layer.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers

from configs.models import WideDeepSettings
from trainer.dataset import NGRAMS, TOKENS
from trainer.models.columns import SoftBins, SumsOfBags, Vectors, bags
from trainer.models.family import DataShape, Family, Features
from trainer.models.sparse import InputDropout, SumOfRows
from trainer.optimizers import RowWiseAdagrad


class WideDeep(keras.Model):
    """Logits [batch, classes] from `ngrams` and `tokens`, ragged [batch, (n)], and columns."""

    def __init__(self, settings: WideDeepSettings, shape: DataShape) -> None:
        super().__init__(name="wide_deep")
        self.buckets = min(settings.wide_buckets, shape.ngram_buckets)
        self.bias = settings.constant_bias
        self.wide = SumOfRows(
            self.buckets,
            shape.classes,
            "zeros",
            name="wide",
            use_bias=self.bias is None,
            unit=settings.unit_rows,
        )
        self.words = SumOfRows(
            shape.vocabulary_size, settings.embedding_width, "uniform", name="words", mean=True
        )
        self.hidden = [
            layers.Dense(units, activation="relu", dtype="float32")
            for units in settings.hidden_units
        ]
        self.dropout = layers.Dropout(settings.dropout, dtype="float32")
        found = bags(shape.columns)
        weighted = [bag.ids for bag in found if bag.weights]
        self.seen = InputDropout(settings.input_dropout, weighted)
        self.deep = layers.Dense(shape.classes, use_bias=False, dtype="float32")
        self.one_hot = self.vectors = None
        if found:
            self.one_hot = SumsOfBags(
                found, shape.classes, most_rows=settings.wide_buckets, unit=settings.unit_rows
            )
        if (vectors := Vectors(shape.columns)).size:
            self.vectors = vectors
            self.numbers = layers.Dense(shape.classes, use_bias=False, dtype="float32")
        self.bins = None
        if vectors.numbers and settings.number_bins:
            self.bins = SoftBins(shape.columns, settings.number_bins)
            self.binned = layers.Dense(
                shape.classes, use_bias=False, kernel_initializer="zeros", dtype="float32"
            )

    def call(self, features: Features, training: bool = False) -> tf.Tensor:
        features = self.seen(features, training=training)
        ngrams = features[NGRAMS]
        wide = self.wide(ngrams.with_values(ngrams.values % self.buckets))
        state = self.words(features[TOKENS])
        if self.one_hot is not None:
            wide += self.one_hot(features)
        if self.vectors is not None:
            vectors = self.vectors(features)
            wide += self.numbers(vectors)
            state = tf.concat([state, vectors], axis=1)
        if self.bins is not None:
            wide += self.binned(self.bins(features))
        for hidden in self.hidden:
            state = hidden(state)
        logits = wide + self.deep(self.dropout(state, training=training))
        return logits if self.bias is None else logits + self.bias


def _optimizer(settings: WideDeepSettings, steps: int) -> keras.optimizers.Optimizer:
    return RowWiseAdagrad(
        settings.dense_learning_rate,
        row_learning_rate=settings.learning_rate,
        rows_are_distinct=True,
    )


FAMILY = Family(
    features=(TOKENS, NGRAMS),
    build=WideDeep,
    optimizer=_optimizer,
    prepare=lambda features, shape: features,
    compiles=False,
    half_precision=False,
    sees_columns=True,
)
