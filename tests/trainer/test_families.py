"""What each family computes, against plain arrays, and what it says of itself."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import SHAPE, answers, inputs, small_model, small_settings

from configs.models import ModelSettings
from trainer.models import FAMILIES
from trainer.models.sparse import SumOfRows

TITLES = [[], [7, 8, 7], [], [9], [3, 1, 2, 3, 4, 5, 6, 7], []]
COMPILED = [name for name, family in FAMILIES.items() if family.compiles]
HALVED = [name for name, family in FAMILIES.items() if family.half_precision]


def test_every_model_that_the_config_names_has_a_family() -> None:
    assert set(FAMILIES) == set(ModelSettings.model_fields)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_answers_a_title_the_same_whatever_stands_beside_it(name: str) -> None:
    """An empty title first, last or in the middle shifts nobody's answer."""
    answer = answers(name)
    together = answer(TITLES)
    assert together.shape == (len(TITLES), SHAPE.classes)
    assert not np.allclose(together[1], together[4], atol=1e-6)
    alone = [answer([row])[0] for row in TITLES]
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["cnn", "lstm", "dense", "text_cnn", "gru_1", "embedding_pool"])
def test_no_token_is_seen_beyond_the_length(name: str) -> None:
    short, long = answers(name)([[5] * 8, [5] * 8 + [9]])
    np.testing.assert_allclose(short, long, rtol=1e-6, atol=1e-8)  # some answers are next to 0


@pytest.mark.parametrize("name", ["text_cnn", "gru_1", "gru_4", "embedding_pool"])
def test_more_padding_changes_no_answer(name: str) -> None:
    padded = answers(name, dataclasses.replace(SHAPE, length=20))
    np.testing.assert_allclose(answers(name)(TITLES), padded(TITLES), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "layers"), [("gru_1", 1), ("gru_4", 4), ("gru", 2), ("lstm", 2)])
def test_a_recurrent_model_has_its_number_of_layers(name: str, layers: int) -> None:
    network = small_model(name).network
    recurrent = [layer for layer in network.layers if isinstance(layer, keras.layers.RNN)]
    assert len(recurrent) == layers


def test_a_text_cnn_takes_the_maximum_of_each_kernel_over_the_words() -> None:
    model = small_model("text_cnn")
    table, *rest = model.get_weights()
    *convolutions, kernel, bias = rest
    words = table[[7, 8, 9]]
    maxima = []
    for weights, shift in zip(convolutions[::2], convolutions[1::2], strict=True):
        size = len(weights)
        before = (size - 1) // 2
        sides = np.pad(words, ((before, size), (0, 0)))
        maps = [np.tensordot(sides[at : at + size], weights, 2) + shift for at in range(3)]
        maxima.append(np.maximum(maps, 0).max(axis=0))
    found = model(inputs(FAMILIES["text_cnn"], [[7, 8, 9]])).numpy()[0]
    np.testing.assert_allclose(found, np.concatenate(maxima) @ kernel + bias, rtol=1e-4, atol=1e-6)


