"""The course notebook's five networks, in Keras alone: they are built on any of its backends.

Nothing here imports TensorFlow, so that KERAS_BACKEND=jax builds and trains them on a machine where
TensorFlow cannot be installed. Each takes token ids [batch, length], padded with 0, and gives
logits float32 [batch, classes]. As in the notebook, padding is not masked. Parameter counts are for
a vocabulary of 20,000, the default widths and 18 classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from configs.models import CnnSettings, DenseSettings, LstmDropoutSettings, RecurrentSettings


def cnn(
    settings: CnnSettings, *, classes: int, vocabulary_size: int, length: int
) -> keras.Sequential:
    """Return two strided convolutions, their maximum over time, a hidden layer: 2,808,466."""
    convolution = {
        "filters": settings.filters,
        "kernel_size": settings.kernel_size,
        "strides": settings.strides,
        "padding": "valid",
        "activation": "relu",
    }
    body = [
        layers.Dropout(settings.dropout),
        layers.Conv1D(**convolution),
        layers.Conv1D(**convolution),
        layers.GlobalMaxPooling1D(),
        layers.Dense(settings.hidden_units, activation="relu"),
        layers.Dropout(settings.dropout),
    ]
    return _network(body, settings.embedding_width, classes, vocabulary_size, length)


def lstm(
    settings: RecurrentSettings, *, classes: int, vocabulary_size: int, length: int
) -> keras.Sequential:
    """Return LSTM layers between dropouts: 2,825,490."""
    recurrent = [
        layers.LSTM(settings.units, return_sequences=more) for more in _more_follow(settings.layers)
    ]
    body = [layers.Dropout(settings.dropout), *recurrent, layers.Dropout(settings.dropout)]
    return _network(body, settings.embedding_width, classes, vocabulary_size, length)


def lstm_dropout(
    settings: LstmDropoutSettings, *, classes: int, vocabulary_size: int, length: int
) -> keras.Sequential:
    """Return LSTM layers with dropout inside them, and none behind: 2,825,490."""
    recurrent = [
        layers.LSTM(
            settings.units,
            dropout=settings.input_dropout,
            recurrent_dropout=settings.recurrent_dropout,
            return_sequences=more,
        )
        for more in _more_follow(settings.layers)
    ]
    body = [layers.Dropout(settings.dropout), *recurrent]
    return _network(body, settings.embedding_width, classes, vocabulary_size, length)


def gru(
    settings: RecurrentSettings, *, classes: int, vocabulary_size: int, length: int
) -> keras.Sequential:
    """Return GRU layers between dropouts: 2,760,466."""
    recurrent = [
        layers.GRU(settings.units, return_sequences=more) for more in _more_follow(settings.layers)
    ]
    body = [layers.Dropout(settings.dropout), *recurrent, layers.Dropout(settings.dropout)]
    return _network(body, settings.embedding_width, classes, vocabulary_size, length)


def dense(
    settings: DenseSettings, *, classes: int, vocabulary_size: int, length: int
) -> keras.Sequential:
    """Return two hidden layers on every token, and the mean over the tokens: 2,663,442."""
    body = [
        layers.Dropout(settings.dropout),
        layers.Dense(settings.hidden_units, activation="relu"),
        layers.Dense(settings.hidden_units, activation="relu"),
        layers.Dropout(settings.dropout),
        layers.GlobalAveragePooling1D(),
    ]
    return _network(body, settings.embedding_width, classes, vocabulary_size, length)


def _more_follow(count: int) -> list[bool]:
    """Return for each of so many layers whether another one follows and wants all its steps."""
    return [True] * (count - 1) + [False]


def _network(
    body: Sequence[layers.Layer], width: int, classes: int, vocabulary_size: int, length: int
) -> keras.Sequential:
    """Return the body between an embedding and the layer of the classes."""
    return keras.Sequential(
        [
            keras.Input([length], dtype="int64"),
            layers.Embedding(vocabulary_size, width),
            *body,
            layers.Dense(classes, dtype="float32"),
        ]
    )
