"""Columns that are the levels of one path: `Department, Category, Class`, `lvl0, lvl1`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pipelines.suggest.names import (
    CATEGORIES,
    LEVELS,
    by_name,
    is_of_an_attribute,
    place_of,
    plain,
)
from pipelines.suggest.paths import SEPARATORS, filled, is_number, share_of, texts_of

_NUMBERED = re.compile(r"(\D*)(\d)(\D*)")
NO_NAME = re.compile(r"(id|slug|url|link|code|handle)s?$")
_MOST, _FEW = 0.9, 0.1
_CROSSED = 0.3  # of the pairs that two columns could make beyond a tree's, at most
_TWICE = 0.25  # so many of the lower names may stand below two
_MOST_PARTED = 0.5  # names may hold a comma: `Kitchen, Dining`; lists and paths mostly do
Columns = Mapping[str, Sequence[Any]]


def numbered_levels(columns: Columns) -> list[tuple[list[str], float]]:
    """Return columns that differ in one digit, which is the level, and what their name says.

    `Category 1, Category 2` or `lvl0, lvl1`.
    """
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for name in columns:
        if found := _NUMBERED.fullmatch(name):
            key = (found[1].casefold(), found[3].casefold())
            groups.setdefault(key, {})[int(found[2])] = name
    found_levels = []
    for (before, behind), by_level in groups.items():
        levels = sorted(by_level)
        parts = [by_level[level] for level in levels]
        named = _named_levels(f"{before} {behind}", columns[parts[0]])
        whole = len(levels) > 1 and levels == list(range(levels[0], levels[0] + len(levels)))
        if whole and levels[0] < 2 and named:
            found_levels.append((parts, named))
    return found_levels


def _named_levels(stem: str, values: Sequence[Any]) -> float:
    if score := by_name(stem.strip(), CATEGORIES):
        return score
    words = {plain(word) for word in re.split(r"[\W_]+", stem)}
    numbers = any(map(is_number, texts_of(values)))
    return 2.0 if words & {*LEVELS, *CATEGORIES} and not numbers else 0.0


def hold_those_above(parts: Sequence[str], columns: Columns) -> bool:
    """Tell whether each level holds those above it as well: `Home`, `Home > Lamps`."""
    for above, below in pairwise(parts):
        both = zip(columns[above], columns[below], strict=True)
        pairs = [(texts_of([up]), text) for up, down in both for text in texts_of([down])]
        if not pairs or not all(_begins_with_one(text, ups) for ups, text in pairs):
            return False
    return len(parts) > 1


def _begins_with_one(text: str, tops: Sequence[str]) -> bool:
    return any(text.startswith(top) and text != top for top in tops)


def not_twice(parts: list[str], columns: Columns) -> list[str]:
    """Return of levels that hold those above them the deepest alone, where it says it all.

    Where not all records are so deep, they are all needed. Where a record has several on a level,
    as several columns cannot, that level is taken which most records have.
    """
    shares = {name: share for name in parts if (share := filled(columns[name]))}
    if not hold_those_above([*shares], columns):
        return parts
    parts = [*shares]
    values = (value for name in parts for value in columns[name])
    several = any(isinstance(value, list) and len(texts_of(value)) > 1 for value in values)
    least = (_MOST if several else 1) * shares[parts[0]]
    if several or shares[parts[-1]] >= least:
        return [name for name in parts if shares[name] >= least][-1:]
    return parts


def with_levels(best: str, columns: Columns, named: Sequence[str]) -> list[str]:
    """Return the category with the columns that stand above or below it, from the top down.

    `named` are the columns that are called like categories. Where a name stands below two others,
    as `Shoes` below `Men` and below `Women`, it is the names that tell, or that few of the pairs
    are there that could be.
    """
    levels = [name for name in named if _may_be_level(name, columns[name])]
    if best not in levels:
        return [best]
    order = _from_the_top(levels, columns)
    place = order.index(best)
    found = [best]
    for name in reversed(order[:place]):
        if _stands_above(columns, name, found[0], below=found):
            found.insert(0, name)
    for name in order[place + 1 :]:
        if _stands_above(columns, found[-1], name, below=[name], path=found):
            found.append(name)
    return not_twice(found, columns)


def _may_be_level(name: str, values: Sequence[Any]) -> bool:
    """Tell whether there are names alone in most records: no lists, no numbers, hardly a path."""
    texts = texts_of(values)
    if not texts or any(isinstance(value, list) for value in values) or is_of_an_attribute(name):
        return False
    if NO_NAME.search(plain(re.split(r"[:.@]", name)[-1])):
        return False
    numbers = sum(map(is_number, texts)) / len(texts)
    parted = max(share_of(mark, texts) for mark in (",", *SEPARATORS))
    return numbers < _FEW and parted < _MOST_PARTED


def _from_the_top(levels: Sequence[str], columns: Columns) -> list[str]:
    """Return levels in the order of their names, of what follows from what, or of the file."""
    if _is_above(columns, levels[-1], levels[0]):
        levels = levels[::-1]
    order: list[str] = []
    for name in levels:
        places = (n for n, other in enumerate(order) if _is_above(columns, name, other))
        order.insert(next(places, len(order)), name)
    return order


def _is_above(columns: Columns, name: str, other: str) -> bool:
    if (by_word := _places_apart(name, other)) is not None:
        return by_word > 0
    pairs = _pairs(columns[name], columns[other])
    uppers, lowers = _distinct(pairs)
    return uppers < lowers and len(pairs) <= (1 + _TWICE) * lowers


def _places_apart(upper: str, lower: str) -> int | None:
    """Return how many levels names say to lie between: 1 for `category` and `sub category`."""
    above, below = place_of(upper), place_of(lower)
    if above is None or below is None or above[0] != below[0] or above[1] == below[1]:
        return None
    return below[1] - above[1]


def _stands_above(
    columns: Columns, upper: str, lower: str, below: Sequence[str], path: Sequence[str] = ()
) -> bool:
    """Tell whether a column is the level above another, and says what that does not."""
    under = [*map(any, zip(*(_are_filled(columns[name]) for name in below), strict=True))]
    both = sum(a and b for a, b in zip(_are_filled(columns[upper]), under, strict=True))
    if not both or both < _MOST * sum(under):
        return False
    if (_places_apart(upper, lower) or 0) > 0:
        return True
    if any(_are_the_same(columns[name], columns[lower]) for name in path or [upper]):
        return False
    if place_of(upper) and place_of(lower):
        return True
    pairs = _pairs(_joined(columns, path or [upper]), columns[lower])
    uppers, lowers = _distinct(pairs)
    return bool(pairs) and len(pairs) - lowers <= _CROSSED * lowers * (uppers - 1)


def _are_the_same(values: Sequence[Any], others: Sequence[Any]) -> bool:
    """Tell whether two columns say the same in other words, where both say something."""
    pairs = _pairs(values, others)
    return {*_distinct(pairs)} == {len(pairs)}


def _distinct(pairs: set[tuple[Any, Any]]) -> tuple[int, int]:
    """Return how many uppers and how many lowers there are in pairs."""
    return len({up for up, _ in pairs}), len({low for _, low in pairs})


def _pairs(uppers: Iterable[Any], lowers: Iterable[Any]) -> set[tuple[Any, Any]]:
    """Return which values stand together, where both are there."""
    return {(up, low) for up, low in zip(uppers, lowers, strict=True) if up and low}


def _joined(columns: Columns, names: Sequence[str]) -> list[Any]:
    rows = zip(*(columns[name] for name in names), strict=True)
    return [tuple(row) if any(row) else None for row in rows]


def _are_filled(values: Sequence[Any]) -> list[bool]:
    return [bool(texts_of([value])) for value in values]
