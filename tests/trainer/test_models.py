"""Models and their optimiser: the notebook's network, the bag, and sparse steps as dense ones."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import seen_ngrams

from configs.models import BagOfNgramsSettings, CnnSettings
from trainer.models import FAMILIES
from trainer.models.bag_of_ngrams import WeightedBag, distinct_ngrams
from trainer.models.constants import constant
from trainer.models.family import DataShape, Family
from trainer.optimizers import RowWiseAdagrad

SHAPE = DataShape(classes=18, vocabulary_size=20_000, length=31, ngrams=seen_ngrams(50))
SMALL_BAG = BagOfNgramsSettings(embedding_width=4, hidden_units=3)
# what a batch looks up, with its slopes: row 3 twice in the first step, row 0 never
STEPS = [([3, 1, 3], [[1.0, 2.0], [0.5, 0.0], [3.0, -1.0]]), ([3, 2], [[0.1, 0.2], [4.0, 4.0]])]


def ragged(*rows: list[int]) -> tf.RaggedTensor:
    return tf.ragged.constant(rows, dtype=tf.int64)


def answers(family: Family, model: keras.Model, *rows: list[int]) -> np.ndarray:
    """Return the model's logits for titles that have these ids of the family's feature."""
    return model(family.prepare({family.features[0]: ragged(*rows)}, SHAPE)).numpy()


def test_the_cnn_sees_no_token_beyond_its_length() -> None:
    family = FAMILIES["cnn"]
    short, long = answers(family, family.build(CnnSettings(), SHAPE), [5] * 31, [5] * 31 + [9])
    np.testing.assert_allclose(short, long, rtol=1e-6)


def of_batch(*rows: list[int]) -> dict[str, tf.Tensor]:
    return dict(distinct_ngrams({"ngrams": ragged(*rows)}, SHAPE))


def test_a_bag_is_the_weighted_mean_of_its_rows() -> None:
    """Buckets 0 to 4 have the rows 1 to 5; bucket 5 was never seen, and is passed over."""
    row_of = np.array([1, 2, 3, 4, 5, 0], np.int32)
    bag = WeightedBag(constant(row_of, "row"), 6, 2, "bag")
    bag(of_batch([0]))
    table = np.arange(12, dtype=np.float32).reshape(6, 2)
    weight = np.array([[7.0], [0.0], [1.0], [-1.0], [2.0], [0.0]], np.float32)
    bag.table.assign(table)
    bag.weight.assign(weight)
    rows = [[1, 3, 1], [], [4, 5, 5], [5]]
    heavy = np.log1p(np.exp(weight + 0.5413))
    expected = [
        (heavy[row] * table[row]).sum(axis=0) / (heavy[row].sum() + 1e-3)
        for row in (row_of[[1, 3, 1]], row_of[[4]])
    ]
    found = bag(of_batch(*rows)).numpy()
    np.testing.assert_allclose(found[[0, 2]], expected, rtol=1e-5)
    assert found[[1, 3]].tolist() == [[0.0, 0.0], [0.0, 0.0]]


def table_variable(values: np.ndarray, dtype: str = "float32") -> keras.Variable:
    """Return a variable that the optimiser takes for a table that is looked up."""
    layer = keras.layers.Layer(name="bag")
    table = layer.add_weight(shape=values.shape, initializer="zeros", name="table", dtype=dtype)
    table.assign(values)
    return table


def stepped_densely(values: np.ndarray, rate: float) -> np.ndarray:
    """Return the table after `STEPS`, with whole arrays and no look-up."""
    values, sums = values.astype(np.float64), np.zeros(len(values))
    for rows, slopes in STEPS:
        dense = np.zeros_like(values)
        np.add.at(dense, rows, np.array(slopes))
        sums += np.square(dense).mean(axis=1)
        values -= rate * dense / np.sqrt(np.maximum(sums, 1e-30))[:, None]
    return values


def test_sparse_steps_equal_a_dense_computation_and_touch_looked_up_rows_only() -> None:
    start = np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2)
    table = table_variable(start)
    optimizer = RowWiseAdagrad(9.0, row_learning_rate=0.3)
    optimizer.build([table])
    for rows, slopes in STEPS:
        gradient = tf.IndexedSlices(tf.constant(slopes), tf.constant(rows, tf.int64), (5, 2))
        optimizer.apply([gradient], [table])
    found = table.numpy()
    np.testing.assert_allclose(found, stepped_densely(start, 0.3), rtol=1e-5)
    assert found[[0, 4]].tolist() == start[[0, 4]].tolist()
    assert (optimizer.variables[-1].numpy()[[0, 4]] == 0).all()


def test_a_table_of_half_precision_is_stepped_in_float32_and_by_scaled_slopes_alike() -> None:
    """Sums of squares that float16 has no number for, and the answer to the nearest float16."""
    start = np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2)
    for scale in (1e-4, 1.0, 1e4):
        table = table_variable(start, "float16")
        optimizer = RowWiseAdagrad(9.0, row_learning_rate=0.3)
        optimizer.build([table])
        for rows, slopes in STEPS:
            values = tf.constant(scale * np.array(slopes), tf.float16)
            gradient = tf.IndexedSlices(values, tf.constant(rows, tf.int64), (5, 2))
            optimizer.apply([gradient], [table])
        assert table.dtype == "float16"
        np.testing.assert_allclose(table.numpy(), stepped_densely(start, 0.3), atol=2e-3)


def test_a_promise_of_distinct_rows_changes_no_answer() -> None:
    found = []
    for promised in (True, False):
        table = table_variable(np.ones((5, 2), np.float32))
        optimizer = RowWiseAdagrad(1.0, row_learning_rate=0.3, rows_are_distinct=promised)
        optimizer.build([table])
        gradient = tf.IndexedSlices(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([4, 1]))
        optimizer.apply([gradient], [table])
        found.append(table.numpy().tolist())
    assert found[0] == found[1]


def test_dense_variables_take_adagrads_steps_at_their_own_rate() -> None:
    kernel = keras.Variable([[1.0, -2.0]], name="kernel")
    optimizer = RowWiseAdagrad(0.5, row_learning_rate=9.0)
    optimizer.build([kernel])
    expected, sums = np.array([[1.0, -2.0]]), np.zeros((1, 2))
    for slope in (np.array([[1.0, 3.0]]), np.array([[-2.0, 0.5]])):
        optimizer.apply([tf.constant(slope, tf.float32)], [kernel])
        sums += slope**2
        expected -= 0.5 * slope / np.sqrt(sums)
    np.testing.assert_allclose(kernel.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize(("most", "rows"), [(None, [7, 8, 9]), (4, [2, 3, 4])])
def test_the_bags_gradient_looks_each_row_up_once(most: int | None, rows: list[int]) -> None:
    """What lets its optimiser be promised distinct rows, though n-grams may share them."""
    settings = SMALL_BAG.model_copy(update={"most_rows": most})
    model = FAMILIES["bag_of_ngrams"].build(settings, SHAPE)
    with tf.GradientTape() as tape:
        logits = model(of_batch([7, 8, 7], [8, 9, *([11, 10] if most else [])]))
        loss = tf.reduce_sum(tf.square(logits))
    for gradient in tape.gradient(loss, [model.bag.table.value, model.bag.weight.value]):
        assert isinstance(gradient, tf.IndexedSlices)
        assert sorted(gradient.indices.numpy().tolist()) == rows


@pytest.mark.parametrize(
    ("passes", "layers"), [(1, {"bag", "linear", "beside"}), (2, {"bag", "linear"})]
)
def test_titles_that_are_shown_several_times_get_no_hidden_layer(
    passes: int, layers: set[str]
) -> None:
    family, shape = FAMILIES["bag_of_ngrams"], replace(SHAPE, passes=passes)
    model = family.build(BagOfNgramsSettings(embedding_width=32), shape)
    assert answers(family, model, [1, 2], [3]).shape == (2, 18)
    assert {name for name in ("bag", "linear", "beside") if getattr(model, name)} == layers
    directions = model.linear.kernel.numpy()
    np.testing.assert_allclose(directions.T @ directions, 4 * np.eye(18), atol=1e-5)
