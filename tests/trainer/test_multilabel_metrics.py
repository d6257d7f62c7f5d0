"""Multi-label figures agree with scikit-learn, whole or in blocks, and refuse what does not fit."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from trainer.metrics import Ints
from trainer.multilabel_metrics import MultilabelTally, auc_figures
from trainer.score_histogram import ScoreHistogram, ThresholdSearch, score_keys

CLASSES = 12


def names_of(classes: int) -> list[str]:
    return [f"node {number}" for number in range(classes)]


@pytest.fixture(scope="module")
def part() -> tuple[np.ndarray, np.ndarray]:
    """Truth bool [n, classes], scores float32: a row without label, a class without row, ties."""
    random = np.random.default_rng(3)
    truth = random.random((1500, CLASSES)) < np.linspace(0.02, 0.5, CLASSES)
    truth[:, 0], truth[0], truth[1, 1:] = False, False, True
    logits = random.normal(size=truth.shape) * 3 - 2 + 3 * truth
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    scores[5:60] = np.round(scores[5:60], 1)
    return truth, scores


def lists(truth: np.ndarray) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in truth]


def figures_of(
    truth: Sequence[Sequence[int]],
    scores: Any,
    names: Sequence[str],
    *,
    thresholds: Sequence[float] = (0.5,),
    ks: Sequence[int] = (1, 3, 5),
) -> dict[str, Any]:
    """Return the figures of scores [n, classes], given as one block."""
    tally = MultilabelTally(len(names), thresholds=thresholds, ks=ks)
    lengths = np.array([len(labels) for labels in truth], np.int64)
    labels = np.fromiter(itertools.chain.from_iterable(truth), np.int64)
    tally.add(lengths, labels, np.asarray(scores))
    return tally.figures(names)


def flat(truth: np.ndarray) -> tuple[Ints, Ints]:
    return truth.sum(axis=1), np.nonzero(truth)[1]


@pytest.fixture(scope="module")
def found(part: tuple[np.ndarray, np.ndarray]) -> Any:
    return figures_of(
        lists(part[0]), part[1], names_of(CLASSES), thresholds=(0.3, 0.5), ks=(1, 3, 5)
    )


def test_f1_at_each_threshold_is_that_of_scikit_learn(part: Any, found: Any) -> None:
    truth, scores = part
    for at in found["at"]:
        answers = scores >= at["threshold"]
        present = np.flatnonzero((truth | answers).any(axis=0))
        assert at["macro_classes"] == len(present)
        for kind, labels in (("micro", None), ("macro", present), ("weighted", None)):
            expected = sk.f1_score(truth, answers, average=kind, labels=labels, zero_division=0)
            assert at[f"{kind}_f1"] == pytest.approx(expected), kind


def test_each_class_has_the_scores_of_scikit_learn(part: Any, found: Any) -> None:
    truth, scores = part
    expected = sk.precision_recall_fscore_support(truth, scores >= 0.5, zero_division=0)
    for key, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [row[key] for row in found["per_class"]] == pytest.approx(list(column))


def test_cross_entropy_and_lrap_are_those_of_scikit_learn(part: Any, found: Any) -> None:
    truth, scores = part
    bce = sk.log_loss(truth.ravel(), scores.ravel())
    assert found["bce"] == pytest.approx(bce, rel=1e-5)
    lrap = sk.label_ranking_average_precision_score(truth, scores)
    assert found["lrap"] == pytest.approx(lrap)


def test_a_row_with_every_label_ranks_without_fault_as_in_scikit_learn() -> None:
    truth, scores = np.array([[True, True], [True, False]]), np.array([[0.1, 0.3], [0.2, 0.9]])
    expected = sk.label_ranking_average_precision_score(truth, scores)
    assert figures_of(lists(truth), scores, names_of(2))["lrap"] == expected == 0.75


def test_precision_at_k_is_the_precision_of_the_first_k_answers(part: Any, found: Any) -> None:
    truth, scores = part[0][60:], part[1][60:]  # without ties: their order is free
    found = figures_of(lists(truth), scores, names_of(CLASSES), ks=(1, 3, 5, 99))
    assert set(found["precision_at"]) == {"1", "3", "5"}
    for k in (1, 3, 5):
        answers = scores >= np.sort(scores, axis=1)[:, -k][:, None]
        expected = sk.precision_score(truth, answers, average="samples", zero_division=0)
        assert found["precision_at"][str(k)] == pytest.approx(expected)


def test_auc_of_each_label_is_that_of_scikit_learn(part: Any, found: Any) -> None:
    truth, scores = part
    expected = [sk.roc_auc_score(truth[:, i], scores[:, i]) for i in range(1, CLASSES)]
    aucs = [row["auc"] for row in found["per_class"]]
    assert aucs[0] is None
    assert aucs[1:] == pytest.approx(expected, abs=2e-4)
    assert found["auc"]["classes"] == CLASSES - 1
    assert found["auc"]["macro"] == pytest.approx(np.mean(expected), abs=1e-4)
    weighted = sk.roc_auc_score(truth[:, 1:], scores[:, 1:], average="weighted")
    assert found["auc"]["weighted"] == pytest.approx(weighted, abs=1e-4)


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_auc_of_exclusive_classes_is_scikit_learns_one_vs_rest(average: str) -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 5, 3000)
    odds = np.exp(random.normal(size=(3000, 5)) + 2 * np.eye(5)[labels])
    scores = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    histogram = ScoreHistogram(5)
    histogram.add(np.arange(3000), labels, scores)
    found = auc_figures(histogram.aucs(), np.bincount(labels))
    expected = sk.roc_auc_score(labels, scores, multi_class="ovr", average=average)
    assert found[average] == pytest.approx(expected, abs=1e-5)


def test_scores_near_nought_and_one_do_not_run_together() -> None:
    """A softmax over many classes is tiny for most of them: their order must still tell."""
    tiny = np.geomspace(1e-30, 1e-3, 200)
    near_one = 1 - np.geomspace(1e-6, 1e-1, 200)
    near_half = 0.5 + np.linspace(0, 1e-4, 200)
    scores = np.stack([tiny, near_one[::-1], near_half], axis=1).astype(np.float32)
    assert (np.diff(score_keys(np.sort(scores, axis=0)), axis=0) > 0).all()
    upper = np.arange(100, 200)
    found = ScoreHistogram(3)
    found.add(np.tile(upper, 3), np.repeat([0, 1, 2], 100), np.sort(scores, axis=0))
    assert found.aucs().tolist() == [1.0, 1.0, 1.0]


def test_many_examples_have_the_auc_of_scikit_learn_though_only_the_first_place_the_bins() -> None:
    random = np.random.default_rng(4)
    labels = random.integers(0, 3, 60_000)
    logits = random.normal(size=(60_000, 3)) * [0.001, 1, 8] + np.eye(3)[labels] * [0.001, 1, 8]
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    histogram = ScoreHistogram(3)
    for start in range(0, 60_000, 1000):
        of_block = labels[start : start + 1000]
        histogram.add(np.arange(1000), of_block, scores[start : start + 1000])
    expected = [sk.roc_auc_score(labels == i, scores[:, i]) for i in range(3)]
    assert histogram.aucs() == pytest.approx(expected, abs=1e-5)


def test_the_best_threshold_beats_every_other_on_its_own_part(part: Any) -> None:
    truth, scores = part
    search = ThresholdSearch()
    for start in range(0, len(truth), 400):
        search.add(*np.nonzero(truth[start : start + 400]), scores[start : start + 400])
    threshold, f1 = search.best()
    grid = [sk.f1_score(truth, scores >= t, average="micro") for t in np.linspace(0.01, 0.99, 99)]
    assert f1 >= max(grid) - 1e-4
    at_it = sk.f1_score(truth, scores >= threshold, average="micro")
    assert at_it == pytest.approx(f1, abs=1e-3)


def test_blocks_give_what_the_whole_gives(part: Any, found: Any) -> None:
    truth, scores = part
    tally = MultilabelTally(CLASSES, thresholds=(0.3, 0.5), ks=(1, 3, 5))
    for start in range(0, len(truth), 400):
        tally.add(*flat(truth[start : start + 400]), scores[start : start + 400])
    tally.add(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, CLASSES)))
    again = tally.figures(names_of(CLASSES))
    for key in ("bce", "lrap"):
        assert again.pop(key) == pytest.approx(found[key])
    assert again == {key: value for key, value in found.items() if key not in ("bce", "lrap")}


def test_the_figures_are_json_as_they_are(found: Any) -> None:
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_part_without_any_label_has_figures() -> None:
    found = figures_of([[], []], np.full((2, 3), 0.2), names_of(3))
    assert found["at"][0]["micro_f1"] == 0.0
    assert found["auc"] == {"macro": None, "weighted": None, "classes": 0}
    assert found["lrap"] == 1.0
    assert ThresholdSearch().best() == (0.5, 0.0)


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        ([], np.zeros((0, 3)), "expected at least one example, got none"),
        ([[0]], [[0.5, 0.5]], r"expected scores \(1, 3\) and 1 labels, got \(1, 2\) and 1"),
        ([[3]], [[0.1, 0.2, 0.3]], "labels: expected 0 to 2, got 3 to 3"),
        ([[-1]], [[0.1, 0.2, 0.3]], "labels: expected 0 to 2, got -1 to -1"),
        ([[1, 1]], [[0.1, 0.2, 0.3]], "each label once"),
        ([[1]], [[0.1, 1.2, 0.3]], "scores: expected 0 to 1, got 0.1 to 1.2"),
        ([[1]], [[0.1, np.nan, 0.3]], "scores: expected 0 to 1, got nan to nan"),
    ],
)
def test_what_does_not_fit_is_refused_with_both_sides(
    truth: Any, scores: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        figures_of(truth, scores, names_of(3))
