"""Embeddings that may start from pre-trained word vectors."""

from __future__ import annotations

import math

import keras
import numpy as np
from keras import layers, ops

from configs.models import WordSettings
from trainer.models.family import DataShape
from trainer.vectors import WordVectors


class FromVectors(keras.initializers.Initializer):
    """Rows of word vectors where a word has one; the others by chance, as widely spread.

    What is not found gets numbers of the same variance (Kim 2014, section 3.2).
    """

    def __init__(self, vectors: WordVectors) -> None:
        self.vectors = vectors

    def __call__(self, shape: tuple[int, int], dtype: str | None = None) -> keras.KerasTensor:
        values = self.vectors.values
        spread = math.sqrt(3 * float(values.var())) if values.size else 0.05
        chance = keras.initializers.RandomUniform(-spread, spread)
        rows = np.array(chance(shape, "float32"))
        rows[self.vectors.ids] = values
        return ops.convert_to_tensor(rows, dtype)


def word_embedding(settings: WordSettings, shape: DataShape) -> layers.Embedding:
    """Return the embedding of token ids [batch, length]: [batch, length, width]."""
    if settings.vectors is None or shape.vectors is None:
        return layers.Embedding(shape.vocabulary_size, settings.embedding_width)
    return layers.Embedding(
        shape.vocabulary_size,
        settings.embedding_width,
        embeddings_initializer=FromVectors(shape.vectors),
        trainable=settings.vectors.trained,
    )
