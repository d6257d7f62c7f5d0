"""What a network makes of further columns: bags of ids, embeddings, numbers, beside the title.

A layer on one-hot columns, bags, embeddings and numbers, all in one vector, is the sum of a layer
on each of them. So nothing is ever as wide as a vocabulary: of a one-hot column or a bag only the
rows of the values that are there are looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from configs.columns import CategoricalColumn, ColumnFeature, DenseColumn, TextColumn
from trainer.models.family import Features
from trainer.models.sparse import SumOfRows, WeightedSumOfRows
from transforms.tokens import RESERVED_IDS

_FLOAT = "float32"
_LOWEST, _HIGHEST = -2.0, 4.0  # standard deviations: what is measured from 0 up has a long tail


@dataclass(frozen=True)
class Bag:
    """Ids of one feature: `ids` names them, `weights` what each of them weighs, if not 1.

    They are below `rows`; `width` numbers stand for an id, or None where it is one-hot. Hashed
    ones are folded into the rows.
    """

    name: str
    ids: str
    rows: int
    width: int | None
    weights: str | None = None
    hashed: bool = False


def bags(columns: Mapping[str, ColumnFeature]) -> list[Bag]:
    """Return the ids that columns give, in their order: a category, each form of a text."""
    return [bag for name, column in columns.items() for bag in _bags_of(name, column)]


def _bags_of(name: str, column: ColumnFeature) -> Iterator[Bag]:
    if isinstance(column, CategoricalColumn):
        yield Bag(name, name, column.top_k + RESERVED_IDS, column.embedding_width)
    elif isinstance(column, TextColumn):
        for form in dict.fromkeys(column.give):
            rows = column.buckets if form == "ngrams" else column.vocabulary_size
            yield Bag(
                f"{name}_{form}",
                f"{name}_bow" if form == "tfidf" else f"{name}_{form}",
                rows,
                column.embedding_width,
                weights=f"{name}_tfidf" if form == "tfidf" else None,
                hashed=form == "ngrams",
            )


class SumsOfBags(layers.Layer):
    """A layer without a bias on one-hot columns and counts of words: [batch, units].

    Of more than `most_rows` rows, ids are folded into so many. `mean` divides by the number of ids;
    with `unit` each bag of a row is a vector of length 1.
    """

    def __init__(
        self,
        of: Sequence[Bag],
        units: int,
        *,
        initializer: str = "zeros",
        mean: bool = False,
        most_rows: int | None = None,
        unit: bool = False,
    ) -> None:
        super().__init__(dtype=_FLOAT)
        self.of, self.units = list(of), units
        self.rows = [min(bag.rows, most_rows or bag.rows) for bag in self.of]
        self.sums = [
            (WeightedSumOfRows if bag.weights else SumOfRows)(
                rows, units, initializer, name=bag.name, mean=mean, use_bias=False, unit=unit
            )
            for bag, rows in zip(self.of, self.rows, strict=True)
        ]

    def call(self, features: Features) -> tf.Tensor:
        return tf.add_n([layer(self._inputs(n, features)) for n, layer in enumerate(self.sums)])

    def _inputs(self, number: int, features: Features) -> object:
        bag, rows = self.of[number], self.rows[number]
        ids = features[bag.ids]
        if not isinstance(ids, tf.RaggedTensor):
            ids = tf.RaggedTensor.from_tensor(ids[:, tf.newaxis])
        if bag.hashed or rows < bag.rows:
            ids = ids.with_values(ids.values % rows)
        return (ids, features[bag.weights]) if bag.weights else ids


class Vectors(layers.Layer):
    """Embedded columns and numbers in one vector [batch, size]; a value never seen is 0."""

    def __init__(self, columns: Mapping[str, ColumnFeature]) -> None:
        super().__init__(dtype=_FLOAT)
        self.embedded = [
            SumsOfBags([bag], bag.width, mean=True) for bag in bags(columns) if bag.width
        ]
        self.numbers = [name for name, c in columns.items() if isinstance(c, DenseColumn)]
        self.size = sum(one.units for one in self.embedded) + len(self.numbers)

    def call(self, features: Features) -> tf.Tensor:
        found = [embedded(features) for embedded in self.embedded]
        found += [features[name][:, tf.newaxis] for name in self.numbers]
        return tf.concat(found, axis=1)


class SoftBins(layers.Layer):
    """The numbers among the columns in bins that overlap: [batch, numbers * bins].

    For each of `widths`, in standard deviations, the middles of bins stand so far apart, from -2 to
    4, and a number is in each as far as a bell curve of that width around it reaches. Those of one
    number and one width are a vector of length 1. A linear layer on them is a function of each
    number of whatever form; one on the numbers themselves can only rise or fall with them.
    """

    def __init__(self, columns: Mapping[str, ColumnFeature], widths: Sequence[float]) -> None:
        super().__init__(dtype=_FLOAT)
        self.numbers = [name for name, c in columns.items() if isinstance(c, DenseColumn)]
        self.widths = list(widths)

    def call(self, features: Features) -> tf.Tensor:
        numbers = tf.stack([features[name] for name in self.numbers], axis=1)
        inside = tf.clip_by_value(numbers, _LOWEST, _HIGHEST)[:, :, tf.newaxis]
        return tf.concat([self._of_width(inside, width) for width in self.widths], axis=1)

    def _of_width(self, inside: tf.Tensor, width: float) -> tf.Tensor:
        middles = np.arange(_LOWEST, _HIGHEST + width / 2, width, dtype=np.float32)
        near = tf.exp(-0.5 * tf.square((inside - middles) / width))
        size = len(self.numbers) * len(middles)
        return tf.reshape(tf.math.l2_normalize(near, axis=2), [-1, size])


class LayerOnColumns(layers.Layer):
    """A layer without a bias on everything that the columns give: [batch, units].

    It takes the features and `Vectors` of them, which several layers share.
    """

    def __init__(
        self, columns: Mapping[str, ColumnFeature], units: int, initializer: str = "zeros"
    ) -> None:
        super().__init__(dtype=_FLOAT)
        one_hot = [bag for bag in bags(columns) if not bag.width]
        self.one_hot = SumsOfBags(one_hot, units, initializer=initializer) if one_hot else None
        self.dense = layers.Dense(units, use_bias=False, dtype=_FLOAT)

    def call(self, features: Features, vectors: tf.Tensor | None) -> tf.Tensor:
        found = [] if self.one_hot is None else [self.one_hot(features)]
        found += [] if vectors is None else [self.dense(vectors)]
        return tf.add_n(found)


class BesideTitle(keras.Model):
    """A network on the title whose last layer sees the columns too, and a hidden layer on them.

    The logits of a layer on two vectors side by side are those of a layer on each, added.
    """

    def __init__(
        self,
        network: keras.Model,
        columns: Mapping[str, ColumnFeature],
        hidden_units: int,
        classes: int,
    ) -> None:
        super().__init__(name=network.name, dtype=_FLOAT)
        self.network = network
        vectors = Vectors(columns)
        self.vectors = vectors if vectors.size else None
        self.linear = LayerOnColumns(columns, classes)
        self.hidden = None
        if hidden_units:
            self.hidden = LayerOnColumns(columns, hidden_units, "glorot_uniform")
            self.last = layers.Dense(classes, use_bias=False, dtype=_FLOAT)

    def call(self, features: Features, training: bool = False) -> tf.Tensor:
        logits = tf.cast(self.network(features, training=training), tf.float32)
        vectors = None if self.vectors is None else self.vectors(features)
        logits += self.linear(features, vectors)
        if self.hidden is not None:
            logits += self.last(tf.nn.relu(self.hidden(features, vectors)))
        return logits
