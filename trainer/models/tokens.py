"""What the families share that read token ids, padded to one length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from configs.models import FitSettings
from trainer.dataset import TOKENS
from trainer.models.family import DataShape, Family, Features
from trainer.optimizers import Adam

Network = Callable[..., keras.Model]


class TokenModel(keras.Model):
    """Logits [batch, classes] from `tokens`, int64 [batch, length], padded with 0."""

    def __init__(self, name: str, network: keras.Model) -> None:
        super().__init__(name=name)
        self.network = network

    def call(self, features: Features, training: bool = False) -> tf.Tensor:
        return self.network(features[TOKENS], training=training)


def token_family(
    name: str, build: Callable[[Any, DataShape], keras.Model], *, compiles: bool
) -> Family:
    """Return the family of a network over padded token ids, stepped by Adam as in the notebook."""
    return Family(
        features=(TOKENS,),
        build=lambda settings, shape: TokenModel(name, build(settings, shape)),
        optimizer=adam,
        prepare=padded,
        compiles=compiles,
        half_precision=True,
    )


def notebook_family(name: str, network: Network, *, compiles: bool) -> Family:
    """Return the family of one of `trainer.networks`."""

    def build(settings: FitSettings, shape: DataShape) -> keras.Model:
        return network(
            settings,
            classes=shape.classes,
            vocabulary_size=shape.vocabulary_size,
            length=shape.length,
        )

    return token_family(name, build, compiles=compiles)


def padded(features: Features, shape: DataShape) -> Features:
    """Pad the ragged `tokens` [batch, (n)] with 0 to [batch, length]."""
    return {**features, TOKENS: features[TOKENS].to_tensor(shape=[None, shape.length])}


def adam(settings: FitSettings, steps: int) -> keras.optimizers.Optimizer:
    return Adam(settings.learning_rate)
