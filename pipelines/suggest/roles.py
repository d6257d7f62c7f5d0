"""Guess by its name and its values what a column is: the title, the category, the id."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.suggest.names import CATEGORIES, IDS, TITLES

_PLACES = {"main": 0, "top": 0, "super": 0, "master": 0, "parent": 0, "": 1, "sub": 2, "subsub": 3}
_SHOP_PLACES = {"department": 0, "aisle": 1, "shelf": 2}
_NUMBERED = re.compile(r"^(.*?\D)[ _.-]?(\d)$")
_SEPARATORS = (">", "»", "›", "::", "|", "/", "\\", ";")
_LABEL_SEPARATORS = ("|", ";", ",")
_PIECES = re.compile(r"[>»›|/,;]")
_COMES_AGAIN = 0.3  # of the texts of a category this share has been there before, at least
_MANY = 3
_USED_BY = 0.2  # a separator stands in this share of the values at least


@dataclass(frozen=True)
class Roles:
    """The columns that are the title, the category, one or its parts, and the id, where found."""

    title: str
    categories: list[str] = field(default_factory=list)
    separator: str = ">"
    label_separator: str | None = None
    id: str | None = None


def roles_of(columns: Mapping[str, Sequence[Any]]) -> Roles | None:
    """Return which columns are what; None where none can be a title."""
    title = _best(columns, TITLES, _like_a_title)
    if title is None:
        return None
    others = {name: values for name, values in columns.items() if name != title}
    categories = _category_columns(others)
    rest = {name: values for name, values in others.items() if name not in categories}
    values = [value for name in categories for value in _texts(columns[name])]
    separator = _separator(values) if len(categories) == 1 else ">"
    labels = None
    if len(categories) == 1 and not any(isinstance(v, list) for v in columns[categories[0]]):
        labels = _label_separator(values, separator)
    return Roles(title, categories, separator, labels, _best(rest, IDS, _like_an_id))


def _best(columns: Mapping[str, Sequence[Any]], names: Sequence[str], like: Any) -> str | None:
    """Return the column whose name and values fit best, if any fits."""
    scores = {
        name: fit + by_name(name, names)
        for name, values in columns.items()
        if (fit := like(values))
    }
    return max(scores, key=lambda name: scores[name]) if scores else None


def plain(name: str) -> str:
    """Return a header without case, blanks and marks: `Product_Type` is `producttype`."""
    return re.sub(r"[\W_]", "", name.casefold())


def by_name(name: str, names: Sequence[str]) -> float:
    """Return 2 to 3 for one of the names, the first most; 1 to 1.5 for what has one in it.

    What stands before a colon or a point may be left out: `g:title`, `product.name`.
    """
    every = {plain(name), plain(re.split(r"[:.]", name)[-1])}
    if known := every & set(names):
        return 3 - min(map(names.index, known)) / len(names)
    found = plain(name)
    inside = [len(each) for each in names if len(each) > 3 and each in found]
    return 1 + max(inside) / (2 * len(found)) if inside else 0.0


def _texts(values: Sequence[Any]) -> list[str]:
    flat = (each for value in values for each in (value if isinstance(value, list) else [value]))
    return [text for text in flat if text and text.strip()]


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[\d.,\s'%€$£]+", text))


def _like_a_title(values: Sequence[Any]) -> float:
    """Return more for texts of several words that are seldom the same; 0 for what is no title."""
    texts = _texts(values)
    if not texts or any(isinstance(value, list) for value in values):
        return 0.0
    words = statistics.mean(len(text.split()) for text in texts)
    letters = sum(any(c.isalpha() for c in text) for text in texts) / len(texts)
    unlike = len(set(texts)) / len(texts)
    links = sum(text.startswith(("http://", "https://")) for text in texts) / len(texts)
    if letters < 0.5 or links > 0.5 or (unlike < 0.1 and len(texts) > 50):
        return 0.0
    length = min(words, 12) / 12 if words <= 40 else 0.3  # descriptions have more
    return len(texts) / len(values) * letters * (0.5 * unlike + length)


def _like_a_category(values: Sequence[Any]) -> float:
    """Return more for few texts that come again; 0 for what says hardly the same twice."""
    texts = _texts(values)
    if len(texts) < 2 or len(set(texts)) < 2:
        return 0.0
    pieces = [piece.strip() for text in texts for piece in _PIECES.split(text)]
    again = 1 - min(len(set(some)) / len(some) for some in (texts, pieces))
    if again < _COMES_AGAIN:
        return 0.0
    numbers = sum(map(_is_number, texts)) / len(texts)
    paths = max(sum(mark in text for text in texts) for mark in _SEPARATORS) / len(texts)
    return max(0.01, len(texts) / len(values) * (again - 0.5 * numbers + 0.5 * paths))


def _like_an_id(values: Sequence[Any]) -> float:
    texts = _texts(values)
    if not texts or len(texts) < 0.9 * len(values):
        return 0.0
    unlike = len(set(texts)) / len(texts)
    short = max(map(len, texts)) <= 40 and not any(" " in text.strip() for text in texts)
    return unlike if unlike > 0.95 and short else 0.0


def _category_columns(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """Return the column of the category, or those that are its parts, from the top down."""
    fits = {name: values for name, values in columns.items() if _like_a_category(values)}
    named = {name: values for name, values in fits.items() if by_name(name, CATEGORIES) >= 1}
    best = _best(named, CATEGORIES, _like_a_category)
    if best is None:
        return []
    if found := _NUMBERED.match(best):
        stem = found[1]
        alike = [name for name in columns if (m := _NUMBERED.match(name)) and m[1] == stem]
        return sorted(alike, key=lambda name: int(_NUMBERED.match(name)[2]))  # type: ignore[index]
    for names in ({f"{part}category": n for part, n in _PLACES.items()}, _SHOP_PLACES):
        places = {name: names.get(plain(name).removesuffix("name")) for name in named}
        if places[best] is not None:
            parts = {name: place for name, place in places.items() if place is not None}
            return sorted(parts, key=parts.__getitem__)
    return [best]


def _separator(values: Sequence[str]) -> str:
    """Return what parts the levels in most values; one that stands in none, where nothing does."""
    shares = Counter({mark: sum(mark in text for text in values) for mark in _SEPARATORS})
    mark, count = max(shares.items(), key=lambda item: (item[1], -_SEPARATORS.index(item[0])))
    return mark if count >= _USED_BY * len(values) else ">"


def _label_separator(values: Sequence[str], separator: str) -> str | None:
    """Return what parts several categories of a record: far more sets than members, or many."""
    sets = len(set(values))
    for mark in _LABEL_SEPARATORS:
        several = sum(mark in text for text in values)
        pieces = {piece.strip() for text in values for piece in text.split(mark)} - {""}
        mean = sum(text.count(mark) + 1 for text in values) / max(1, len(values))
        lists = len(pieces) < sets / 1.5 or mean >= _MANY
        if mark != separator and several >= _USED_BY * len(values) and lists:
            return mark
    return None
