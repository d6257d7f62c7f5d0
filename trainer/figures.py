"""The figures that a model is known by: which they are for each objective, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.pages import percent, whole

MAIN_FIGURE = {"exclusive": "accuracy", "rule_based": "micro_f1"}
LEARNING = ("loss", "accuracy", "micro_f1")
SPOKEN = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "weighted_f1": "weighted F1",
    "micro_f1": "micro F1",
    "lrap": "LRAP",
    "bce": "binary cross-entropy",
    "auc": "mean AUC",
    "auc_weighted": "mean AUC, weighted",
    "log_loss": "log loss",
    "expected_calibration_error": "calibration error",
    "calibrated_error": "calibration error at the temperature",
    "calibrated_log_loss": "log loss at the temperature",
    "precision_at_1": "precision@1",
    "fit_seconds": "training seconds",
    "titles_per_second": "titles per second",
    "cost_per_million": "cost of a million titles",
}


def flat_figures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the main figures of an evaluation by name, one level deep, less what is not known.

    `metrics` is what `trainer.measure` returned, or its JSON read back. Of several labels a title,
    F1 is that at the best threshold of the valid part, `micro_f1_at_0.5` that at the one that was
    set.
    """
    exclusive = metrics["objective"] == "exclusive"
    found = _of_one_class(metrics) if exclusive else _of_several_labels(metrics)
    calibrated = metrics["calibrated"] or {}
    found |= {
        "auc": metrics["auc"]["macro"],
        "auc_weighted": metrics["auc"]["weighted"],
        "expected_calibration_error": metrics["expected_calibration_error"],
        "temperature": metrics["temperature"],
        "calibrated_error": calibrated.get("expected_calibration_error"),
        "calibrated_log_loss": calibrated.get("log_loss"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _of_one_class(metrics: Mapping[str, Any]) -> dict[str, Any]:
    top = f"top_{metrics['top_k']}_accuracy"
    kept = ("examples", "accuracy", top, "macro_f1", "weighted_f1", "log_loss")
    return {name: metrics[name] for name in kept}


def _of_several_labels(metrics: Mapping[str, Any]) -> dict[str, Any]:
    set_one, best = metrics["at"][0], metrics["at"][-1]
    return {
        "examples": metrics["examples"],
        "micro_f1": best["micro_f1"],
        "macro_f1": best["macro_f1"],
        "weighted_f1": best["weighted_f1"],
        "best_threshold": best["threshold"],
        f"micro_f1_at_{set_one['threshold']:g}": set_one["micro_f1"],
        f"macro_f1_at_{set_one['threshold']:g}": set_one["macro_f1"],
        **{f"precision_at_{k}": share for k, share in metrics["precision_at"].items()},
        "lrap": metrics["lrap"],
        "bce": metrics["bce"],
    }


def tiles_of(metrics: Mapping[str, Any], top_words: str) -> list[dict[str, Any]]:
    """Return the six figures at the head of a report, each with its name in plain words."""
    exclusive = metrics["objective"] == "exclusive"
    rows = _class_tiles(metrics, top_words) if exclusive else _label_tiles()
    values = {**flat_figures(metrics), "examples": metrics["examples"]}
    return [
        {
            "key": key,
            "value": values[key],
            "label": label,
            "text": whole(values[key]) if key == "examples" else percent(values[key]),
            "meaning": meaning,
        }
        for key, label, meaning in rows
        if key in values
    ]


_TESTED = ("examples", "Titles tested", "none of which the model had seen before")


def _class_tiles(metrics: Mapping[str, Any], top_words: str) -> list[tuple[str, str, str]]:
    k = metrics["top_k"]
    return [
        ("accuracy", "On the right shelf", "accuracy: titles whose first answer is right"),
        (
            f"top_{k}_accuracy",
            f"Among the first {top_words}",
            f"top-{k} accuracy: titles whose shelf is among the first {top_words} answers",
        ),
        (
            "expected_calibration_error",
            "Off in its own judgement",
            "calibration error: how far stated probabilities are from the truth; 0% is perfect",
        ),
        (
            "macro_f1",
            "Quality, shelf by shelf",
            "macro F1: a small shelf counts as much as a large one; 100% is perfect",
        ),
        (
            "weighted_f1",
            "Quality, title by title",
            "weighted F1: a shelf counts by the number of its titles; 100% is perfect",
        ),
        _TESTED,
    ]


def _label_tiles() -> list[tuple[str, str, str]]:
    return [
        ("micro_f1", "Quality, label by label", "micro F1: every label counts the same"),
        (
            "macro_f1",
            "Quality, shelf by shelf",
            "macro F1: a small shelf counts as much as a large one; 100% is perfect",
        ),
        (
            "precision_at_1",
            "First answers that are right",
            "precision@1: titles whose likeliest shelf is one of theirs",
        ),
        (
            "lrap",
            "Right before wrong",
            "label ranking average precision: how far up the right shelves stand",
        ),
        ("auc", "Shelves told apart", "mean AUC: 50% is chance, 100% is perfect"),
        _TESTED,
    ]
