"""Kim's CNN: kernels of several widths side by side over word embeddings, max over time.

Kim 2014, https://arxiv.org/abs/1408.5882, section 2; static or not is `vectors.trained`.
"""

from __future__ import annotations

import keras
from keras import layers, ops

from configs.models import TextCnnSettings
from trainer.models.embedding import word_embedding
from trainer.models.family import DataShape
from trainer.models.tokens import token_family


def _network(settings: TextCnnSettings, shape: DataShape) -> keras.Model:
    """Return the network; what a kernel sees of the padding is 0, so the length changes nothing."""
    tokens = keras.Input([shape.length], dtype="int64")
    embedded = word_embedding(settings, shape)(tokens)
    present = ops.expand_dims(ops.cast(ops.not_equal(tokens, 0), embedded.dtype), -1)
    words = embedded * present
    maxima = [
        layers.GlobalMaxPooling1D()(_feature_maps(settings, size)(words) * present)
        for size in settings.kernel_sizes
    ]
    joined = layers.Dropout(settings.dropout)(ops.concatenate(maxima, axis=-1))
    bound = keras.constraints.MaxNorm(settings.max_norm) if settings.max_norm else None
    logits = layers.Dense(shape.classes, kernel_constraint=bound, dtype="float32")(joined)
    return keras.Model(tokens, logits)


def _feature_maps(settings: TextCnnSettings, size: int) -> layers.Conv1D:
    """Return a convolution whose output is never below 0: masked with 0, the maximum stands."""
    return layers.Conv1D(settings.filters, size, padding="same", activation="relu")


FAMILY = token_family("text_cnn", _network, compiles=True)
