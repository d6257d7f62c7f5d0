"""The gate: may a new model take the champion's place? Rules on figures, nothing of files.

A rule that is broken gives a sentence with both sides of it; no sentence, no objection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from configs.schedule import PromotionSettings

Metrics = Mapping[str, Any]

_ROUNDING = 1e-9  # 0.90 - 0.89 is a little more than 0.01


def objections(
    new: Metrics, champion: Metrics, changed: Mapping[str, Any] | None, rules: PromotionSettings
) -> list[str]:
    """Return why the gate stays shut, or nothing.

    `new`, `champion`: what `trainer.metrics.classification_metrics` returned; `changed`: what
    `changed_labels` returned, or None where no reference dump is set.
    """
    found = [*_overall(new, champion, rules), *_categories(new, champion, rules)]
    if changed and changed["share"] > rules.max_changed_labels + _ROUNDING:
        found.append(
            f"{changed['share']:.4f} of the reference dump's labels change "
            f"({changed['changed']:,} of {changed['compared']:,}), allowed are "
            f"{rules.max_changed_labels:.4f} (promotion.max_changed_labels)"
        )
    return found


def _overall(new: Metrics, champion: Metrics, rules: PromotionSettings) -> list[str]:
    before, now = champion[rules.metric], new[rules.metric]
    if before - now <= rules.max_drop + _ROUNDING:
        return []
    sentence = (
        f"{rules.metric} is {now:.4f}, the champion's {before:.4f}: it may fall by "
        f"{rules.max_drop:.4f} (promotion.max_drop)"
    )
    return [sentence]


def _categories(new: Metrics, champion: Metrics, rules: PromotionSettings) -> list[str]:
    """A category that the new model does not know, but the champion does, counts as an F1 of 0."""
    now = {row["name"]: row for row in new["per_class"]}
    found = []
    for before in champion["per_class"]:
        f1 = now.get(before["name"], {}).get("f1", 0.0)
        if (
            before["support"] >= rules.min_category_examples
            and before["f1"] - f1 > rules.max_category_drop + _ROUNDING
        ):
            found.append(
                f"category {before['name']!r}: F1 is {f1:.4f}, the champion's {before['f1']:.4f}: "
                f"it may fall by {rules.max_category_drop:.4f} (promotion.max_category_drop)"
            )
    return found


def changed_labels(before: pa.Table, now: pa.Table) -> dict[str, Any]:
    """Count products whose label differs; both tables have `id` (once each) and `label`.

    >>> changed_labels(pa.table({"id": ["a", "b"], "label": ["x", "x"]}),
    ...                pa.table({"id": ["a", "b"], "label": ["x", "y"]}))
    {'compared': 2, 'changed': 1, 'share': 0.5}
    """
    joined = before.select(["id", "label"]).join(
        now.select(["id", "label"]), "id", join_type="inner", right_suffix="_now"
    )
    changed = pc.sum(pc.not_equal(joined["label"], joined["label_now"])).as_py() or 0
    compared = joined.num_rows
    return {"compared": compared, "changed": changed, "share": changed / max(1, compared)}
