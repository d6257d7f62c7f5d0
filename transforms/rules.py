"""Rules of the analysts on Arrow batches: which rule gives a product its label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.rules import Rule
from transforms.predictions import PREDICTIONS

RULED_PREDICTIONS = PREDICTIONS.append(pa.field("source", pa.string())).append(
    pa.field("rule", pa.string())
)
TOUCHED, CHANGED, OVERRULED, DISAGREE = "touched", "changed", "overruled", "disagree"
MODEL, RULE = "model", "rule"


def apply_rules(
    products: pa.RecordBatch, predictions: pa.RecordBatch, rules: Sequence[Rule], version: str
) -> tuple[pa.RecordBatch, Counter[tuple[str, ...]]]:
    """Give the products that a rule names its label; count what each rule did.

    `products` has `title` and further columns, row by row those of `predictions`. The first of
    `rules` that holds decides: the row's `label` is the rule's, `probability` 1, `source` rule and
    `rule` is `name@version`; `labels` and `probabilities` stay the model's. Counted are, by rule:
    touched, changed (the model had said otherwise), overruled (a rule of more priority decided);
    disagree, by both names: two held that give different labels.
    """
    rows = products.num_rows
    decided = np.full(rows, -1)
    counts: Counter[tuple[str, ...]] = Counter()
    model = predictions.column("label")
    held: list[np.ndarray] = []
    for number, rule in enumerate(rules):
        holds = holds_for(rule, products)
        taken = holds & (decided < 0)
        decided[taken] = number
        told = pc.fill_null(pc.not_equal(model, rule.label), True).to_numpy(zero_copy_only=False)
        counts[TOUCHED, rule.name] += int(taken.sum())
        counts[CHANGED, rule.name] += int((taken & told).sum())
        counts[OVERRULED, rule.name] += int((holds & ~taken).sum())
        for other, also in zip(rules, held, strict=False):
            if other.label != rule.label and (both := int((holds & also).sum())):
                counts[DISAGREE, other.name, rule.name] += both
        held.append(holds)
    return _overridden(predictions, decided, rules, version), +counts


def holds_for(rule: Rule, products: pa.RecordBatch) -> np.ndarray:
    """Tell for each product whether all conditions of the rule hold; bool [n]."""
    title = products.column("title")
    tests = []
    if rule.title_contains is not None:
        tests.append(pc.match_substring(title, rule.title_contains, ignore_case=True))
    if rule.title_matches is not None:
        tests.append(pc.match_substring_regex(title, rule.title_matches))
    for column, value in rule.column_is.items():
        tests.append(pc.equal(pc.cast(products.column(column), pa.string()), value))
    found = np.ones(products.num_rows, bool)
    for test in tests:
        found &= pc.fill_null(test, False).to_numpy(zero_copy_only=False)
    return found


def _overridden(
    predictions: pa.RecordBatch, decided: np.ndarray, rules: Sequence[Rule], version: str
) -> pa.RecordBatch:
    """Lay the labels of the deciding rules over those of the model; add `source` and `rule`."""
    ours = pa.array(decided >= 0)
    which = pa.array(decided, mask=decided < 0)
    labels = pa.array([rule.label for rule in rules], pa.string()).take(which)
    names = pa.array([f"{rule.name}@{version}" for rule in rules], pa.string()).take(which)
    laid = {
        "label": pc.if_else(ours, labels, predictions.column("label")),
        "probability": pc.if_else(
            ours, pa.scalar(1.0, pa.float32()), predictions.column("probability")
        ),
    }
    columns = {name: predictions.column(name) for name in predictions.schema.names} | laid
    columns |= {"source": pc.if_else(ours, RULE, MODEL), "rule": names}
    return pa.RecordBatch.from_pydict(columns)


def report(
    counts: Counter[tuple[str, ...]], rules: Sequence[Rule], version: str
) -> dict[str, object]:
    """Return what each rule did, which never fire, and which disagree with which, how often."""
    did = {
        rule.name: {what: counts[what, rule.name] for what in (TOUCHED, CHANGED, OVERRULED)}
        for rule in rules
    }
    clashes = [key for key in counts if key[0] == DISAGREE]
    return {
        "version": version,
        "rules": did,
        "never_fire": [name for name, done in did.items() if not done[TOUCHED]],
        "disagree": [{"rules": [key[1], key[2]], "rows": counts[key]} for key in sorted(clashes)],
    }
