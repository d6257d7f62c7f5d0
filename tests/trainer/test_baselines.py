"""Baselines learn out of core what scikit-learn learns of all titles at once."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.metrics import accuracy_score, f1_score
from sklearn.naive_bayes import ComplementNB, MultinomialNB

from configs.baselines import BaselineSettings, LinearSettings, NaiveBayesSettings
from configs.errors import UsageError
from configs.loading import load_settings
from configs.settings import EvaluationSettings
from trainer.baselines import ONE_VS_REST, make_parts, measured_baselines
from trainer.dataset import LABEL, LABELS, NGRAMS
from trainer.hashed_titles import HashedTitles, fitting_buckets, hashed_counts, tf_idf_of
from trainer.scoring import NodeLabels

CLASSES, BUCKETS, WORDS = 3, 256, 40
CONFIG = Path(__file__).parents[2] / "configs" / "amazon_ads.yaml"


class OneOfThree:
    """The class that an example names; class 9 is none."""

    objective = "exclusive"
    names: Sequence[str] = ("a", "b", "c")
    features = (LABEL,)

    def __call__(self, batch: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        label = batch[LABEL].numpy()
        return (label < CLASSES).astype(np.int64), label[label < CLASSES]


def write_shard(path: Path, rows: Sequence[tuple[list[int], list[int]]]) -> str:
    """Write examples of n-grams and labels; the first label is the class as well."""
    with tf.io.TFRecordWriter(str(path), tf.io.TFRecordOptions("GZIP")) as file:
        for ngrams, labels in rows:
            lists = {NGRAMS: ngrams, LABELS: labels, LABEL: labels[:1]}
            features = {
                name: tf.train.Feature(int64_list=tf.train.Int64List(value=values))
                for name, values in lists.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            file.write(example.SerializeToString())
    return str(path)


def titles_of(seed: int, rows: int) -> Iterator[tuple[list[int], list[int]]]:
    """Each class has words of its own and shares others; one title in twenty has no class."""
    chance = random.Random(seed)
    for number in range(rows):
        label = number % CLASSES
        own = [chance.randrange(WORDS) * CLASSES + label for _ in range(4)]
        shared = [1000 + chance.randrange(30) for _ in range(6)]
        yield own + shared, [9] if number % 20 == 19 else [label]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("shards")
    return {
        "train": [write_shard(folder / f"train-{i}", list(titles_of(i, 150))) for i in range(2)],
        "valid": [write_shard(folder / "valid", list(titles_of(7, 60)))],
        "test": [write_shard(folder / "test", list(titles_of(8, 100)))],
    }


def all_of(titles: HashedTitles) -> tuple[sparse.csr_matrix, np.ndarray]:
    batches = list(titles)
    return sparse.vstack([b.counts for b in batches]), np.concatenate([b.labels for b in batches])


def settings_of(**own: Any) -> EvaluationSettings:
    return EvaluationSettings(baselines=BaselineSettings(batch_rows=64, hash_bits=8, **own))


def test_counts_are_those_of_the_ids_modulo_the_buckets() -> None:
    ngrams = tf.ragged.constant([[5, 261, 9], [], [255]], dtype=tf.int64)
    found = hashed_counts(ngrams, BUCKETS).toarray()
    expected = np.zeros((3, BUCKETS))
    expected[0, 5], expected[0, 9], expected[2, 255] = 2, 1, 1
    assert (found == expected).all()


def test_weights_learned_in_batches_are_scikit_learns(shards: dict[str, list[str]]) -> None:
    titles = HashedTitles(shards["train"], OneOfThree(), BUCKETS, 64)
    counts, labels = all_of(titles)
    transformer, rows = tf_idf_of(titles)
    assert rows == len(labels) == 2 * 143  # seven of 150 have no class
    expected = TfidfTransformer(sublinear_tf=True).fit(counts).transform(counts)
    np.testing.assert_allclose(transformer.transform(counts).toarray(), expected.toarray(), 1e-5)


@pytest.mark.parametrize(
    ("kind", "own"), [("complement", ComplementNB), ("multinomial", MultinomialNB)]
)
def test_naive_bayes_in_batches_is_naive_bayes_at_once(
    kind: Any, own: Any, shards: dict[str, list[str]]
) -> None:
    bayes = NaiveBayesSettings(kind=kind, smoothing=0.5)
    settings = settings_of(models=["naive_bayes", "linear_svm"], naive_bayes=bayes)
    parts = make_parts(settings, shards, OneOfThree())
    found = measured_baselines(settings, shards, OneOfThree(), seed=1)["naive Bayes"]
    test, truth = all_of(parts.test)
    predicted = own(alpha=0.5).fit(*all_of(parts.train)).predict(test)
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert found["weighted_f1"] == pytest.approx(f1_score(truth, predicted, average="weighted"))


def test_linear_models_tell_the_classes_apart(shards: dict[str, list[str]]) -> None:
    settings = settings_of(models=["logistic_regression", "linear_svm"])
    found = measured_baselines(settings, shards, OneOfThree(), seed=1)
    assert list(found) == ["logistic regression", "linear SVM"]
    for figures in found.values():
        assert figures["accuracy"] > 0.8  # the largest class has a third
        assert figures["titles"] == 286
        assert figures["buckets"] == BUCKETS
        assert figures["seconds"] > 0


def test_the_same_seed_gives_the_same_figures(shards: dict[str, list[str]]) -> None:
    found = [
        measured_baselines(settings_of(), shards, OneOfThree(), seed=4)["logistic regression"]
        for _ in range(2)
    ]
    assert found[0]["accuracy"] == found[1]["accuracy"]
    assert found[0]["macro_f1"] == found[1]["macro_f1"]


def test_so_many_titles_are_learned_from_and_all_are_scored(shards: dict[str, list[str]]) -> None:
    settings = settings_of(rows=80)
    parts = make_parts(settings, shards, OneOfThree())
    assert len(all_of(parts.train)[1]) == 76
    assert len(all_of(parts.test)[1]) == 95
    found = measured_baselines(settings, shards, OneOfThree(), seed=1)
    assert found["logistic regression"]["titles"] == 76


def test_sets_of_labels_are_learned_label_by_label(tmp_path: Path) -> None:
    """Word i means label i; label 3 is never seen, label 4 on every title."""
    chance = random.Random(5)

    def rows(count: int) -> list[tuple[list[int], list[int]]]:
        sets = [chance.sample(range(3), chance.randrange(1, 3)) for _ in range(count)]
        return [([10 + label for label in own] + [50], [*own, 4]) for own in sets]

    sizes = {"train": 200, "valid": 40, "test": 40}
    files = {part: [write_shard(tmp_path / part, rows(n))] for part, n in sizes.items()}
    truth = NodeLabels(["a", "b", "c", "never", "always"])
    settings = settings_of(one_vs_rest=LinearSettings(c=30.0, passes=6))
    found = measured_baselines(settings, files, truth, seed=1)
    assert list(found) == [ONE_VS_REST]
    figures = found[ONE_VS_REST]
    assert figures["micro_f1"] > 0.95
    assert figures["lrap"] > 0.95
    assert figures["titles"] == 200
    without_valid = measured_baselines(settings, {**files, "valid": []}, truth, seed=1)
    assert without_valid[ONE_VS_REST]["best_threshold"] == settings.threshold


def test_many_classes_get_fewer_buckets() -> None:
    assert fitting_buckets(20, 17) == 1 << 20
    assert fitting_buckets(20, 523) * 523 <= 1 << 27 < fitting_buckets(20, 523) * 2 * 523
    assert fitting_buckets(20, 10_000_000) == 256


def test_all_titles_of_a_batch_or_one_give_the_same_weights(shards: dict[str, list[str]]) -> None:
    titles = HashedTitles(shards["train"], OneOfThree(), BUCKETS, 1000)
    small = replace(titles, batch_rows=7)
    np.testing.assert_array_equal(tf_idf_of(titles)[0].idf_, tf_idf_of(small)[0].idf_)


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("{models: [naive_bayes]}", "models must name logistic_regression or linear_svm"),
        ("{models: []}", "models must name logistic_regression or linear_svm"),
        ("{models: [random_forest]}", "got 'random_forest'"),
        ("{logistic_regression: {c: 0.0}}", "logistic_regression.c: .* greater than 0"),
        ("{hash_bits: 40}", "hash_bits: .* less than or equal to 24, got 40"),
        ("{naive_bayes: {kind: gaussian}}", "naive_bayes.kind"),
    ],
)
def test_a_baseline_that_cannot_be_is_refused(own: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"evaluation.baselines.*{said}"):
        load_settings(CONFIG, [f"evaluation.baselines={own}"])
