"""The gate's rules: each objection names both sides and the key that allows more."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from configs.schedule import PromotionSettings
from pipelines.promotion import changed_labels, objections

RULES = PromotionSettings(
    max_drop=0.01, max_category_drop=0.05, min_category_examples=10, max_changed_labels=0.2
)


def metrics(accuracy: float, **f1: float) -> dict[str, Any]:
    shelves = [{"name": name, "f1": value, "support": 20} for name, value in f1.items()]
    return {"accuracy": accuracy, "per_class": shelves}


@pytest.mark.parametrize(
    ("new", "share", "words"),
    [
        (metrics(0.89, toys=0.8), 0.2, []),
        (metrics(0.95, toys=0.76), None, []),
        (metrics(0.88, toys=0.8), 0.0, ["accuracy is 0.8800, the champion's 0.9000"]),
        (metrics(0.9, toys=0.74), 0.0, ["category 'toys': F1 is 0.7400, the champion's 0.8000"]),
        (metrics(0.9), 0.0, ["category 'toys': F1 is 0.0000"]),
        (metrics(0.9, toys=0.8), 0.3, ["0.3000 of the reference dump's labels change"]),
        (metrics(0.5, toys=0.1), 0.9, ["accuracy", "category 'toys'", "reference dump"]),
    ],
)
def test_rules(new: dict[str, Any], share: float | None, words: list[str]) -> None:
    changed = None
    if share is not None:
        changed = {"compared": 10, "changed": round(10 * share), "share": share}
    found = objections(new, metrics(0.9, toys=0.8), changed, RULES)
    assert len(found) == len(words)
    for said, word in zip(found, words, strict=True):
        assert word in said
        assert "(promotion." in said


def test_a_category_with_few_titles_shuts_no_gate() -> None:
    champion = metrics(0.9, toys=0.8)
    champion["per_class"][0]["support"] = 9
    assert objections(metrics(0.9, toys=0.0), champion, None, RULES) == []


def test_changed_labels_are_counted_over_products_of_both() -> None:
    before = pa.table({"id": ["a", "b", "c"], "label": ["x", "x", "x"]})
    now = pa.table({"id": ["c", "b", "d"], "label": ["x", "y", "y"]})
    assert changed_labels(before, now) == {"compared": 2, "changed": 1, "share": 0.5}
