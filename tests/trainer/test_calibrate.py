"""Temperature scaling finds the temperature that was there, and leaves the answers alone."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from trainer.breakdowns import accuracy_by_class_size, accuracy_by_words, words_of
from trainer.calibrate import (
    fit_label_temperature,
    fit_temperature,
    log_losses,
    tempered,
    tempered_labels,
)
from trainer.metrics import calibration

TOO_SURE = 2.5


@pytest.fixture(scope="module")
def exclusive() -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from the true probabilities, and what a model 2.5 times too sure says."""
    random = np.random.default_rng(8)
    logits = random.normal(size=(20_000, 6)) * 1.5
    true = softmax(logits, axis=1)
    labels = (random.random(20_000)[:, None] < true.cumsum(axis=1)).argmax(axis=1)
    return labels, softmax(TOO_SURE * logits, axis=1).astype(np.float32)


def test_the_temperature_of_a_model_that_is_too_sure_is_found(
    exclusive: tuple[np.ndarray, np.ndarray],
) -> None:
    labels, said = exclusive
    temperature = fit_temperature(said, labels)
    assert temperature == pytest.approx(TOO_SURE, rel=0.05)
    mended = tempered(said, temperature)
    np.testing.assert_allclose(mended.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(mended.argmax(axis=1), said.argmax(axis=1))
    right = said.argmax(axis=1) == labels
    before, after = (calibration(p.max(axis=1), right, 15) for p in (said, mended))
    assert after["expected_calibration_error"] < before["expected_calibration_error"] / 5
    assert log_losses(mended, labels).mean() < log_losses(said, labels).mean()


def test_log_losses_are_those_of_scikit_learn(exclusive: tuple[np.ndarray, np.ndarray]) -> None:
    labels, said = exclusive
    expected = log_loss(labels, said)
    assert log_losses(said, labels).mean() == pytest.approx(expected, rel=1e-5)


def test_no_other_temperature_does_better(exclusive: tuple[np.ndarray, np.ndarray]) -> None:
    labels, said = exclusive
    best = fit_temperature(said, labels)
    losses = [log_losses(tempered(said, t * best), labels).mean() for t in (0.95, 1.0, 1.05)]
    assert losses[1] == min(losses)


def test_labels_of_their_own_probability_get_one_temperature() -> None:
    random = np.random.default_rng(2)
    logits = random.normal(size=(5000, 8)) - 1
    truth = random.random(logits.shape) < 1 / (1 + np.exp(-logits))
    said = (1 / (1 + np.exp(-TOO_SURE * logits))).astype(np.float32)
    temperature = fit_label_temperature(said, *np.nonzero(truth))
    assert temperature == pytest.approx(TOO_SURE, rel=0.05)
    np.testing.assert_allclose(
        tempered_labels(said, TOO_SURE), 1 / (1 + np.exp(-logits)), atol=1e-4
    )


def test_probabilities_of_nought_and_one_have_a_temperature() -> None:
    said = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], np.float32)
    labels = np.array([0, 1, 1])
    assert np.isfinite(fit_temperature(said, labels))
    assert np.isfinite(tempered(said, 3.0)).all()
    assert np.isfinite(log_losses(said, labels)).all()
    assert np.isfinite(fit_label_temperature(said, np.arange(3), labels))


def test_accuracy_by_words_covers_every_title() -> None:
    words = words_of([b"one", b"a b c", b"a  b c d", b" ".join([b"w"] * 40)])
    assert words.tolist() == [1, 3, 4, 40]
    rows = accuracy_by_words(words, np.array([True, True, False, False]))
    assert rows == [
        {"low": 1, "high": 2, "titles": 1, "accuracy": 1.0},
        {"low": 3, "high": 4, "titles": 2, "accuracy": 0.5},
        {"low": 31, "high": None, "titles": 1, "accuracy": 0.0},
    ]


def test_accuracy_by_class_size_weighs_a_class_by_its_titles() -> None:
    rows = accuracy_by_class_size(np.array([2, 20, 12, 0]), np.array([0.5, 0.5, 1.0, 0.0]))
    assert rows == [
        {"low": 1, "high": 2, "titles": 2, "accuracy": 0.5, "classes": 1},
        {"low": 10, "high": 29, "titles": 32, "accuracy": 22 / 32, "classes": 2},
    ]
