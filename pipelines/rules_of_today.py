"""The rules of the analysts as a prediction takes them: those in force today, and what is told."""

from __future__ import annotations

import datetime
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from configs.columns import ColumnFeatures
from configs.errors import UsageError
from configs.rules import RuleBook, load_rules
from pipelines.likeness import in_words, labels_like
from transforms.rules import report

_SHOWN_CHARACTERS, _SHOWN_RULES = 200, 10


@dataclass(frozen=True)
class RulesOfToday:
    """`book` holds the rules in force, the first to decide first; `expired` names the others."""

    book: RuleBook
    expired: list[str]

    def unknown_labels(self, known: Sequence[str]) -> list[dict[str, Any]]:
        """Return of each rule whose label is none of `known` its name, the label and those like it.

        `{"rule": "typo", "label": "Knive", "like": ["Knives"]}`.
        """
        labels = set(known)
        return [
            {"rule": rule.name, "label": rule.label, "like": labels_like(rule.label, known)}
            for rule in self.book.rules
            if rule.label not in labels
        ]

    def report(self, counts: dict[str, int], unknown: Sequence[Any]) -> dict[str, Any]:
        """Return what each rule did, of the counts of a prediction, and what is wrong with some."""
        named = ((key.split(":"), count) for key, count in counts.items())
        of_rules = {tuple(key[1:]): count for key, count in named if key[0] == "rule"}
        told = report(Counter(of_rules), self.book.rules, self.book.version)
        return {**told, "unknown_labels": list(unknown), "expired": self.expired}


def rules_of_today(path: str, features: ColumnFeatures) -> RulesOfToday:
    """Read the rules; raise `UsageError` for a column that is not read."""
    book = load_rules(path)
    for rule in book.rules:
        for column in rule.column_is:
            if column not in features:
                raise UsageError(
                    f"rule {rule.name!r}: column_is names {column!r}, but the model reads only "
                    f"{sorted(features) or 'the title'}; name it in features.columns and train"
                )
    today = datetime.datetime.now(datetime.UTC).date()
    in_force = book.in_force(today)
    expired = [rule.name for rule in book.rules if rule not in in_force]
    return RulesOfToday(book.model_copy(update={"rules": in_force}), expired)


def warn_of_unknown(unknown: Sequence[dict[str, Any]]) -> None:
    """Say which rules give a label that the model does not know: it may be new, or mistyped."""
    for one in unknown[:_SHOWN_RULES]:
        sys.stderr.write(
            f"aisle predict: the rule {one['rule']} gives {one['label'][:_SHOWN_CHARACTERS]!r}, a "
            f"label that the model does not know ({in_words(one['like'])}); if it is mistyped, "
            "correct it in dump.rules and predict again\n"
        )
    if (more := len(unknown) - _SHOWN_RULES) > 0:
        sys.stderr.write(f"aisle predict: so do {more} more rules; rules.json names them\n")
