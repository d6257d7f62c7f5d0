"""The linear part of Wide & Deep made like one on TF-IDF: lengths, bins, one constant bias."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError
from small_models import SHAPE, inputs, small_model, small_settings

from configs.columns import DenseColumn, TextColumn
from configs.models import WideDeepSettings
from trainer.models import FAMILIES
from trainer.models.columns import SoftBins
from trainer.models.sparse import SumOfRows, WeightedSumOfRows

COLUMNS = {
    "price": DenseColumn(kind="dense"),
    "about": TextColumn(kind="text", give=["tfidf"], vocabulary_size=6, embedding_width=3),
    "weight": DenseColumn(kind="dense"),
}
LIKE_TFIDF = {"unit_rows": True, "number_bins": [0.5], "constant_bias": -2.0}


def test_distinct_ids_of_a_row_are_a_vector_of_length_one() -> None:
    layer = SumOfRows(5, 3, "glorot_uniform", name="sum", unit=True)
    ids = tf.ragged.constant([[4, 1], [], [0], [0, 1, 2, 3]], tf.int64)
    found = layer(ids).numpy()
    rows = np.zeros((4, 5), np.float32)
    rows[0, [4, 1]], rows[2, 0], rows[3, :4] = np.sqrt(0.5), 1.0, 0.5
    np.testing.assert_allclose(found, rows @ layer.get_weights()[0], rtol=1e-5)


def test_weights_of_a_row_are_a_vector_of_length_one_whatever_their_scale() -> None:
    layer = WeightedSumOfRows(5, 3, "glorot_uniform", name="sum", unit=True, use_bias=False)
    ids = tf.ragged.constant([[4, 1], [], [2]], tf.int64)
    weights = tf.ragged.constant([[3.0, 4.0], [], [0.0]])
    rows = np.zeros((3, 5), np.float32)
    rows[0, [4, 1]] = 0.6, 0.8
    for scale in (1.0, 0.01):
        found = layer((ids, weights * scale)).numpy()
        np.testing.assert_allclose(found, rows @ layer.get_weights()[0], rtol=1e-5)


def test_bins_of_a_number_are_a_vector_of_length_one_highest_where_it_lies() -> None:
    layer = SoftBins(COLUMNS, [0.5, 2.0])
    features = {"price": tf.constant([-1.0, 90.0]), "weight": tf.constant([0.25, -90.0])}
    found = layer(features).numpy()
    narrow, wide = np.split(found, [2 * 13], axis=1)  # -2, -1.5 … 4; then -2, 0, 2, 4
    assert wide.shape == (2, 2 * 4)
    price, weight = np.split(narrow, 2, axis=1)
    for part in (price, weight, *np.split(wide, 2, axis=1)):
        np.testing.assert_allclose(np.square(part).sum(axis=1), 1.0, rtol=1e-5)
    assert price.argmax(axis=1).tolist() == [2, 12]
    np.testing.assert_allclose(weight[0, 4], weight[0, 5], rtol=1e-5)  # between 0 and 0.5
    assert weight[1].argmax() == 0


def test_a_constant_bias_is_the_logit_of_a_title_of_which_nothing_is_known() -> None:
    model = small_model("wide_deep", constant_bias=-2.0)
    assert model.wide.use_bias is False
    found = model(inputs(FAMILIES["wide_deep"], [[], []])).numpy()
    np.testing.assert_array_equal(found, np.full((2, SHAPE.classes), -2.0))


def test_by_default_there_is_a_learned_bias_and_numbers_are_in_no_bins() -> None:
    shape = dataclasses.replace(SHAPE, columns=COLUMNS)
    sizes = {}
    for name, more in (("default", {}), ("like_tfidf", LIKE_TFIDF)):
        model = FAMILIES["wide_deep"].build(small_settings("wide_deep", **more), shape)
        model(batch(shape))
        sizes[name] = model.count_params()
    bins = 2 * 13 * shape.classes
    assert sizes["like_tfidf"] == sizes["default"] + bins - shape.classes


def test_a_linear_layer_on_bins_can_find_a_class_in_the_middle() -> None:
    """Neither low nor high numbers: what is linear in the number itself cannot say that."""
    keras.utils.set_random_seed(1)
    bins, linear = SoftBins(COLUMNS, [0.5]), keras.layers.Dense(1, kernel_initializer="zeros")
    seen = bins({"price": tf.constant([-1.0, 0.0, 1.0]), "weight": tf.zeros([3])})
    linear(seen)
    optimizer = keras.optimizers.SGD(1.0)
    for _ in range(50):
        with tf.GradientTape() as tape:
            logits = linear(seen)[:, 0]
            truth = tf.constant([0.0, 1.0, 0.0])
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(truth, logits))
        variables = linear.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
    assert (linear(seen).numpy()[:, 0] > 0).tolist() == [False, True, False]


def batch(shape: object) -> dict[str, object]:
    return {
        **inputs(FAMILIES["wide_deep"], [[7, 8], [], [3]], shape),
        "about_bow": tf.ragged.constant([[2, 5], [], [3]], tf.int64),
        "about_tfidf": tf.ragged.constant([[0.5, 2.0], [], [1.5]]),
        "price": tf.constant([0.5, 0.0, -2.0]),
        "weight": tf.constant([0.0, 1.0, 3.0]),
    }


@pytest.mark.parametrize("width", [0.0, 0.001, 5.0])
def test_a_bin_has_a_width_that_leaves_several_of_them(width: float) -> None:
    with pytest.raises(ValidationError, match="number_bins"):
        WideDeepSettings(number_bins=[width])
