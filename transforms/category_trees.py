"""A tree of categories that is given as a table, and the paths of names in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# A path is looked up a level at a time. What is deeper is no tree of categories: another column was
# taken for the parent's, as that of the row before.
_MOST_LEVELS = 100
_SHOWN = 5
_NOWHERE = -1
_WHOLE = r"^(-?\d+)\.0$"  # pandas writes 7.0 for the whole numbers beside missing ones
_MARK = "\x1e"


class UnclearTree(ValueError):
    """What is wrong with a table, so that it is no tree, and what to do."""


@dataclass(frozen=True)
class CategoryTree:
    """Categories by their `ids`; `parents` has the place of each one's parent, -1 at the top.

    `table` is what the tree is called where an id is not in it.
    """

    table: str
    ids: pa.Array
    parents: np.ndarray
    names: pa.Array

    def paths(self, ids: pa.Array, separator: str) -> pa.Array:
        """Return the names from the top down to each id, null where the tree lacks it.

        With `1: Home` and below it `7: Lamps` the ids `7, 1, 9` give `[Home>Lamps, Home, null]`.
        """
        places = find_ids(ids, self.ids)
        known = places != _NOWHERE
        order = np.cumsum(known) - 1
        return self._paths(places[known], separator).take(pa.array(order, mask=~known))

    def _paths(self, places: np.ndarray, separator: str) -> pa.Array:
        levels = []
        while (there := places != _NOWHERE).any():
            levels.append(self.names.take(pa.array(places, mask=~there)))
            places = self._up[places]
        if not levels:
            return pa.array([], pa.string())
        return pc.binary_join_element_wise(*levels[::-1], separator, null_handling="skip")

    @cached_property
    def _up(self) -> np.ndarray:
        return _with_nowhere(self.parents)


def make_tree(
    table: str,
    ids: pa.Array,
    parents: pa.Array,
    names: pa.Array,
    *,
    roots: Iterable[str],
    separator: str,
) -> CategoryTree:
    """Return the tree that three columns of a table are; a row that stands twice counts once.

    A row is at the top where its parent is empty, its own id, or among `roots` but no id. Raises
    `UnclearTree` for an id that stands for two categories, a parent that is not there, a circle,
    and a name that is empty or would be parted at the separator.
    """
    ids, parents, names = (pc.utf8_trim_whitespace(column) for column in (ids, parents, names))
    once = _places_once(ids, parents, names)
    ids, parents, names = (column.take(pa.array(once)) for column in (ids, parents, names))
    _check_names(ids, names, separator)
    up = _parent_places(ids, parents, roots)
    _check_depths(ids, up)
    return CategoryTree(table, ids, up, names)


def find_ids(texts: pa.Array, ids: pa.Array) -> np.ndarray:
    """Return the place of each text among `ids`, or -1; `7.0` is `7` where only that is there."""
    texts = pc.utf8_trim_whitespace(texts)
    found = pc.index_in(texts, ids)
    if found.null_count:
        found = pc.coalesce(found, pc.index_in(_whole(texts), _whole(ids)))
    places: np.ndarray = pc.fill_null(found, _NOWHERE).to_numpy().astype(np.int64)
    return places


def _whole(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, _WHOLE, r"\1")


def _with_nowhere(parents: np.ndarray) -> np.ndarray:
    """Return the parents with one more, which -1 finds: above the top it stays -1."""
    return np.append(parents, _NOWHERE)


def _places_once(ids: pa.Array, parents: pa.Array, names: pa.Array) -> np.ndarray:
    """Return the first place of each id, in order."""
    codes = pc.dictionary_encode(ids).indices.to_numpy()
    _, first = np.unique(codes, return_index=True)  # codes are numbered as they come
    before = first[codes]
    same = pc.and_(*(pc.equal(c, c.take(pa.array(before))) for c in (parents, names)))
    if (place := pc.index(same, False).as_py()) >= 0:
        here, there = (
            f"{str(names[at])!r} with the parent {str(parents[at])!r}"
            for at in (int(before[place]), place)
        )
        raise UnclearTree(
            f"the id {str(ids[place])!r} stands for {here} and for {there}; an id must be one "
            "category: remove the other row"
        )
    return first


def _check_names(ids: pa.Array, names: pa.Array, separator: str) -> None:
    nameless = pc.or_(pc.equal(ids, ""), pc.equal(names, ""))
    if (place := pc.index(nameless, True).as_py()) >= 0:
        raise UnclearTree(
            f"a row has the id {str(ids[place])!r} and the name {str(names[place])!r}; neither "
            "may be empty: mend the table"
        )
    between = pc.binary_join_element_wise(separator, names, separator, "")
    parted = pc.replace_substring(between, separator, _MARK)
    whole = pc.binary_join_element_wise(_MARK, names, _MARK, "")
    if (place := pc.index(pc.not_equal(parted, whole), True).as_py()) >= 0:
        raise UnclearTree(
            f"the name {str(names[place])!r} of {str(ids[place])!r} holds the separator "
            f"{separator!r}; set categories.separator to what stands in no name"
        )


def _parent_places(ids: pa.Array, parents: pa.Array, roots: Iterable[str]) -> np.ndarray:
    """Return the place of each row's parent, -1 at the top."""
    places = find_ids(parents, ids)
    tops = pa.array(["", *(root.lower() for root in roots)])
    top = pc.is_in(_whole(pc.utf8_lower(parents)), tops).to_numpy(zero_copy_only=False)
    lost = np.flatnonzero((places == _NOWHERE) & ~top)
    if len(lost):
        place = int(lost[0])
        more = f", nor are those of {len(lost) - 1} more" if len(lost) > 1 else ""
        raise UnclearTree(
            f"the parent {str(parents[place])!r} of {str(ids[place])!r} is not among the ids"
            f"{more}; add its row, or list it in categories.tree.roots if its children are at "
            "the top"
        )
    places[places == np.arange(len(places))] = _NOWHERE
    return places


def _check_depths(ids: pa.Array, parents: np.ndarray) -> None:
    """Raise `UnclearTree` for a circle, and for what is too deep."""
    up, above = _with_nowhere(parents), np.append(parents != _NOWHERE, False).astype(np.int64)
    for _ in range(len(parents).bit_length()):  # each time twice as far up
        above, up = above + above[up], up[up]
    if len(endless := np.flatnonzero(up != _NOWHERE)):
        circle = [repr(str(ids[place])) for place in _circle(int(endless[0]), parents)]
        shown = circle if len(circle) <= _SHOWN else [*circle[:_SHOWN], "..."]
        raise UnclearTree(f"its parents go in a circle, {' > '.join(shown)}; mend the table")
    deepest = int(above.argmax())
    if above[deepest] >= _MOST_LEVELS:
        raise UnclearTree(
            f"{str(ids[deepest])!r} is at level {above[deepest] + 1}, expected at most "
            f"{_MOST_LEVELS}; is categories.tree.parent the column of the parent's id?"
        )


def _circle(place: int, parents: np.ndarray) -> list[int]:
    """Return the places on the circle above a place, from one on it back to the same."""
    for _ in range(len(parents)):
        place = int(parents[place])
    circle = [place, int(parents[place])]
    while circle[-1] != place:
        circle.append(int(parents[circle[-1]]))
    return circle
