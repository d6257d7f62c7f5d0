"""A binary bag of words and two hidden layers, made for titles with many labels."""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers

from configs.models import BowMlpSettings
from trainer.dataset import TOKENS
from trainer.models.family import DataShape, Family, Features
from trainer.models.tokens import adam
from transforms.tokens import RESERVED_IDS


class BowMlp(keras.Model):
    """Logits [batch, classes] from the distinct `tokens` of a title, ragged [batch, (n)].

    The bag [batch, vocabulary] is only ever a sparse matrix.
    """

    def __init__(self, settings: BowMlpSettings, shape: DataShape) -> None:
        super().__init__(name="bow_mlp")
        self.words = shape.vocabulary_size
        hidden = {"activation": settings.activation, "dtype": "float32"}
        self.first = layers.Dense(settings.hidden_units, **hidden)
        self.second = layers.Dense(settings.hidden_units, **hidden)
        self.dropout = layers.Dropout(settings.dropout, dtype="float32")
        self.linear = layers.Dense(shape.classes, dtype="float32")

    def call(self, features: Features, training: bool = False) -> tf.Tensor:
        hidden = self.second(self.first(_bag(features[TOKENS], self.words)))
        return self.linear(self.dropout(hidden, training=training))


def _bag(words: tf.RaggedTensor, size: int) -> tf.SparseTensor:
    """Return float32 [batch, size] with a 1 for each word of a title."""
    rows = words.value_rowids()
    places = tf.stack([rows, words.values], axis=1)
    bag = tf.SparseTensor(
        places, tf.ones_like(rows, tf.float32), tf.stack([words.nrows(tf.int64), size])
    )
    bag.set_shape([None, size])
    return bag


def _distinct(features: Features, shape: DataShape) -> Features:
    """Keep of each title's `tokens` [batch, (n)] every word of the vocabulary once."""
    tokens = features[TOKENS]
    known = tf.ragged.boolean_mask(tokens, tokens >= RESERVED_IDS)
    size = tf.constant(shape.vocabulary_size, tf.int64)
    pairs, _ = tf.unique(tf.cast(known.value_rowids(), tf.int64) * size + known.values)
    distinct = tf.RaggedTensor.from_value_rowids(pairs % size, pairs // size, known.nrows(tf.int64))
    return {**features, TOKENS: distinct}


FAMILY = Family(
    features=(TOKENS,),
    build=BowMlp,
    optimizer=adam,
    prepare=_distinct,
    compiles=False,
    half_precision=False,
)
