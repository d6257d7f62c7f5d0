"""What the training loop, the evaluation and the export know of a model family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from configs.columns import ColumnFeature
from trainer.vectors import WordVectors
from transforms.seen_ngrams import SeenNgrams

Features = Mapping[str, tf.Tensor | tf.RaggedTensor]


@dataclass(frozen=True)
class DataShape:
    """What a model must know of the examples to be built.

    `passes` is how often each title is shown. `ngrams` are the hashed n-grams that occur in
    training; with `words_alone` those of odd buckets, which are of characters, are to be passed
    over.
    `vectors` are the pre-trained ones of the vocabulary's words, `ngram_vectors` those of hashed
    words, where the model asks for some; `columns` what it sees beside the title. `constants` are
    variables that all models of this shape share, by name: those are large, and training leaves
    them alone.
    """

    classes: int
    vocabulary_size: int
    length: int
    ngrams: SeenNgrams
    passes: int = 1
    words_alone: bool = False
    vectors: WordVectors | None = None
    ngram_vectors: WordVectors | None = None
    columns: Mapping[str, ColumnFeature] = field(default_factory=dict)
    constants: dict[str, keras.Variable] = field(default_factory=dict, compare=False)

    @property
    def ngram_buckets(self) -> int:
        return self.ngrams.buckets


@dataclass(frozen=True)
class Family:
    """A kind of model.

    `features` names what it sees of an example. `build` takes its hyper-parameters and the shape
    of the data and returns a Keras model from a dict of these features to logits [batch, classes].
    `optimizer` takes the hyper-parameters and the number of steps. `prepare` shapes the features
    before they reach the model, outside whatever is compiled. `compiles` says whether a step gains
    from XLA (which wants no ragged feature), `half_precision` whether layers gain from it,
    `sees_columns` whether `build` gives the columns of the shape a place; if not they stand beside
    its network (`trainer.models.columns.BesideTitle`).
    """

    features: tuple[str, ...]
    build: Callable[[Any, DataShape], keras.Model]
    optimizer: Callable[[Any, int], keras.optimizers.Optimizer]
    prepare: Callable[[Features, DataShape], Features]
    compiles: bool
    half_precision: bool
    sees_columns: bool = False
