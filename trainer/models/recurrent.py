"""Recurrent networks: the course notebook's LSTMs and GRU, and GRUs that pass over the padding.

None of them compiles: XLA cannot hold cuDNN's kernels, and without them it is slower (on two CPU
cores a quarter to two thirds of the titles a second, measured at batch 512).
"""

from __future__ import annotations

import keras
from keras import layers, ops

from configs.models import GruSettings
from trainer import networks
from trainer.models.embedding import word_embedding
from trainer.models.family import DataShape, Family
from trainer.models.tokens import notebook_family, token_family


def _gru_layers(settings: GruSettings, shape: DataShape, count: int) -> keras.Model:
    """Return `count` GRU layers with dropout around each, as a review classifier has them."""
    tokens = keras.Input([shape.length], dtype="int64")
    mask = _read(tokens)
    state = word_embedding(settings, shape)(tokens)
    for number in range(count):
        state = layers.Dropout(settings.dropout)(state)
        recurrent = layers.GRU(settings.units, return_sequences=number < count - 1)
        state = recurrent(state, mask=mask)
    state = layers.Dropout(settings.dropout)(state)
    return keras.Model(tokens, layers.Dense(shape.classes, dtype="float32")(state))


def _read(tokens: keras.KerasTensor) -> keras.KerasTensor:
    """Tell which positions are read: the tokens, and of an empty title the first.

    cuDNN's kernels refuse a sequence of which nothing is read.
    """
    first = ops.equal(ops.arange(tokens.shape[1]), 0)
    return ops.logical_or(ops.not_equal(tokens, 0), first)


def _gru_family(name: str, count: int) -> Family:
    return token_family(
        name, lambda settings, shape: _gru_layers(settings, shape, count), compiles=False
    )


LSTM = notebook_family("lstm", networks.lstm, compiles=False)
LSTM_DROPOUT = notebook_family("lstm_dropout", networks.lstm_dropout, compiles=False)
GRU = notebook_family("gru", networks.gru, compiles=False)
GRU_1 = _gru_family("gru_1", 1)
GRU_4 = _gru_family("gru_4", 4)
