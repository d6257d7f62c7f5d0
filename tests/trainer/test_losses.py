"""Losses beside plain cross-entropy, against the same worked out in numpy or by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.losses import (
    log_sums,
    loss_above,
    many_hot,
    ordered,
    ordinal_labels,
    set_loss,
    soft_labels,
    sum_up,
)

PLAIN = np.eye(4, dtype=np.float32)
LABEL = tf.constant([0, 2], tf.int64)
# the first title stands in classes 0, 1 (twice), 3 and one that has no such level; the second in 2
STANDS = tf.ragged.constant([[0, 1, 1, -1, 3], [2, 2]], dtype=tf.int64)
GROUPS = np.array([0, 1, 0, -1])


def shares(uniform: float, categories: float, rows: np.ndarray = PLAIN) -> np.ndarray:
    found = soft_labels(LABEL, rows, uniform=uniform, categories=categories, stands=STANDS)
    return found.numpy()


def logits(seed: int, rows: int, classes: int = 4, spread: float = 3.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, spread, (rows, classes)).astype(np.float32)


def softmax(values: np.ndarray) -> np.ndarray:
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def test_uniform_smoothing_is_that_of_keras() -> None:
    import keras

    values = logits(1, 2)
    keras_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    expected = keras_loss(PLAIN[LABEL.numpy()], values)
    found = tf.nn.softmax_cross_entropy_with_logits(shares(0.2, 0.0), values)
    assert float(tf.reduce_mean(found)) == pytest.approx(float(expected), rel=1e-6)


def test_a_title_of_several_categories_shares_its_label_evenly_among_the_others() -> None:
    np.testing.assert_allclose(shares(0.0, 0.3), [[0.7, 0.15, 0, 0.15], [0, 0, 1, 0]], atol=1e-7)


def test_both_smoothings_together_leave_each_row_a_distribution() -> None:
    found = shares(0.2, 0.3)
    np.testing.assert_allclose(found[0], [0.55, 0.2, 0.05, 0.2], atol=1e-7)
    np.testing.assert_allclose(found[1], [0.05, 0.05, 0.85, 0.05], atol=1e-7)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-6)


def test_labels_are_set_once_however_often_they_are_named() -> None:
    assert many_hot(STANDS, 4).numpy().tolist() == [[1, 1, 0, 1], [0, 0, 1, 0]]
    nobody = tf.ragged.constant([[], []], dtype=tf.int64)
    assert many_hot(nobody, 2).numpy().tolist() == [[0, 0], [0, 0]]


def test_numbers_go_by_value_and_other_names_by_name() -> None:
    names = ["1", "10", "2", "9"]
    assert [names[i] for i in ordered(names)] == ["1", "2", "9", "10"]
    assert ordered(["-1.5", "0", "-3"]) == [2, 0, 1]
    assert ordered(["b", "a", "10"]) == [2, 1, 0]
    assert ordered(["nan", "2", "10"]) == [2, 1, 0]


def test_a_score_shares_most_with_its_neighbours_in_value() -> None:
    """The classes stand in the order of their names: 1, 10, 2, 9."""
    found = ordinal_labels(["1", "10", "2", "9"], scale=1.0)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-6)
    of_ten = found[1]
    assert of_ten.argsort()[::-1].tolist() == [1, 3, 2, 0]
    np.testing.assert_allclose(of_ten / of_ten[1], np.exp([-9.0, 0.0, -4.0, -1.0]), rtol=1e-5)
    np.testing.assert_allclose(ordinal_labels(["1", "2"], 50.0), np.eye(2), atol=1e-20)


def test_a_near_score_costs_less_than_a_far_one() -> None:
    names = [str(score) for score in range(1, 11)]
    wanted = ordinal_labels(names, 1.0)[names.index("10")]
    sure_of = 5.0 * np.eye(10, dtype=np.float32)
    cost = tf.nn.softmax_cross_entropy_with_logits([wanted] * 10, sure_of).numpy()
    by_score = {int(name): cost[i] for i, name in enumerate(names)}
    assert sorted(by_score, key=by_score.__getitem__)[:3] == [10, 9, 8]


@pytest.mark.parametrize("spread", [3.0, 300.0])
def test_log_sums_are_the_logarithm_of_summed_probabilities(spread: float) -> None:
    values = logits(2, 50, spread=spread)
    summed = sum_up(tf.constant(softmax(values.astype(np.float64))), GROUPS).numpy()
    with np.errstate(divide="ignore"):
        expected = np.maximum(np.log(summed), -1e4)
    found = log_sums(tf.constant(values), GROUPS).numpy()
    far = expected < -600  # there the float64 of the sums has no digits left
    np.testing.assert_allclose(found[~far], expected[~far], rtol=1e-4, atol=1e-4)
    assert np.isfinite(found).all()


def test_the_loss_above_is_that_of_the_group_whether_labels_are_plain_or_shares() -> None:
    values = tf.constant(logits(3, 3))
    label = tf.constant([0, 1, 3], tf.int64)
    summed = sum_up(tf.constant(softmax(values.numpy().astype(np.float64))), GROUPS).numpy()
    expected = [-np.log(summed[0, 0]), -np.log(summed[1, 1]), 0.0]
    for given in (label, tf.constant(PLAIN[label.numpy()])):
        np.testing.assert_allclose(loss_above(values, GROUPS, given), expected, atol=1e-6)


def test_the_gradient_of_the_loss_above_is_a_number_where_a_probability_is_nothing() -> None:
    values = tf.Variable([[500.0, -500.0, 400.0, 500.0]])
    with tf.GradientTape() as tape:
        loss = loss_above(values, GROUPS, tf.constant([1], tf.int64))
    slope = tape.gradient(loss, values).numpy()
    np.testing.assert_allclose(slope, [[0.5, -1.0, 0.0, 0.5]], atol=1e-6)


def test_the_loss_of_a_set_is_summed_over_its_classes() -> None:
    values, labels = logits(4, 5), np.array([[1, 0, 1, 0]] * 5, np.float32)
    probability = 1 / (1 + np.exp(-values.astype(np.float64)))
    weights = np.array([1.0, 2.0, 3.0, 4.0], np.float32)
    yes, no = -np.log(probability), -np.log(1 - probability)
    cases = [
        (0.0, None, labels * yes + (1 - labels) * no),
        (0.2, None, (0.8 * labels + 0.1) * yes + (0.9 - 0.8 * labels) * no),
        (0.0, weights, weights * labels * yes + (1 - labels) * no),
    ]
    for smoothing, weighted, expected in cases:
        found = set_loss(
            tf.constant(values), tf.constant(labels), smoothing=smoothing, weights=weighted
        )
        np.testing.assert_allclose(found, expected.sum(axis=1), rtol=1e-5)
