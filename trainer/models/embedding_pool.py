"""The maximum or the mean of a title's word embeddings, and a hidden layer."""

from __future__ import annotations

import keras
from keras import layers, ops

from configs.models import EmbeddingPoolSettings
from trainer.models.embedding import word_embedding
from trainer.models.family import DataShape
from trainer.models.tokens import token_family

_BELOW_ALL = -1e4  # half precision holds it, and no embedding comes near


def _network(settings: EmbeddingPoolSettings, shape: DataShape) -> keras.Model:
    """Return the network; the padding takes no part, an empty title is a vector of 0."""
    tokens = keras.Input([shape.length], dtype="int64")
    words = word_embedding(settings, shape)(tokens)
    present = ops.expand_dims(ops.not_equal(tokens, 0), -1)
    pooled = (_maximum if settings.pool == "max" else _mean)(words, present)
    hidden = layers.Dense(settings.hidden_units, activation="relu")(pooled)
    hidden = layers.Dropout(settings.dropout)(hidden)
    return keras.Model(tokens, layers.Dense(shape.classes, dtype="float32")(hidden))


def _maximum(words: keras.KerasTensor, present: keras.KerasTensor) -> keras.KerasTensor:
    highest = ops.max(ops.where(present, words, _BELOW_ALL), axis=1)
    return ops.where(ops.any(present, axis=1), highest, 0.0)


def _mean(words: keras.KerasTensor, present: keras.KerasTensor) -> keras.KerasTensor:
    count = ops.sum(ops.cast(present, words.dtype), axis=1)
    return ops.sum(ops.where(present, words, 0.0), axis=1) / ops.maximum(count, 1)


FAMILY = token_family("embedding_pool", _network, compiles=True)
