"""The course notebook's 1D-CNN: two strided convolutions over token embeddings.

2,808,466 parameters with a vocabulary of 20,000, width 128 and 18 classes.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from keras import layers

from configs.models import CnnSettings
from trainer.models.family import DataShape, Family, Features


class TokenCnn(keras.Model):
    """Logits [batch, classes] from `tokens`, int64 [batch, length], padded with 0."""

    def __init__(self, settings: CnnSettings, shape: DataShape) -> None:
        super().__init__(name="cnn")
        self.network = _network(settings, shape)

    def call(self, features: Features, training: bool = False) -> tf.Tensor:
        return self.network(features["tokens"], training=training)


def _padded(features: Features, shape: DataShape) -> Features:
    """Pad the ragged `tokens` [batch, (n)] with 0 to [batch, length]."""
    return {**features, "tokens": features["tokens"].to_tensor(shape=[None, shape.length])}


def _network(settings: CnnSettings, shape: DataShape) -> keras.Model:
    convolution = {
        "filters": settings.filters,
        "kernel_size": settings.kernel_size,
        "strides": settings.strides,
        "padding": "valid",
        "activation": "relu",
    }
    return keras.Sequential(
        [
            keras.Input([shape.length], dtype="int64"),
            layers.Embedding(shape.vocabulary_size, settings.embedding_width),
            layers.Dropout(settings.dropout),
            layers.Conv1D(**convolution),
            layers.Conv1D(**convolution),
            layers.GlobalMaxPooling1D(),
            layers.Dense(settings.hidden_units, activation="relu"),
            layers.Dropout(settings.dropout),
            layers.Dense(shape.classes, dtype="float32"),
        ]
    )


def _optimizer(settings: CnnSettings, steps: int) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(settings.learning_rate)


FAMILY = Family(
    features=("tokens",),
    build=TokenCnn,
    optimizer=_optimizer,
    prepare=_padded,
    compiles=True,
    half_precision=True,
)
