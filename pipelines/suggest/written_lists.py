"""Lists that stand in columns of text as programs write them: `['Men', 'Shoes']`, `["Toys"]`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.suggest.paths import is_tree

_LIST = re.compile(r"\s*\[.*\]\s*", re.DOTALL)
_BRACKETS = r"""^\s*\[*\s*["']?|["']?\s*\]*\s*$"""
_BETWEEN = r"""["']\s*,\s*["']"""
_LISTS = re.compile(r"\]\s*,\s*\[")
_PATH_MARKS = (">", "|", "/", "::")
_MOST = 0.8


@dataclass(frozen=True)
class ListRules:
    """What makes the categories of a list that is written as text.

    `separator` is None where the parts of a list are no path.
    """

    replace: list[tuple[str, str]]
    separator: str | None = None
    label_separator: str | None = None


def list_rules(values: Sequence[str]) -> ListRules | None:
    """Return the rules for values of which most are lists; None where they are not."""
    listed = [text for text in values if _LIST.fullmatch(text)]
    if not listed or len(listed) < _MOST * len(values):
        return None
    strip = [(_BRACKETS, "")]
    outer = Counter(found for text in listed for found in _LISTS.findall(text))
    inner = [re.split(_BETWEEN, re.sub(_BRACKETS, "", text)) for text in listed]
    if outer or is_tree(inner):
        mark = next(mark for mark in _PATH_MARKS if not any(mark in text for text in listed))
        labels = outer.most_common(1)[0][0] if outer else None
        return ListRules([*strip, (_BETWEEN, mark)], mark, labels)
    between = Counter(found for text in listed for found in re.findall(_BETWEEN, text))
    return ListRules(strip, None, between.most_common(1)[0][0] if between else None)
