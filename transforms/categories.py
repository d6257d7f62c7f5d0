"""From a file's name, or from columns, to a category and the levels of the tree.

A category is a path of parts joined by a separator: `women-fashion_watches_wrist`. The rules are
data (`configs/categories.py`, `CategorySettings`); no name of a catalogue stands here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

NO_LABEL = -1


FileSource = Literal["file_name", "folders", "path"]


def category_of_file(
    path: str,
    *,
    source: FileSource = "file_name",
    rename: Iterable[tuple[str, str]],
    prefix: str,
    separator: str,
) -> str:
    """Return the category that a file's path says, after the renames in their order.

    `women/amazon_women-fashion_watches_wrist.csv` gives `women-fashion_watches_wrist`, its
    `folders` give `women`. Only the last ending goes: `No. 5.csv` is `No. 5`. Accents that a file
    system keeps apart from their letters are joined with them (Unicode's NFC).
    """
    *folders, name = unicodedata.normalize("NFC", path).split("/")
    stem = name.rpartition(".")[0] if "." in name else name
    parts = {"file_name": [stem], "folders": folders, "path": [*folders, stem]}[source]
    said = separator.join(parts)
    for find, replace in rename:
        said = said.replace(find, replace)
    return whole_path(said, prefix, separator)


def whole_path(said: str, prefix: str, separator: str) -> str:
    """Return a category without the prefix, its parts trimmed, the empty ones left out.

    White space inside a part is one space; letters are as Unicode composes them (NFC).
    """
    pieces = unicodedata.normalize("NFC", said).removeprefix(prefix).split(separator)
    return separator.join(part for piece in pieces if (part := " ".join(piece.split())))


def level_name(category: str, separator: str, part: int, min_parts: int) -> str | None:
    """Return the part of a category that stands for a level, or None where it has none.

    Part 1 of `women-fashion_watches_wrist`, with at least 3 parts, is `watches`.
    """
    parts = category.split(separator)
    if len(parts) < min_parts or not -len(parts) <= part < len(parts):
        return None
    return parts[part]


def ancestors(category: str, separator: str) -> list[str]:
    """Return the category and all above it: `a_b_c` gives `[a, a_b, a_b_c]`."""
    parts = category.split(separator)
    return [separator.join(parts[: i + 1]) for i in range(len(parts))]


@dataclass(frozen=True)
class Taxonomy:
    """The tree that the data holds: every category in sorted order, and its levels.

    `levels` maps a level to its class names, sorted; `full` is always there. A class id is a
    position in these lists. `level_rules` maps a level to `(part, min_parts)`.
    """

    categories: tuple[str, ...]
    separator: str
    level_rules: Mapping[str, tuple[int, int]]

    @cached_property
    def levels(self) -> dict[str, tuple[str, ...]]:
        named = {
            level: tuple(sorted({n for c in self.categories if (n := self._name(c, level))}))
            for level in self.level_rules
        }
        return {**named, "full": self.categories}

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Every category and every one above it, sorted: the classes of `rule_based`."""
        every = {a for c in self.categories for a in ancestors(c, self.separator)}
        return tuple(sorted(every))

    @cached_property
    def node_depths(self) -> np.ndarray:
        """How many parts the path of each of `nodes` has, int64 [nodes]."""
        return np.array([len(node.split(self.separator)) for node in self.nodes], np.int64)

    @cached_property
    def node_ids(self) -> list[np.ndarray]:
        """For each category id the sorted ids of itself and its ancestors in `nodes`."""
        position = {name: i for i, name in enumerate(self.nodes)}
        return [
            np.array(sorted(position[a] for a in ancestors(c, self.separator)), np.int64)
            for c in self.categories
        ]

    def labels_at(self, level: str) -> np.ndarray:
        """Return for each category id its class id at `level`, int64; -1 where it has none."""
        return self._labels[level]

    @cached_property
    def _labels(self) -> dict[str, np.ndarray]:
        every = np.arange(len(self.categories), dtype=np.int64)
        return {**{level: self._labels_of(level) for level in self.level_rules}, "full": every}

    def _labels_of(self, level: str) -> np.ndarray:
        position = {name: i for i, name in enumerate(self.levels[level])}
        names = (self._name(c, level) for c in self.categories)
        return np.array([position.get(n, NO_LABEL) if n else NO_LABEL for n in names], np.int64)

    def to_json(self) -> dict[str, Any]:
        rules = {level: list(rule) for level, rule in self.level_rules.items()}
        return {"categories": self.categories, "separator": self.separator, "level_rules": rules}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Taxonomy:
        rules = {level: (part, least) for level, (part, least) in document["level_rules"].items()}
        return cls(tuple(document["categories"]), document["separator"], rules)

    def _name(self, category: str, level: str) -> str | None:
        return level_name(category, self.separator, *self.level_rules[level])


def make_taxonomy(
    categories: Iterable[str], separator: str, level_rules: Mapping[str, Sequence[int]]
) -> Taxonomy:
    """Sort the categories that were seen into a `Taxonomy`."""
    rules = {level: (rule[0], rule[1]) for level, rule in level_rules.items()}
    return Taxonomy(tuple(sorted(set(categories))), separator, rules)


def taxonomy_of_counts(
    counts: Mapping[tuple[Any, ...], int],
    separator: str,
    level_rules: Mapping[str, Sequence[int]],
) -> Taxonomy:
    """Return the tree of the categories that `count_titles` has counted titles of."""
    names = (key[1] for key in counts if key[0] == "category_titles")
    return make_taxonomy(names, separator, level_rules)
