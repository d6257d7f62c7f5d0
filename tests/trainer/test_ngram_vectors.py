"""Word vectors beside a bag of hashed n-grams: words that training never saw have them too."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from chain import Shop, one_line
from small_models import SHAPE, inputs, seen_ngrams, sets, small_model
from tiny_shop import OpenShop

from configs.errors import UsageError
from configs.features import NgramSettings
from configs.models import BagOfNgramsSettings, NgramVectorSettings
from trainer.models import FAMILIES
from trainer.models.bag_of_ngrams import distinct_ngrams
from trainer.models.vector_mean import VectorMean
from trainer.vectors import WordVectors
from trainer.vocabulary import read_ngram_vectors
from transforms.text import ngram_buckets

VECTORS = WordVectors(np.array([7, 3]), np.array([[3.0, 0.0], [0.0, 4.0]], np.float32), words=2)


def means(rows: list[list[int]]) -> list[list[float]]:
    """Return what `VectorMean` says of titles with these n-grams, in lengths of 3."""
    ngrams = {"ngrams": tf.ragged.constant(rows, tf.int64, ragged_rank=1)}
    found: list[list[float]] = (
        (VectorMean(VECTORS, 40, "vectors")(distinct_ngrams(ngrams, SHAPE)) / 3).numpy().tolist()
    )
    return found


def test_the_mean_has_one_length_and_other_ngrams_count_for_nothing() -> None:
    assert means([[7], [7, 12, 39], [3, 7], [], [12]]) == [
        pytest.approx([1.0, 0.0]),
        pytest.approx([1.0, 0.0]),
        pytest.approx([0.6, 0.8]),
        [0.0, 0.0],
        [0.0, 0.0],
    ]


def test_a_word_that_stands_twice_counts_twice() -> None:
    assert means([[7, 7, 3]]) == [pytest.approx([6 / 52**0.5, 4 / 52**0.5])]


def test_a_bag_answers_by_the_vectors_of_words_that_training_never_saw() -> None:
    shape = dataclasses.replace(SHAPE, ngrams=seen_ngrams(40, 3, 7), ngram_vectors=VECTORS)
    model = small_model("bag_of_ngrams", shape)
    family = FAMILIES["bag_of_ngrams"]
    known, other, none = model(inputs(family, [[3], [7], []], shape)).numpy()
    assert not np.allclose(known, other)
    assert not np.allclose(known, none)
    assert not any(v.path.endswith("vectors/values") for v in model.trainable_variables)


def _settings(path: Path) -> BagOfNgramsSettings:
    return BagOfNgramsSettings(vectors=NgramVectorSettings(path=str(path), width=2))


@pytest.mark.parametrize("characters", [[], [3, 4]])
def test_vectors_belong_to_the_buckets_into_which_the_words_of_titles_fall(
    characters: list[int], tmp_path: Path
) -> None:
    (tmp_path / "two.txt").write_text("towel 1 2\nlaptop 3 4\n")
    ngrams = NgramSettings(buckets=1000)
    found = read_ngram_vectors(
        "bag_of_ngrams", _settings(tmp_path / "two.txt"), ngrams, bool(characters)
    )
    assert found is not None
    words = tf.ragged.constant([["laptop"], ["towel"]])
    rows = ngram_buckets(words, sizes=[1], character_sizes=characters, buckets=1000).to_list()
    laptop, towel = rows[0][0], rows[1][0]
    rows = dict(zip(found.ids.tolist(), found.values.tolist(), strict=True))
    assert rows == {laptop: [3.0, 4.0], towel: [1.0, 2.0]}


def test_of_words_in_one_bucket_the_first_of_the_file_counts(tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text("".join(f"w{n} {n} 1\n" for n in range(50)))
    ngrams = NgramSettings(buckets=2)
    found = read_ngram_vectors("bag_of_ngrams", _settings(tmp_path / "many.txt"), ngrams, False)
    assert found is not None
    assert found.ids.tolist() == [0, 1]
    assert 0.0 in found.values[:, 0]


def test_vectors_of_words_need_single_words_among_the_ngrams(tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("towel 1 2\n")
    with pytest.raises(UsageError, match=r"features\.ngrams\.sizes needs 1 among them"):
        read_ngram_vectors(
            "bag_of_ngrams", _settings(tmp_path / "two.txt"), NgramSettings(sizes=[2]), False
        )


def test_a_bag_with_vectors_is_trained_and_exported(
    preprocessed_shop: OpenShop, tmp_path: Path
) -> None:
    shop: Shop = preprocessed_shop("ngram_vectors")
    path = tmp_path / "glove.txt"
    path.write_text("towel 1 2 3\nlaptop -1 2 -3\nneverseen 5 5 5\n")
    key = "models.bag_of_ngrams.vectors"
    chosen = [*sets("bag_of_ngrams"), f"{key}.path={path}", f"{key}.width=3"]
    said = shop("train", sets=chosen)
    assert said.status == 0, said.err
    assert said.figures["words_with_vectors"] == 3
    answer = tf.saved_model.load(f"{shop.at().exports(said.figures['model'])}/model")
    probabilities = answer(tf.constant(["neverseen", "nobody knows"]))["probabilities"].numpy()
    assert not np.allclose(probabilities[0], probabilities[1])

    refused = shop("train", "--force", sets=[*chosen[:-1], f"{key}.width=4"])
    one_line(refused, "vectors of 3 numbers, but models.bag_of_ngrams.vectors.width is 4")
