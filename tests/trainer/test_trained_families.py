"""Every family through the train stage: it learns, is exported, and answers the same reloaded."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from chain import Said, Shop, one_line
from small_models import SHAPE, sets, sizes, small_model, small_settings
from tiny_shop import OpenShop

from configs.models import VectorSettings
from trainer import train as stage
from trainer.export import TitleClassifier, freeze_recurrent, save_classifier
from trainer.models import FAMILIES
from trainer.vocabulary import read_known_words, vectors_fingerprint

TITLES = ["Acme bath towel - RED", "", "gaming laptop", "of words that nobody knows", "wrist watch"]
ANSWER = """
import json, sys, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
answer = model(tf.constant(json.loads(sys.argv[2])))
print(json.dumps([answer["probabilities"].numpy().tolist(), answer["label"].numpy().tolist()],
                 default=bytes.decode))
"""


@pytest.fixture(scope="module")
def shop(preprocessed_shop: OpenShop) -> Shop:
    return preprocessed_shop("families")


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[TitleClassifier]:
    """What was exported, as it was in the process that trained it."""
    classifiers: list[TitleClassifier] = []

    def save(classifier: TitleClassifier, folder: str, description: dict[str, Any]) -> None:
        classifiers.append(classifier)
        save_classifier(classifier, folder, description)

    monkeypatch.setattr(stage, "save_classifier", save)
    return classifiers


def trained(shop: Shop, name: str, *more: str) -> Said:
    said = shop("train", "--force", sets=[*sets(name), *more])
    assert said.status == 0, said.err
    return said


def export_of(shop: Shop, said: Said) -> str:
    return f"{shop.at().exports(said.figures['model'])}/model"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_learns_and_its_export_answers_as_it_did(
    shop: Shop, name: str, kept: list[TitleClassifier]
) -> None:
    learns_and_answers_the_same(shop, trained(shop, name), kept)


def test_a_bag_with_fewer_rows_than_ngrams_learns_as_well(
    shop: Shop, kept: list[TitleClassifier]
) -> None:
    most, width = 40, sizes("bag_of_ngrams")["embedding_width"]
    said = trained(shop, "bag_of_ngrams", f"models.bag_of_ngrams.most_rows={most}")
    learns_and_answers_the_same(shop, said, kept)
    tables = [w for w in kept[0].weights if w.shape[0] == 1 + most]
    assert [w.shape[1] for w in tables] == [width, 1]


def learns_and_answers_the_same(shop: Shop, said: Said, kept: list[TitleClassifier]) -> None:
    history = said.figures["history"]
    assert history[1]["loss"] < history[0]["loss"]
    loaded = tf.saved_model.load(export_of(shop, said))
    before, after = (model(tf.constant(TITLES))["probabilities"] for model in (kept[0], loaded))
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_a_recurrent_export_gives_the_same_probabilities_in_a_new_process(shop: Shop) -> None:
    said = shop("train", sets=sets("gru_1"))
    answer = tf.saved_model.load(export_of(shop, said))(tf.constant(TITLES))
    command = [sys.executable, "-c", ANSWER, export_of(shop, said), json.dumps(TITLES)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    probabilities, labels = json.loads(run.stdout.splitlines()[-1])
    np.testing.assert_allclose(answer["probabilities"], probabilities, atol=1e-6)
    assert [label.decode() for label in answer["label"].numpy()] == labels


def test_nothing_of_a_recurrent_export_needs_a_gpu() -> None:
    """Layers that could use cuDNN are told not to before they are traced for the export."""
    model = small_model("gru_4")
    recurrent = [layer for layer in model.network.layers if isinstance(layer, keras.layers.RNN)]
    assert [layer.use_cudnn for layer in recurrent] == ["auto"] * 4
    freeze_recurrent(model)
    assert [layer.use_cudnn for layer in recurrent] == [False] * 4


@pytest.fixture(scope="module")
def vectors(shop: Shop) -> tuple[Path, dict[int, list[float]]]:
    """Vectors for every other word of the vocabulary, and the rows where they belong."""
    with open(f"{shop.at().stats}/vocabulary.csv", encoding="utf-8", newline="") as file:
        words = [row["token"] for row in csv.DictReader(file)]
    rows = {number + 2: [number / 100 + at for at in range(8)] for number in range(0, 100, 2)}
    lines = [f"{words[row - 2]} {' '.join(map(str, values))}" for row, values in rows.items()]
    path = shop.prefix.parent / "glove.txt"
    path.write_text("\n".join([*lines, "no-such-word 1 2 3 4 5 6 7 8", ""]), encoding="utf-8")
    return path, rows


@pytest.mark.parametrize("learning", [False, True])
def test_a_model_starts_from_word_vectors_and_keeps_them_if_told_so(
    shop: Shop, vectors: tuple[Path, dict[int, list[float]]], learning: bool
) -> None:
    path, rows = vectors
    chosen = json.dumps({"path": str(path), "trained": learning})
    said = trained(shop, "embedding_pool", f"models.embedding_pool.vectors={chosen}")
    assert said.figures["words_with_vectors"] == 50
    assert said.figures["vector_coverage"] == round(50 / said.figures["vocabulary_words"], 4)
    weights = tf.saved_model.load(export_of(shop, said)).weights
    (table,) = (weight.numpy() for weight in weights if weight.shape == (200, 8))
    found, given = table[list(rows)], np.array(list(rows.values()), np.float32)
    assert np.array_equal(found, given) != learning
    np.testing.assert_allclose(found, given, atol=0.2)  # two epochs do not lead far away
    others = np.delete(table, list(rows), axis=0)
    assert abs(others.std() / given.std() - 1) < 0.1


@pytest.mark.parametrize("name", ["text_cnn", "gru_1", "gru_4"])
def test_the_other_models_take_word_vectors_too(
    shop: Shop, vectors: tuple[Path, dict[int, list[float]]], name: str
) -> None:
    settings = small_settings(name, vectors=VectorSettings(path=str(vectors[0]), trained=False))
    words = read_known_words(shop.at(), name, settings, 200)
    shape = dataclasses.replace(SHAPE, vocabulary_size=200, vectors=words.vectors)
    keras.utils.set_random_seed(1)
    model = FAMILIES[name].build(settings, shape)
    embedding = next(v for v in model.network.weights if v.shape == (200, 8))
    assert not embedding.trainable
    expected = list(vectors[1].values())
    np.testing.assert_allclose(embedding.numpy()[list(vectors[1])], expected, rtol=1e-6)


def test_other_vectors_under_the_same_name_are_another_training(
    shop: Shop, vectors: tuple[Path, dict[int, list[float]]]
) -> None:
    settings = small_settings("text_cnn", vectors=VectorSettings(path=str(vectors[0])))
    before = vectors_fingerprint(settings)
    assert vectors_fingerprint(settings) == before
    with open(vectors[0], "a", encoding="utf-8") as file:
        file.write("\n")
    assert vectors_fingerprint(settings) != before


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("bath 1 2\n", "line 1: vectors of 2 numbers, but models.gru_1.embedding_width is 8"),
        ("bath 1 2 3 4 5 6 7 8\ntowel 1\n", "line 2: 1 numbers, expected 8; mend the line"),
    ],
)
def test_a_file_of_vectors_that_does_not_fit_is_one_line(
    shop: Shop, tmp_path: Path, content: str, expected: str
) -> None:
    path = tmp_path / "broken.txt"
    path.write_text(content)
    chosen = [*sets("gru_1"), f"models.gru_1.vectors.path={path}"]
    one_line(shop("train", sets=chosen), f"{path}, {expected}")


def test_a_vocabulary_smaller_than_asked_for_works_and_is_said(shop: Shop) -> None:
    with open(f"{shop.at().stats}/vocabulary.csv", encoding="utf-8") as file:
        words = len(file.readlines()) - 1
    figures = shop("train", sets=sets("bow_mlp")).figures
    assert figures["vocabulary_words"] == words
    assert figures["vocabulary_warning"] == (
        f"the training titles have {words} distinct words: of features.tokens.vocabulary_size 200 "
        "the rest is never used"
    )


def test_examples_of_a_larger_vocabulary_are_refused(shop: Shop) -> None:
    smaller = [*sets("gru_1"), "features.tokens.vocabulary_size=50"]
    said = shop("train", "--force", sets=smaller)
    one_line(said, "features.tokens.vocabulary_size is 50, but ", "run `aisle preprocess` again")


@pytest.mark.parametrize("setting", ["xla", "mixed_precision"])
def test_what_a_family_gains_nothing_from_is_refused(shop: Shop, setting: str) -> None:
    name = "gru" if setting == "xla" else "bow_mlp"
    one_line(shop("train", sets=[*sets(name), f"training.{setting}=true"]), f"training.{setting}:")
