"""Guess by its name and its values what a column is: the title, the category, the id."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.suggest.category_columns import category_columns
from pipelines.suggest.levels import hold_those_above
from pipelines.suggest.names import IDS, SETS, TITLES, by_name, plain
from pipelines.suggest.paths import (
    LABEL_SEPARATORS,
    NUMBER_BEFORE,
    counts_up,
    entities_in,
    have_numbers_before,
    is_tree,
    label_separator_of,
    separator_of,
    texts_of,
    unused_mark,
)
from pipelines.suggest.written_lists import ListRules, list_rules

_DECIMAL = re.compile(r"^\s*\d+[.,]\d+\s*$")
_NEARLY_ALL = 0.95
_LINK = re.compile(r"://|\.(?:jpe?g|png|gif|webp)$")


@dataclass(frozen=True)
class Roles:
    """The columns that are the title, the category, one or its parts, and the id, where found.

    `lists_are_paths` where lists hold the parts of one category; `rename` and `replace` are those
    of the section `categories`.
    """

    title: str
    categories: list[str] = field(default_factory=list)
    separator: str = ">"
    label_separator: str | None = None
    lists_are_paths: bool = False
    rename: list[tuple[str, str]] = field(default_factory=list)
    replace: list[tuple[str, str]] = field(default_factory=list)
    id: str | None = None

    def written(self, text: str) -> str:
        """Return a category as the config has it, but for blanks."""
        for find, letters in self.rename:
            text = text.replace(find, letters)
        for pattern, replacement in self.replace:
            text = re.sub(pattern, replacement, text)
        return text


def roles_of(columns: Mapping[str, Sequence[Any]]) -> Roles | None:
    """Return which columns are what; None where none can be a title."""
    title = _best(columns, TITLES, _like_a_title) or _called(columns, TITLES)
    if title is None:
        return None
    others = {name: values for name, values in columns.items() if name != title}
    categories = category_columns(others)
    rest = {name: values for name, values in others.items() if name not in categories}
    found = Roles(title, categories, id=_best(rest, IDS, _like_an_id))
    return _without_title(_with_marks(found, columns), columns) if categories else found


def _with_marks(roles: Roles, columns: Mapping[str, Sequence[Any]]) -> Roles:
    """Return the roles with what parts levels and categories in the values."""
    raw = [text for name in roles.categories for text in texts_of(columns[name])]
    roles = replace(roles, rename=entities_in(raw))
    if len(roles.categories) > 1:
        return _of_whole_paths(roles, raw) if hold_those_above(roles.categories, columns) else roles
    values = [roles.written(text) for text in raw]
    lists = [value for value in columns[roles.categories[0]] if isinstance(value, list)]
    if any(isinstance(each, list) for value in lists for each in value):
        return replace(roles, separator=unused_mark(values), lists_are_paths=True)
    if lists:
        separator = separator_of(values)
        flat = not any(separator in text for text in values)
        return replace(roles, separator=separator, lists_are_paths=flat and is_tree(lists))
    if written := list_rules(values):
        return _of_written_lists(replace(roles, replace=written.replace), written, values)
    return _of_texts(roles, values)


def _of_texts(roles: Roles, values: Sequence[str]) -> Roles:
    separator, labels = separator_of(values), None
    if separator in LABEL_SEPARATORS and by_name(roles.categories[0], SETS):
        separator, labels = unused_mark(values), separator
    labels = labels or label_separator_of(values, separator)
    numbers = labels is None and have_numbers_before(values, separator)
    rules = [(NUMBER_BEFORE, "")] if numbers else []
    return replace(roles, separator=separator, label_separator=labels, replace=rules)


def _without_title(roles: Roles, columns: Mapping[str, Sequence[Any]]) -> Roles:
    """Leave out the last part of paths that end with the product: `Home > Lamps > Lamp 7`."""
    titles, values = columns[roles.title], columns[roles.categories[0]]
    lists = any(isinstance(value, list) for value in values)
    if len(roles.categories) > 1 or roles.label_separator or lists > roles.lists_are_paths:
        return roles
    pairs = [
        (roles.written(text).split(roles.separator), title)
        for value, title in zip(values, titles, strict=True)
        if (text := roles.separator.join(texts_of([value]))) and title
    ]
    ends = sum(len(path) > 1 and _alike(path[-1], title) for path, title in pairs)
    again = len({title for _, title in pairs}) < len(pairs) / 2
    if not pairs or again or ends < _NEARLY_ALL * len(pairs):
        return roles
    last = (f"^(.*){re.escape(roles.separator)}.*$", r"\1")
    return replace(roles, replace=[*roles.replace, last])


def _alike(text: str, other: str) -> bool:
    return " ".join(text.split()).casefold() == " ".join(other.split()).casefold()


def _of_whole_paths(roles: Roles, raw: Sequence[str]) -> Roles:
    """Return the rules that leave of `Home|Home > Lamps|` what the deepest filled column holds."""
    values = [roles.written(text) for text in raw]
    inner = separator_of(values)
    between = unused_mark(values)
    mark = re.escape(between)
    rules = [(f"({mark})+$", ""), (f"^.*{mark}", ""), (rf"\s*{re.escape(inner)}\s*", between)]
    return replace(roles, separator=between, replace=rules)


def _of_written_lists(roles: Roles, rules: ListRules, values: Sequence[str]) -> Roles:
    mark = rules.label_separator
    parts = [part for text in values for part in (text.split(mark) if mark else [text])]
    separator = rules.separator or separator_of([roles.written(part) for part in parts])
    return replace(roles, separator=separator, label_separator=rules.label_separator)


def _best(columns: Mapping[str, Sequence[Any]], names: tuple[str, ...], like: Any) -> str | None:
    """Return the column whose name and values fit best, if any fits."""
    scores = {
        name: fit + by_name(name, names)
        for name, values in columns.items()
        if (fit := like(values))
    }
    return max(scores, key=lambda name: scores[name]) if scores else None


def _called(columns: Mapping[str, Sequence[Any]], names: tuple[str, ...]) -> str | None:
    """Return the column that is called so itself, whatever its values; the surest name first."""
    by_plain = {plain(name): name for name, values in columns.items() if texts_of(values)}
    return next((by_plain[name] for name in names if name in by_plain), None)


def _like_a_title(values: Sequence[Any]) -> float:
    """Return more for texts of several words that are seldom the same; 0 for what is no title."""
    texts = texts_of(values)
    if not texts or any(isinstance(value, list) for value in values):
        return 0.0
    words = statistics.mean(len(text.split()) for text in texts)
    letters = sum(any(c.isalpha() for c in text) for text in texts) / len(texts)
    unlike = len(set(texts)) / len(texts)
    links = sum(text.startswith(("http://", "https://")) for text in texts) / len(texts)
    if letters < 0.5 or links > 0.5 or (unlike < 0.1 and len(texts) > 50):
        return 0.0
    length = min(words, 12) / 12 if words <= 25 else 0.3  # descriptions have more
    return len(texts) / len(values) * letters * (0.5 * unlike + length)


def _like_an_id(values: Sequence[Any]) -> float:
    """Return more for short texts of which none comes again; little for what counts the rows."""
    texts = texts_of(values)
    if not texts or len(texts) < 0.9 * len(values):
        return 0.0
    unlike = len(set(texts)) / len(texts)
    short = max(map(len, texts)) <= 40 and not any(" " in text.strip() for text in texts)
    if unlike <= 0.95 or not short:
        return 0.0
    other = (
        counts_up(values) or _share_like(_DECIMAL, texts) > 0.5 or _share_like(_LINK, texts) > 0.5
    )
    return 0.01 if other else unlike


def _share_like(pattern: re.Pattern[str], texts: Sequence[str]) -> float:
    return sum(bool(pattern.search(text)) for text in texts) / len(texts)
