"""Hyper-parameters of each model family, by the name that `training.model` takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from configs.section import Count, Positive, Section


class FitSettings(Section):
    """How long and in what steps any model is fitted; `patience` counts epochs without gain.

    `batch_size` is the most there may be in a step: a small catalogue gets smaller batches, so
    that an epoch has some 250 steps.
    """

    batch_size: Count = 512
    epochs: Count = 5
    patience: Count = 2
    learning_rate: Positive = 0.001


class CnnSettings(FitSettings):
    """The course notebook's 1D-CNN: two convolutions over token embeddings, max over time."""

    embedding_width: Count = 128
    filters: Count = 128
    kernel_size: Count = 7
    strides: Count = 3
    hidden_units: Count = 128
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5


class BagOfNgramsSettings(FitSettings):
    """The flagship: a weighted mean of hashed n-gram embeddings, a hidden layer, a softmax.

    `learning_rate` is for the rows of the table, `dense_learning_rate` for the rest; the latter
    falls in a line to a twentieth over the run.
    """

    batch_size: Count = 2048
    epochs: Count = 1
    patience: Count = 1
    learning_rate: Positive = 0.3
    dense_learning_rate: Positive = 0.15
    embedding_width: Count = 32
    hidden_units: Count = 64


class ModelSettings(Section):
    """One section a family; a family that is not named keeps its defaults."""

    cnn: CnnSettings = CnnSettings()
    bag_of_ngrams: BagOfNgramsSettings = BagOfNgramsSettings()
