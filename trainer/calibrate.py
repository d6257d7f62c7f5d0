"""Temperature scaling: one number, fitted on the valid part, that makes a model as sure as right.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4.2. The order of the
answers, and so the accuracy, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, logsumexp

from trainer.metrics import Floats, Ints
from trainer.multilabel_metrics import SMALLEST

BOUNDS = (0.05, 20.0)
_TINY = float(np.finfo(np.float32).tiny)


def fit_temperature(probabilities: NDArray[Any], labels: Ints) -> float:
    """Return the temperature of lowest mean negative log-likelihood, for an exclusive objective.

    probabilities: float [n, classes], rows that add to 1, any softmax's; labels: int [n].
    Above 1 the model was too sure. It is sought between 0.05 and 20.
    """
    logs = np.log(np.maximum(probabilities, _TINY))
    own = logs[np.arange(len(labels)), labels].astype(np.float64)

    def loss(temperature: float) -> float:
        return float(np.mean(logsumexp(logs / np.float32(temperature), axis=1) - own / temperature))

    return _lowest(loss)


def fit_label_temperature(probabilities: NDArray[Any], rows: Ints, labels: Ints) -> float:
    """Return the temperature of lowest mean binary cross-entropy, for independent labels.

    probabilities: float [n, classes], each label's own; row `rows[i]` has the label `labels[i]`.
    """
    logits = _logits(probabilities)
    own = float(logits[rows, labels].sum(dtype=np.float64))

    def loss(temperature: float) -> float:
        scaled = np.logaddexp(np.float32(0), logits / np.float32(temperature))
        return (float(scaled.sum(dtype=np.float64)) - own / temperature) / logits.size

    return _lowest(loss)


def tempered(probabilities: NDArray[Any], temperature: float) -> Floats:
    """Return softmax(log p / temperature) of each row [n, classes]."""
    logs = np.log(np.maximum(probabilities, _TINY)) / np.float32(temperature)
    logs -= logs.max(axis=1, keepdims=True)
    odds = np.exp(logs)
    return odds / odds.sum(axis=1, keepdims=True)


def tempered_labels(probabilities: NDArray[Any], temperature: float) -> Floats:
    """Return sigmoid(logit p / temperature) of each probability."""
    return expit(_logits(probabilities) / np.float32(temperature))


def log_losses(probabilities: NDArray[Any], labels: Ints) -> NDArray[np.float64]:
    """Return -log of each row's probability of its own class [n], in nats; clipped to 1.2e-7."""
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(own, SMALLEST, 1.0))


def _logits(probabilities: NDArray[Any]) -> Floats:
    return logit(np.clip(probabilities, SMALLEST, 1 - SMALLEST).astype(np.float32, copy=False))


def _lowest(loss: Callable[[float], float]) -> float:
    """Return the temperature of lowest loss, to a thousandth; the loss has one valley."""
    low, high = np.log(BOUNDS)
    found = minimize_scalar(
        lambda exponent: loss(float(np.exp(exponent))),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-3},
    )
    return float(np.exp(found.x))
