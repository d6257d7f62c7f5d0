"""Tell by names and values which column is the category, or which are its parts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.suggest.levels import NO_NAME, Columns, not_twice, numbered_levels, with_levels
from pipelines.suggest.names import CATEGORIES, WEAK_CATEGORIES, by_name, plain
from pipelines.suggest.paths import SEPARATORS, filled, is_number, is_tree, share_of, texts_of

_PIECES = re.compile(r"::|[>»›→|/\\,;]")
_SURE, _WEAK = 1.0, 0.5
_COMES_AGAIN = 0.3  # of the texts of a category this share has been there before, at least


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
    choices += [
        _Choice(not_twice(parts, columns), fits[parts[0]] + named + 0.1)
        for parts, named in numbered_levels(columns)
        if parts[0] in fits
    ]
    if not choices:
        return _by_values_alone(columns, fits)
    best = max(choices, key=lambda choice: choice.score).columns
    if len(best) > 1:
        return best
    return with_levels(best[0], columns, [name for name in names if _named(name) >= _SURE])


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
    return max(0.01, filled(values) * (again - 0.5 * numbers + 0.5 * _share_of_paths(texts)))


def _share_of_paths(texts: Sequence[str]) -> float:
    return max(share_of(mark, texts) for mark in SEPARATORS)


def _named(name: str) -> float:
    """Return more for a name of categories, less where other things are called so as well."""
    score = by_name(name, CATEGORIES)
    if score < _SURE:
        return _WEAK if by_name(name, WEAK_CATEGORIES) >= _SURE else 0.0
    last = plain(re.split(r"[:.@]", name)[-1])
    known = {last, plain(name)} & set(CATEGORIES)
    return score - 0.5 if NO_NAME.search(last) and not known else score


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