def test_a_text_cnns_class_weights_stay_below_their_norm() -> None:
    model = small_model("text_cnn", max_norm=0.5)
    optimizer = keras.optimizers.SGD(10.0)
    optimizer.build(model.trainable_variables)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(inputs(FAMILIES["text_cnn"], TITLES), training=True))
    slopes = tape.gradient(loss, [v.value for v in model.trainable_variables])
    optimizer.apply(slopes, model.trainable_variables)
    norms = np.linalg.norm(model.get_weights()[-2], axis=0)
    np.testing.assert_allclose(norms, 0.5, rtol=1e-4)


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_an_embedding_pool_leaves_the_padding_out(pool: str) -> None:
    model = small_model("embedding_pool", pool=pool)
    table, first, shift, kernel, bias = model.get_weights()
    words = table[[7, 8, 7]]
    pooled = words.max(axis=0) if pool == "max" else words.mean(axis=0)
    expected = np.maximum(pooled @ first + shift, 0) @ kernel + bias
    found = model(inputs(FAMILIES["embedding_pool"], [[7, 8, 7]])).numpy()[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_binary_bag_counts_no_word_twice_and_none_that_it_does_not_know() -> None:
    model = small_model("bow_mlp")
    rows = [[7, 8, 7, 1], [], [1, 1], [49, 2]]
    bag = np.zeros((4, SHAPE.vocabulary_size), np.float32)
    for number, row in enumerate(rows):
        bag[number, [word for word in row if word > 1]] = 1
    first, shift, second, shift_2, kernel, bias = model.get_weights()
    hidden = np.maximum(bag @ first + shift, 0)
    expected = np.maximum(hidden @ second + shift_2, 0) @ kernel + bias
    found = model(inputs(FAMILIES["bow_mlp"], rows)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mean", [False, True])
def test_a_sum_of_rows_is_a_dense_layer_on_counts(mean: bool) -> None:
    layer = SumOfRows(5, 3, "glorot_uniform", name="sum", mean=mean)
    rows = [[4, 1, 4], [], [0]]
    ids = tf.ragged.constant(rows, tf.int64)
    layer(ids)
    layer.bias.assign([1.0, 2.0, 3.0])
    counts = np.array([np.bincount(row, minlength=5) for row in rows], np.float32)
    if mean:
        counts /= np.maximum(counts.sum(axis=1, keepdims=True), 1)
    table, bias = layer.get_weights()
    np.testing.assert_allclose(layer(ids).numpy(), counts @ table + bias, rtol=1e-5)


def test_both_parts_of_wide_and_deep_learn_and_look_each_row_up_once() -> None:
    model = small_model("wide_deep")
    with tf.GradientTape() as tape:
        logits = model(inputs(FAMILIES["wide_deep"], [[7, 38, 7], [8, 39]]))
        loss = tf.reduce_sum(tf.square(logits - 1))
    variables = {variable.path: variable.value for variable in model.trainable_variables}
    slopes = tape.gradient(loss, variables)
    rows = {
        path: sorted(slope.indices.numpy().tolist())
        for path, slope in slopes.items()
        if isinstance(slope, tf.IndexedSlices)
    }
    assert sorted(path.split("/")[-2] for path in rows) == ["wide", "words"]
    for path, indices in rows.items():
        # 38 and 39 are folded into the 30 buckets of the wide part
        assert indices == ([7, 8, 9] if "wide/" in path.split("deep")[-1] else [7, 8, 38, 39])
    assert all(np.abs(tf.convert_to_tensor(slope)).max() > 0 for slope in slopes.values())


@pytest.mark.parametrize("name", COMPILED)
def test_a_family_that_says_so_takes_the_same_step_when_compiled(name: str) -> None:
    model = small_model(name, dropout=0.0)
    batch = inputs(FAMILIES[name], TITLES)

    def step() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(batch, training=True)))
        slopes = tape.gradient(loss, [v.value for v in model.trainable_variables])
        return [loss, *(tf.convert_to_tensor(slope) for slope in slopes)]

    for plain, compiled in zip(step(), tf.function(step, jit_compile=True)(), strict=True):
        np.testing.assert_allclose(plain, compiled, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("name", HALVED)
def test_a_family_that_says_so_works_in_half_precision(name: str) -> None:
    plain = answers(name)(TITLES)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = small_model(name)
        halved = model(inputs(FAMILIES[name], TITLES))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert "bfloat16" in {layer.compute_dtype for layer in model.network.layers}
    assert halved.dtype == tf.float32
    np.testing.assert_allclose(plain, halved, rtol=0.1, atol=0.02)


@pytest.mark.parametrize("name", ["lstm", "gru", "gru_4"])
def test_steps_are_taken_by_the_rate_of_the_settings(name: str) -> None:
    settings = small_settings(name, learning_rate=0.25)
    assert float(FAMILIES[name].optimizer(settings, 10).learning_rate) == 0.25
