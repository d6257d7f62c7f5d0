"""The metrics agree with scikit-learn, and what cannot be measured is refused in one line."""

import json
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from trainer.metrics import TOP_CONFUSIONS, classification_metrics


def names_of(classes: int) -> list[str]:
    return [f"shelf {number}" for number in range(classes)]


def random_probabilities(
    seed: int, examples: int, classes: int, unseen: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Labels and full probabilities, right about half of the time; the last classes are unseen."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes - unseen, examples)
    logits = random.normal(size=(examples, classes))
    logits[np.arange(examples), labels] += 2.0
    logits[:, classes - unseen :] -= 50.0
    odds = np.exp(logits)
    return labels, odds / odds.sum(axis=1, keepdims=True)


def top(probabilities: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    ranked = np.argsort(-probabilities, axis=1)[:, :k]
    return ranked, np.take_along_axis(probabilities, ranked, axis=1)


def measure(seed: int = 1, examples: int = 2000, classes: int = 11, unseen: int = 0) -> Any:
    labels, probabilities = random_probabilities(seed, examples, classes, unseen)
    found = classification_metrics(
        labels, *top(probabilities, min(5, classes)), names_of(classes), top_k=3, bins=15
    )
    return labels, probabilities, found


@pytest.mark.parametrize(
    ("examples", "classes", "unseen"), [(3000, 17, 0), (1, 2, 0), (800, 60, 25), (40, 523, 0)]
)
def test_every_figure_agrees_with_scikit_learn(examples: int, classes: int, unseen: int) -> None:
    labels, probabilities, found = measure(7, examples, classes, unseen)
    predicted = probabilities.argmax(axis=1)
    every = np.arange(classes)
    score = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, labels=every, zero_division=0
    )
    assert found["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(labels, predicted))
    for average in ("macro", "weighted"):
        f1 = sklearn_metrics.f1_score(labels, predicted, average=average, zero_division=0)
        assert found[f"{average}_f1"] == pytest.approx(f1)
    for key, column in zip(("precision", "recall", "f1", "support"), score, strict=True):
        assert [row[key] for row in found["per_class"]] == pytest.approx(list(column))
    if classes > 2:
        top_3 = sklearn_metrics.top_k_accuracy_score(labels, probabilities, k=3, labels=every)
        assert found["top_3_accuracy"] == pytest.approx(top_3)


def test_the_triplets_are_the_confusion_matrix_without_its_zeros() -> None:
    labels, probabilities, found = measure()
    matrix = np.zeros((11, 11), dtype=int)
    for true, predicted, count in found["confusion"]:
        matrix[true, predicted] = count
        assert count > 0
    expected = sklearn_metrics.confusion_matrix(labels, probabilities.argmax(axis=1))
    np.testing.assert_array_equal(matrix, expected)


def test_top_confusions_are_the_largest_mistakes_with_their_share_of_the_true_class() -> None:
    labels, probabilities, found = measure()
    matrix = sklearn_metrics.confusion_matrix(labels, probabilities.argmax(axis=1))
    np.fill_diagonal(matrix, 0)
    counts = [row["count"] for row in found["top_confusions"]]
    assert counts == sorted(matrix.ravel(), reverse=True)[:TOP_CONFUSIONS]
    for row in found["top_confusions"]:
        true, predicted = (int(row[key].split()[1]) for key in ("true", "predicted"))
        assert row["count"] == matrix[true, predicted]
        assert row["share"] == pytest.approx(matrix[true, predicted] / (labels == true).sum())


def test_calibration_error_is_that_of_guo_et_al_bin_by_bin() -> None:
    labels, probabilities, found = measure()
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    error = 0.0
    for number, row in enumerate(found["calibration_bins"]):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        assert row["count"] == inside.sum()
        if inside.any():
            right = (labels == predicted)[inside].mean()
            assert row["accuracy"] == pytest.approx(right)
            assert row["confidence"] == pytest.approx(confidence[inside].mean())
            error += inside.mean() * abs(right - confidence[inside].mean())
        else:
            assert row["accuracy"] is row["confidence"] is None
    assert found["expected_calibration_error"] == pytest.approx(error)


def test_a_probability_on_an_edge_falls_into_the_lower_bin_and_one_into_the_last() -> None:
    ranked = np.zeros((3, 1), dtype=np.int32)
    sure = np.array([[0.5], [1.0], [0.0]], dtype=np.float32)
    found = classification_metrics([0, 0, 0], ranked, sure, ["only"], top_k=3, bins=2)
    assert [row["count"] for row in found["calibration_bins"]] == [2, 1]


def test_macro_f1_leaves_out_classes_neither_present_nor_predicted_but_lists_them() -> None:
    found = classification_metrics(
        [0, 0, 1], [[0], [0], [1]], [[0.9], [0.8], [0.7]], names_of(4), top_k=1, bins=15
    )
    assert (found["macro_f1"], found["macro_classes"]) == (1.0, 2)
    absent = {"name": "shelf 3", "support": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert found["per_class"][3] == absent


def test_the_figures_are_json_as_they_are() -> None:
    _, _, found = measure()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["log_loss"] is None


def test_a_log_loss_that_is_known_is_handed_through() -> None:
    found = classification_metrics(
        np.array([0]), [[0]], [[1.0]], ["a"], top_k=1, bins=2, log_loss=np.float32(0.25)
    )
    assert found["log_loss"] == 0.25


def test_half_a_million_examples_of_523_classes_are_measured_whole() -> None:
    random = np.random.default_rng(3)
    labels = random.integers(0, 523, 500_000)
    ranked = np.stack([labels, (labels + 1) % 523, (labels + 2) % 523], axis=1)
    ranked[::4] = ranked[::4, ::-1]
    sure = np.tile(np.array([0.75, 0.2, 0.05], dtype=np.float32), (500_000, 1))
    found = classification_metrics(labels, ranked, sure, names_of(523), top_k=3, bins=15)
    assert (found["accuracy"], found["top_3_accuracy"]) == (0.75, 1.0)
    assert found["expected_calibration_error"] == pytest.approx(0.0, abs=1e-9)
    assert sum(count for _, _, count in found["confusion"]) == 500_000


@pytest.mark.parametrize(
    ("labels", "ranked", "sure", "top_k", "message"),
    [
        ([], np.zeros((0, 2), int), np.zeros((0, 2)), 2, "expected at least one example, got none"),
        ([0, 1], [[0, 1]], [[0.6, 0.4]], 2, r"got \(2,\), \(1, 2\) and \(1, 2\)"),
        ([0], [[0, 1]], [[0.6, 0.4]], 3, "top_k is 3, but top_labels holds 2 per example"),
        ([0], [[0, 1]], [[0.6, 0.4]], 0, "top_k is 0"),
        ([3], [[0, 1]], [[0.6, 0.4]], 2, "labels: expected 0 to 2.*got 3 to 3"),
        ([0], [[0, -1]], [[0.6, 0.4]], 2, "top_labels: expected 0 to 2.*got -1 to 0"),
        ([0.5], [[0, 1]], [[0.6, 0.4]], 2, "labels: expected whole numbers, got float64"),
        ([0], [[0, 1]], [[np.nan, 0.4]], 2, "expected 0 to 1, got nan to nan"),
        ([0], [[0, 1]], [[1.5, 0.4]], 2, "expected 0 to 1, got 0.4 to 1.5"),
        ([0], [[0, 1]], [[0.4, 0.6]], 2, "expected falling along each row"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_both_sides(
    labels: Any, ranked: Any, sure: Any, top_k: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        classification_metrics(labels, ranked, sure, names_of(3), top_k=top_k, bins=15)
