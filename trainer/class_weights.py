"""How much each class counts in the loss, by how many training examples it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from configs.errors import UsageError

_POWER = {"balanced": 1.0, "sqrt": 0.5}


def class_weights(
    setting: str | Mapping[str, float],
    names: Sequence[str],
    count: Callable[[], np.ndarray],
) -> np.ndarray | None:
    """Return the weight of each class, float32 [classes], or None where all count the same.

    `balanced` is 1 over the class's share, `sqrt` the square root of that, scaled so that the mean
    over training examples is 1; a class without one weighs 1. A mapping gives weights by name; the
    rest weigh 1. `count`, asked only when needed, returns the training examples of each class.
    """
    if setting == "none":
        return None
    if not isinstance(setting, str):
        return np.array([setting.get(name, 1.0) for name in names], np.float32)
    counts = count().astype(np.float64)
    weights = np.where(counts, np.maximum(counts, 1.0) ** -_POWER[setting], 0.0)
    total = (weights * counts).sum()
    return np.where(counts, weights * counts.sum() / max(total, 1e-30), 1.0).astype(np.float32)


def check_class_names(setting: str | Mapping[str, float], known: Sequence[str]) -> None:
    """Raise `UsageError` if a weight is given to a class that none of the objectives has."""
    if isinstance(setting, str):
        return
    unknown = sorted(set(setting) - set(known))
    if unknown:
        shown = ", ".join(sorted(set(known))[:8])
        raise UsageError(
            f"training.class_weights: no class is called {unknown[0]!r}; the examples have "
            f"{shown}{', …' if len(set(known)) > 8 else ''}"
        )
