"""What a network makes of further columns, against plain arrays."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import SHAPE, inputs, small_settings

from configs.columns import CategoricalColumn, DenseColumn, TextColumn
from trainer.models import FAMILIES
from trainer.models.columns import BesideTitle, LayerOnColumns, Vectors, bags

COLUMNS = {
    "maker": CategoricalColumn(kind="categorical", top_k=3),
    "shop": CategoricalColumn(kind="categorical", top_k=2, embedding_width=4),
    "price": DenseColumn(kind="dense"),
    "about": TextColumn(
        kind="text", give=["bow", "tfidf", "ngrams"], vocabulary_size=6, buckets=5,
        embedding_width=None,
    ),
    "notes": TextColumn(kind="text", give=["ids", "tfidf"], vocabulary_size=5, embedding_width=3),
}  # fmt: skip
BATCH = {
    "maker": tf.constant([0, 4, 4], tf.int64),
    "shop": tf.constant([3, 0, 1], tf.int64),
    "price": tf.constant([0.5, 0.0, -2.0]),
    "about_bow": tf.ragged.constant([[2, 5], [], [3]], tf.int64),
    "about_tfidf": tf.ragged.constant([[0.5, 2.0], [], [1.5]]),
    "about_ngrams": tf.ragged.constant([[4, 4, 1], [], []], tf.int64),
    "notes_ids": tf.ragged.constant([[], [1, 4, 4], [2]], tf.int64),
    "notes_bow": tf.ragged.constant([[], [4], [2]], tf.int64),
    "notes_tfidf": tf.ragged.constant([[], [0.25], [3.0]]),
}
TITLES = [[7, 8], [], [3]]
SIZES = {"maker": 5, "about_bow": 6, "about_tfidf": 6, "about_ngrams": 5}


def counts(name: str, rows: int, weights: str | None = None) -> np.ndarray:
    """Return how often, or with what weight, each id stands in each row."""
    found = np.zeros((3, rows), np.float32)
    ids = BATCH[name]
    for row, some in enumerate(ids.numpy().reshape(3, -1) if name in COLUMNS else ids.to_list()):
        for at, number in enumerate(some):
            found[row, number] += BATCH[weights].to_list()[row][at] if weights else 1
    return found


def one_hot() -> np.ndarray:
    weighted = counts("about_bow", 6, "about_tfidf")
    rest = [counts(name, size) for name, size in SIZES.items() if name != "about_tfidf"]
    return np.concatenate([*rest[:2], weighted, rest[2]], axis=1)


def test_columns_give_the_bags_that_were_asked_for() -> None:
    found = [(bag.name, bag.ids, bag.rows, bag.width) for bag in bags(COLUMNS)]
    assert found == [
        ("maker", "maker", 5, None),
        ("shop", "shop", 4, 4),
        ("about_bow", "about_bow", 6, None),
        ("about_tfidf", "about_bow", 6, None),
        ("about_ngrams", "about_ngrams", 5, None),
        ("notes_ids", "notes_ids", 5, 3),
        ("notes_tfidf", "notes_bow", 5, 3),
    ]


def varied(layer: keras.layers.Layer) -> None:
    """Give each weight a value of its own: many begin at 0."""
    chance = np.random.default_rng(1)
    layer.set_weights([chance.normal(size=w.shape).astype(np.float32) for w in layer.weights])


def made_vectors() -> tuple[np.ndarray, np.ndarray]:
    """Return the layer's vectors of the batch, and what they should be."""
    layer = Vectors(COLUMNS)
    layer(BATCH)
    varied(layer)
    shop, ids, tfidf = (weight.numpy() for weight in layer.weights)
    means = counts("notes_ids", 5)
    means /= np.maximum(means.sum(axis=1, keepdims=True), 1)
    expected = [
        counts("shop", 4) @ shop,
        means @ ids,
        counts("notes_bow", 5, "notes_tfidf") @ tfidf,
        BATCH["price"].numpy()[:, None],
    ]
    return layer(BATCH).numpy(), np.concatenate(expected, axis=1)


def test_embedded_columns_and_numbers_are_one_vector() -> None:
    found, expected = made_vectors()
    assert found.shape == (3, Vectors(COLUMNS).size)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_layer_on_columns_is_a_dense_layer_on_all_of_them_side_by_side() -> None:
    layer, vectors = LayerOnColumns(COLUMNS, 2), tf.constant(made_vectors()[1], tf.float32)
    layer(BATCH, vectors)
    varied(layer)
    matrix = np.concatenate([weight.numpy() for weight in layer.weights])
    together = np.concatenate([one_hot(), vectors], axis=1)
    np.testing.assert_allclose(layer(BATCH, vectors), together @ matrix, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, one in FAMILIES.items() if not one.sees_columns])
def test_a_network_and_its_columns_add_up_whatever_the_family(name: str) -> None:
    network = FAMILIES[name].build(small_settings(name), SHAPE)
    model = BesideTitle(network, COLUMNS, 7, SHAPE.classes)
    titles = inputs(FAMILIES[name], TITLES)
    model({**titles, **BATCH})
    varied(model.vectors)
    varied(model.linear)
    model.last.kernel.assign(np.ones((7, SHAPE.classes)))
    vectors = model.vectors(BATCH)
    linear = model.linear(BATCH, vectors).numpy()
    hidden = np.maximum(model.hidden(BATCH, vectors).numpy(), 0).sum(axis=1, keepdims=True)
    assert np.abs(linear).max() > 0.1
    assert hidden.max() > 0.1
    expected = network(titles).numpy() + linear + hidden
    np.testing.assert_allclose(model({**titles, **BATCH}), expected, rtol=1e-4, atol=1e-5)


def test_wide_and_deep_has_one_hot_columns_in_one_part_and_vectors_in_both() -> None:
    shape = dataclasses.replace(SHAPE, columns=COLUMNS)
    keras.utils.set_random_seed(1)
    model = FAMILIES["wide_deep"].build(small_settings("wide_deep", wide_buckets=4), shape)
    titles = inputs(FAMILIES["wide_deep"], TITLES, shape)
    model({**titles, **BATCH})
    assert [table.rows for table in model.one_hot.sums] == [4, 4, 4, 4, 4, 4, 4]
    assert model.hidden[0].kernel.shape[0] == 8 + model.vectors.size  # beside the title's words
    assert model.numbers.kernel.shape == (model.vectors.size, shape.classes)


def test_each_row_is_looked_up_once_in_a_step() -> None:
    shape = dataclasses.replace(SHAPE, columns=COLUMNS)
    model = FAMILIES["wide_deep"].build(small_settings("wide_deep"), shape)
    titles = inputs(FAMILIES["wide_deep"], TITLES, shape)
    model({**titles, **BATCH})
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model({**titles, **BATCH}) - 1))
    slopes = tape.gradient(loss, [v.value for v in model.trainable_variables])
    looked_up = [one.indices.numpy() for one in slopes if isinstance(one, tf.IndexedSlices)]
    assert len(looked_up) == 2 + 7 + 3  # the title's two tables, the linear part, the embeddings
    assert all(len(set(rows)) == len(rows) for rows in looked_up)
