"""Small, seeded parts of scored examples, as the evaluation gets them: no model behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from configs.settings import EvaluationSettings
from trainer.measure import Block, measure_exclusive, measure_rule_based

SETTINGS = EvaluationSettings()


def exclusive_block(seed: int, examples: int, classes: int, right: float = 0.8) -> Block:
    """Titles of a model that is right in four of five; the last class has no title."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, max(1, classes - 1), examples)
    first = np.where(random.random(examples) < right, labels, (labels + 1) % classes)
    sure = random.uniform(0.55, 1.0, examples).astype(np.float32)
    rest = random.random((examples, classes)).astype(np.float32)
    rest[np.arange(examples), first] = 0.0
    rest *= ((1 - sure) / np.maximum(rest.sum(axis=1), 1e-9))[:, None]
    rest[np.arange(examples), first] = sure if classes > 1 else 1.0
    return Block(titles(random, examples), np.ones(examples, np.int64), labels, rest)


def label_block(seed: int, examples: int, classes: int) -> Block:
    """Titles with one to three labels each, scored well but not perfectly."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, min(3, classes) + 1, examples)
    lists = [np.sort(random.permutation(classes)[:n]) for n in lengths]
    scores = random.beta(1.0, 6.0, (examples, classes))
    for row, labels in enumerate(lists):
        scores[row, labels] = random.beta(3.0, 2.0, len(labels))
    labels = np.concatenate(lists)
    return Block(titles(random, examples), lengths, labels, scores.astype(np.float32))


def titles(random: np.random.Generator, examples: int) -> np.ndarray:
    words = random.integers(1, 40, examples)
    made = [" ".join(["word"] * n + [str(i)]).encode() for i, n in enumerate(words)]
    return np.array(made, object)


def measured(
    classes: int = 5, examples: int = 4000, names: Sequence[str] | None = None, right: float = 0.8
) -> dict[str, Any]:
    """Figures of one class a title."""
    names = names or [f"shelf_{number}" for number in range(classes)]
    parts = [exclusive_block(seed, examples, classes, right) for seed in (4, 5)]
    return measure_exclusive(*([part] for part in parts), names, SETTINGS)[0]


def measured_labels(
    classes: int = 8, examples: int = 1500
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures of several labels a title, and its mistakes."""
    names = [f"node_{number}" for number in range(classes)]
    parts = [label_block(seed, examples, classes) for seed in (4, 5)]
    return measure_rule_based(*([part] for part in parts), names, SETTINGS)


def document(
    metrics: dict[str, Any], model: str, *, run_id: str = "monday", speed: int = 50_000, **more: Any
) -> dict[str, Any]:
    """What `aisle evaluate` would have written of these figures."""
    main = "accuracy" if metrics["objective"] == "exclusive" else "micro_f1"
    context = {
        "name": "toys",
        "level": "main",
        "run_id": run_id,
        "model": model,
        "parameters": 12_345,
        "fit_seconds": 12.5,
        "speed": {"titles_per_second": speed, "titles": 1000, "seconds": 0.1, "cores": 2},
        "baselines": {"majority class": {main: 0.2}, "linear model": {main: 0.5, "seconds": 3.0}},
        "history": [
            {"epoch": epoch, "loss": 1 / epoch, f"val_{main}": 0.1 * epoch} for epoch in (1, 2, 3)
        ],
        "fingerprints": {"transform_fingerprint": "a1b2"},
        **more,
    }
    return {**metrics, "context": context}
