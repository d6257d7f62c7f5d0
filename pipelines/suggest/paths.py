"""Tell from the values of a category how its levels, and several categories, are parted."""

from __future__ import annotations

import html
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

SEPARATORS = (">", "»", "›", "→", "::", "|", "/", "\\", ";")
_MAYBE_SEPARATORS = (",", " - ", "_", "-", ":", ".")  # where what they part is a tree
LABEL_SEPARATORS = ("|", ";", ",")
_MANY = 3
_USED_BY = 0.2  # a separator stands in this share of the values at least
_MOST = 0.8
_FEW = 0.1
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d+);")
_NUMBER_BEFORE = re.compile(r"^\d+\s*[-:]\s+(?=\D)")
NUMBER_BEFORE = r"^\d+\s*[-:]\s+"


def texts_of(values: Sequence[Any]) -> list[str]:
    """Return the texts that are not empty, those of lists, and of lists in these, one by one."""
    flat: list[str] = []
    for value in values:
        flat += texts_of(value) if isinstance(value, list) else [value]
    return [text for text in flat if text and text.strip()]


def filled(values: Sequence[Any]) -> float:
    """Return the share of records that have a text."""
    return sum(bool(texts_of([value])) for value in values) / max(1, len(values))


def is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[\d.,\s'%€$£]+", text))


def counts_up(values: Sequence[Any]) -> bool:
    """Tell whether a column numbers the records in their order, from 0 or 1 on, without gaps.

    Records from several places of a file stand in turns: those of the first are looked at.
    """
    texts = [value.strip() if isinstance(value, str) else "" for value in values]
    if (
        len(texts) < 2
        or texts[0] not in ("0", "1")
        or (then := str(int(texts[0]) + 1)) not in texts
    ):
        return False
    turns = texts.index(then)
    first = texts[: turns * (len(texts) // turns // 2 + 1) : turns] if turns > 1 else texts
    return len(first) > 1 and first == [str(int(texts[0]) + n) for n in range(len(first))]


def share_of(mark: str, texts: Sequence[str]) -> float:
    return sum(mark in text for text in texts) / len(texts)


def separator_of(values: Sequence[str]) -> str:
    """Return what parts the levels in most values; one that stands in none, where nothing does."""
    shares = Counter({mark: sum(mark in text for text in values) for mark in SEPARATORS})
    mark, count = max(shares.items(), key=lambda item: (item[1], -SEPARATORS.index(item[0])))
    if count >= _USED_BY * len(values):
        return mark
    paths = set(values)
    trees = (mark for mark in _MAYBE_SEPARATORS if is_tree([text.split(mark) for text in paths]))
    return next(trees, ">")


def unused_mark(values: Sequence[str]) -> str:
    """Return a separator that stands in none of the values."""
    marks = itertools.chain(SEPARATORS, ("|" * count for count in itertools.count(2)))
    return next(mark for mark in marks if not any(mark in text for text in values))


def is_tree(paths: Sequence[Sequence[str]]) -> bool:
    """Tell whether lists are paths from the top down, and not sets of names.

    Most have several parts, fewer tops than paths, and a part stands below one other only, or tops
    stand on top only: `[[Men, Shoes], [Men, Tops], [Women, Shoes]]`.
    """
    trimmed = {tuple(part.strip() for part in path if part.strip()) for path in paths}
    distinct = trimmed - {()}
    tops = {path[0] for path in distinct}
    below = {pair for path in distinct for pair in pairwise(path)}
    lower = {part for _, part in below}
    deep = sum(len(path) > 1 for path in distinct)
    if len(distinct) < 2 or deep < _MOST * len(distinct) or len(tops) > 0.7 * len(distinct):
        return False
    return len(below) <= 1.5 * len(lower) or len(tops & lower) <= _FEW * len(tops)


def labels_in(text: str, mark: str) -> list[str]:
    """Return what stands between marks; one behind a backslash is text."""
    return re.split(rf"(?<!\\){re.escape(mark)}", text)


def label_separator_of(values: Sequence[str], separator: str) -> str | None:
    """Return what parts several categories of a record.

    Far more sets than members, or many in each; or paths, each from a known top: `A/b;A/c`.
    """
    sets = len(set(values))
    for mark in LABEL_SEPARATORS:
        several = sum(len(labels_in(text, mark)) > 1 for text in values)
        if mark == separator or several < _USED_BY * len(values):
            continue
        parted = [labels_in(text, mark) for text in values]
        pieces = {piece.strip() for labels in parted for piece in labels} - {""}
        mean = sum(map(len, parted)) / max(1, len(values))
        lists = len(pieces) < sets / 1.5 or mean >= _MANY
        if lists or _begin_at_tops(values, mark, separator):
            return mark
    return None


def _begin_at_tops(values: Sequence[str], mark: str, separator: str) -> bool:
    """Tell whether behind a mark a path begins, in most of a catalogue's values of several."""
    if not any(separator in text for text in values):
        return False
    tops = {labels_in(text, mark)[0].split(separator)[0].strip() for text in values}
    behind = [piece for text in values for piece in labels_in(text, mark)[1:] if piece.strip()]
    known = sum(piece.split(separator)[0].strip() in tops for piece in behind)
    return known >= _MOST * len(behind)


def entities_in(values: Sequence[str]) -> list[tuple[str, str]]:
    """Return the entities of HTML that stand in values, and the letters that they mean."""
    found = dict.fromkeys(entity for text in values for entity in _ENTITY.findall(text))
    meant = [(entity, html.unescape(entity)) for entity in found if html.unescape(entity) != entity]
    return sorted(meant, key=lambda pair: pair[1] == "&")  # last, or `&amp;gt;` were two


def have_numbers_before(values: Sequence[str], separator: str) -> bool:
    """Tell whether before paths stands a number that is theirs alone: `166 - Clothing > Shoes`."""
    distinct = set(values)
    numbered = sum(bool(_NUMBER_BEFORE.match(text)) for text in distinct)
    if numbered < _MOST * len(distinct) or not any(separator in text for text in distinct):
        return False
    tops = {text.split(separator)[0].strip() for text in distinct}
    return len({_NUMBER_BEFORE.sub("", top) for top in tops}) < len(tops)
