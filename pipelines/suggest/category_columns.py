"""Tell by names and values which column is the category, or which are its parts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pipelines.suggest.names import (
    CATEGORIES,
    LEVELS,
    WEAK_CATEGORIES,
    by_name,
    plain,
)
from pipelines.suggest.paths import SEPARATORS, is_tree, texts_of

_PLACES = {"main": 0, "top": 0, "super": 0, "master": 0, "parent": 0, "": 1, "sub": 2, "subsub": 3}
_SHOP_PLACES = {"department": 0, "aisle": 1, "shelf": 2}
_NUMBERED = re.compile(r"(\D*)(\d)(\D*)")
_PIECES = re.compile(r"[>»›|/,;]")
_SURE, _WEAK = 1.0, 0.5
_NO_NAME = re.compile(r"(id|slug|url|link|code|handle)s?$")
_COMES_AGAIN = 0.3  # of the texts of a category this share has been there before, at least
_MOST = 0.9
Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class _Choice:
    columns: list[str]
    score: float


def category_columns(columns: Columns) -> list[str]:
    """Return the column of the category, or those that are its parts, from the top down.

    Where no name says it, the one whose values are paths, or the only one whose values come again.
    """
    fits = {name: fit for name, values in columns.items() if (fit := like_a_category(values))}
    names = {name: named for name in fits if (named := _named(name))}
    choices = [_Choice([name], fits[name] + named) for name, named in names.items()]
    choices += _numbered(columns, fits)
    if not choices:
        return _by_values_alone(columns, fits)
    best = max(choices, key=lambda choice: choice.score).columns
    return best if len(best) > 1 else _with_its_parts(best[0], columns, list(names))


def like_a_category(values: Sequence[Any]) -> float:
    """Return more for few texts that come again; 0 for what says hardly the same twice."""
    texts = texts_of(values)
    if len(texts) < 2 or len(set(texts)) < 2:
        return 0.0
    pieces = [piece.strip() for text in texts for piece in _PIECES.split(text)]
    again = 1 - min(len(set(some)) / len(some) for some in (texts, pieces))
    if again < _COMES_AGAIN:
        return 0.0
    numbers = sum(map(is_number, texts)) / len(texts)
    filled = sum(bool(texts_of([value])) for value in values) / len(values)
    return max(0.01, filled * (again - 0.5 * numbers + 0.5 * _share_of_paths(texts)))


def is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[\d.,\s'%€$£]+", text))


def _share_of_paths(texts: Sequence[str]) -> float:
    return max(_share_of(mark, texts) for mark in SEPARATORS)


def _share_of(mark: str, texts: Sequence[str]) -> float:
    return sum(mark in text for text in texts) / len(texts)


def _named(name: str) -> float:
    """Return more for a name of categories, less where other things are called so as well."""
    score = by_name(name, CATEGORIES)
    if score < _SURE:
        return _WEAK if by_name(name, WEAK_CATEGORIES) >= _SURE else 0.0
    last = plain(re.split(r"[:.@]", name)[-1])
    known = {last, plain(name)} & set(CATEGORIES)
    return score - 0.5 if _NO_NAME.search(last) and not known else score


def _numbered(columns: Columns, fits: Mapping[str, float]) -> list[_Choice]:
    """Return the columns that differ in one digit, which is the level: `Category 2`, `lvl0`."""
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for name in columns:
        if found := _NUMBERED.fullmatch(name):
            key = (found[1].casefold(), found[3].casefold())
            groups.setdefault(key, {})[int(found[2])] = name
    choices = []
    for (before, behind), by_level in groups.items():
        levels = sorted(by_level)
        parts = [by_level[level] for level in levels]
        named = _named_levels(f"{before} {behind}", columns[parts[0]])
        whole = len(levels) > 1 and levels == list(range(levels[0], levels[0] + len(levels)))
        if whole and levels[0] < 2 and named and parts[0] in fits:
            choices.append(_Choice(_not_twice(parts, columns), fits[parts[0]] + named + 0.1))
    return choices


def _named_levels(stem: str, values: Sequence[Any]) -> float:
    if score := by_name(stem.strip(), CATEGORIES):
        return score
    words = {plain(word) for word in re.split(r"[\W_]+", stem)}
    numbers = any(map(is_number, texts_of(values)))
    return 2.0 if words & {*LEVELS, *CATEGORIES} and not numbers else 0.0


def _not_twice(parts: list[str], columns: Columns) -> list[str]:
    """Return the deepest level that most records have, where each holds those above it as well."""
    for above, below in pairwise(parts):
        both = zip(columns[above], columns[below], strict=True)
        pairs = [(up, down) for up, down in both if isinstance(up, str) and isinstance(down, str)]
        if not pairs or not all(down.startswith(up) and down != up for up, down in pairs if down):
            return parts
    full = [name for name in parts if _filled(columns[name]) >= _MOST]
    return full[-1:] or parts[:1]


def _filled(values: Sequence[Any]) -> float:
    return sum(bool(texts_of([value])) for value in values) / max(1, len(values))


def _with_its_parts(best: str, columns: Columns, named: Sequence[str]) -> list[str]:
    """Return the category with the columns that stand above or below it, by name or by value."""
    for names in ({f"{part}category": n for part, n in _PLACES.items()}, _SHOP_PLACES):
        places = {name: names.get(plain(name).removesuffix("name")) for name in named}
        if places.get(best) is not None:
            parts = {name: place for name, place in places.items() if place is not None}
            return sorted(parts, key=parts.__getitem__)
    return _chain(best, columns, named)


def _chain(best: str, columns: Columns, named: Sequence[str]) -> list[str]:
    """Return named columns of which each is coarser than the next and follows from it.

    `Segment, Family, Class`: where a record's class is known, so is its family.
    """
    distinct = {
        name: set(columns[name])
        for name in named
        if _named(name) >= _SURE and _plain_texts(columns[name])
    }
    if best not in distinct:
        return [best]
    order = sorted(distinct, key=lambda name: len(distinct[name]))
    chain = [best]
    for name in reversed(order[: order.index(best)]):
        if _follows(columns[name], columns[chain[0]]):
            chain.insert(0, name)
    for name in order[order.index(best) + 1 :]:
        if _follows(columns[chain[-1]], columns[name]):
            chain.append(name)
    return chain


def _plain_texts(values: Sequence[Any]) -> bool:
    """Tell whether there are names alone in most records: no paths, no lists, no numbers."""
    texts = texts_of(values)
    if not texts or any(isinstance(value, list) for value in values):
        return False
    numbers = any(map(is_number, texts))
    parted = _share_of(",", texts) + _share_of_paths(texts)
    return _filled(values) >= _MOST and not numbers and parted < 1 - _MOST


def _follows(upper: Sequence[Any], lower: Sequence[Any]) -> bool:
    pairs = len(set(zip(upper, lower, strict=True)))
    return len(set(upper)) < len(set(lower)) and pairs == len(set(lower))


def _by_values_alone(columns: Columns, fits: Mapping[str, float]) -> list[str]:
    like = [name for name in fits if not any(map(is_number, texts_of(columns[name])))]
    paths = [name for name in like if _are_paths(texts_of(columns[name]))]
    if len(paths) == 1 or len(like) == 1:
        return paths or like
    return []


def _are_paths(texts: Sequence[str]) -> bool:
    links = any("://" in text for text in texts)
    return not links and any(
        is_tree([text.split(mark) for text in set(texts)]) for mark in SEPARATORS
    )
