"""Input dropout: what a step sees of the titles, and that nothing is left out when it counts."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainer.models.sparse import InputDropout

ROWS, WIDTH = 500, 8
IDS = tf.RaggedTensor.from_tensor(tf.reshape(tf.range(ROWS * WIDTH, dtype=tf.int64), [ROWS, WIDTH]))
FEATURES = {
    "ngrams": IDS,
    "text_bow": IDS,
    "text_tfidf": IDS.with_values(tf.ones([ROWS * WIDTH])),
    "price": tf.ones([ROWS]),
}


def test_a_share_of_the_ids_is_left_out_and_the_others_stay_in_their_rows() -> None:
    seen = InputDropout(0.6, ["text_bow"])(FEATURES, training=True)["ngrams"]
    assert seen.nrows() == ROWS
    assert 0.36 < len(seen.values) / (ROWS * WIDTH) < 0.44
    rows = seen.values.numpy() // WIDTH
    np.testing.assert_array_equal(rows, seen.value_rowids().numpy())


def test_weights_are_left_out_in_place_and_keep_their_sum_on_average() -> None:
    seen = InputDropout(0.6, ["text_bow"])(FEATURES, training=True)
    weights = seen["text_tfidf"].values.numpy()
    assert set(np.round(weights, 4)) == {0.0, 2.5}
    assert 0.9 < weights.mean() < 1.1
    np.testing.assert_array_equal(seen["text_bow"].values, IDS.values)
    np.testing.assert_array_equal(seen["price"], FEATURES["price"])


def test_another_step_leaves_out_others_and_the_same_seed_the_same() -> None:
    def two_steps() -> list[list[int]]:
        tf.keras.utils.set_random_seed(7)
        layer = InputDropout(0.5, [])
        return [layer(FEATURES, training=True)["ngrams"].values.numpy().tolist() for _ in range(2)]

    first, second = two_steps()
    assert first != second
    assert two_steps() == [first, second]


def test_without_training_or_a_rate_everything_is_seen() -> None:
    for layer, training in ((InputDropout(0.6, []), False), (InputDropout(0.0, []), True)):
        seen = layer(FEATURES, training=training)
        assert all(seen[name] is value for name, value in FEATURES.items())
