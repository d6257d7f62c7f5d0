"""The course notebook's networks: their sizes, their variants, and no need of TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import tensorflow as tf
from small_models import seen_ngrams

from configs.loading import parse_settings
from configs.models import FitSettings
from trainer import networks
from trainer.models import FAMILIES
from trainer.models.family import DataShape

ROOT = Path(__file__).resolve().parents[2]
SHAPE = DataShape(classes=18, vocabulary_size=20_000, length=31, ngrams=seen_ngrams(50))
EMBEDDING, OUTPUT = 20_000 * 128, 18
WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None  # whoever imports it gets an ImportError
import keras, numpy as np
from configs.models import ModelSettings
from trainer import networks
assert keras.backend.backend() == "jax"
tokens, labels = np.arange(62).reshape(2, 31) % 50, np.array([0, 2])
for name in ("cnn", "lstm", "lstm_dropout", "gru", "dense"):
    settings = getattr(ModelSettings(), name)
    network = getattr(networks, name)(settings, classes=3, vocabulary_size=50, length=31)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(optimizer=keras.optimizers.Adam(settings.learning_rate), loss=loss)
    assert np.isfinite(network.fit(tokens, labels, verbose=0).history["loss"]).all()
    print(name, network.predict(tokens, verbose=0).shape)
"""


def parameters(model: str, **hyper: float) -> int:
    """Count the parameters of a model as the config makes it, at the notebook's data's shape."""
    settings = parse_settings({"name": "shop", "models": {model: hyper}})
    section: FitSettings = getattr(settings.models, model)
    family = FAMILIES[model]
    built = family.build(section, SHAPE)
    title = {"tokens": tf.ragged.constant([[2, 3]], tf.int64)}
    assert built(family.prepare(title, SHAPE)).shape == (1, 18)
    count: int = built.count_params()
    return count


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("cnn", 2_808_466),
        ("lstm", 2_825_490),
        ("lstm_dropout", 2_825_490),
        ("gru", 2_760_466),
        ("dense", 2_663_442),
    ],
)
def test_a_model_has_as_many_parameters_as_the_notebooks(model: str, expected: int) -> None:
    assert parameters(model) == expected


@pytest.mark.parametrize(
    ("hyper", "filters"),
    [({}, 128), ({"dropout": 0.25}, 128), ({"filters": 256}, 256), ({"strides": 2}, 128)],
)
def test_the_notebooks_variants_of_the_cnn_are_settings(
    hyper: dict[str, float], filters: int
) -> None:
    convolutions = (128 * 7 + 1) * filters + (filters * 7 + 1) * filters
    hidden = (filters + 1) * 128 + (128 + 1) * OUTPUT
    assert parameters("cnn", **hyper) == EMBEDDING + convolutions + hidden


@pytest.mark.parametrize("units", [64, 128, 256])
def test_the_notebooks_variants_of_the_dense_model_are_settings(units: int) -> None:
    layers = (128 + 1) * units + (units + 1) * units + (units + 1) * OUTPUT
    assert parameters("dense", hidden_units=units) == EMBEDDING + layers


def test_dropouts_and_strides_reach_the_layers() -> None:
    settings = parse_settings(
        {"name": "shop", "models": {"cnn": {"dropout": 0.25, "strides": 2}, "lstm_dropout": {}}}
    ).models
    cnn = networks.cnn(settings.cnn, classes=18, vocabulary_size=30, length=31)
    assert [layer.rate for layer in cnn.layers if hasattr(layer, "rate")] == [0.25, 0.25]
    assert [layer.strides for layer in cnn.layers if hasattr(layer, "strides")] == [(2,), (2,)]
    lstm = networks.lstm_dropout(settings.lstm_dropout, classes=18, vocabulary_size=30, length=31)
    recurrent = [layer for layer in lstm.layers if hasattr(layer, "recurrent_dropout")]
    assert [(layer.dropout, layer.recurrent_dropout) for layer in recurrent] == [(0.5, 0.5)] * 2
    assert [layer.rate for layer in lstm.layers if hasattr(layer, "rate")] == [0.5]


@pytest.mark.skipif(find_spec("jax") is None, reason="jax is not installed")
def test_the_networks_train_on_jax_where_tensorflow_is_not() -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "dense (2, 3)"


def test_the_networks_import_nothing_of_tensorflow_themselves() -> None:
    """Keras aside, which imports the backend that it was told of."""
    script = "import sys, keras; sys.modules['tensorflow'] = None; import trainer.networks"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
