"""From labelled titles to serialised `tf.train.Example`s, by objective and split.

`exclusive`: `title` bytes, `tokens` and `ngrams` int64 lists, `label` int64 (class at the chosen
level), `categories` int64 list (every full category of the title, the first one first).
`rule_based`: the same features with `labels` int64 list: nodes of the tree, ancestors included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from configs.artifacts import SPLITS, Objective, Split
from transforms.categories import Taxonomy
from transforms.checksums import Endings, crc_of_each
from transforms.example_bytes import (
    bytes_feature,
    float_feature,
    int64_feature,
    join_rows,
    pack_int64,
    packed_feature,
)
from transforms.label_counts import LabelRules, count_labels
from transforms.titles import category_ids, exclusive_labels, list_array, node_lists, split_of
from transforms.tokens import NGRAMS, TOKENS


@dataclass(frozen=True)
class Shard:
    """The serialised examples of one objective and split, bytes [n], and their CRC-32C [n]."""

    objective: Objective
    split: Split
    examples: pa.LargeBinaryArray
    crc: np.ndarray


class TitleLabels:
    """The labels of a part's titles, worked out and serialised once for each list of categories.

    `keys` are those of the titles, int64 [n]; most titles share their categories with many others.
    """

    def __init__(
        self, keys: np.ndarray, categories: pa.ListArray, taxonomy: Taxonomy, rules: LabelRules
    ) -> None:
        self._taxonomy, self._rules = taxonomy, rules
        self._split = split_of(keys, rules.shares)
        packed = pack_int64(_ids(categories, taxonomy)).dictionary_encode()
        self._of = packed.indices.to_numpy()
        self._distinct = categories.take(pa.array(_first_of_each(self._of)))
        self._exclusive = self._of_exclusive(packed.dictionary)
        nodes = node_lists(self._distinct, taxonomy) if rules.rule_based else None
        self._nodes = None if nodes is None else Endings(int64_feature("labels", nodes))

    def shards(self, features: pa.LargeBinaryArray, begin: int = 0) -> Iterator[Shard]:
        """Yield examples of the titles from `begin` on, whose serialised features are given."""
        here = slice(begin, begin + len(features))
        of, split, crc = self._of[here], self._split[here], crc_of_each(features)
        row, place = self._examples(of)
        whole = len(row) == len(of) and bool((np.diff(row) == 1).all())
        of_row = features if whole else features.take(pa.array(row))
        yield from _by_split("exclusive", of_row, crc[row], self._exclusive[2], place, split[row])
        if self._nodes is not None:
            yield from _by_split("rule_based", features, crc, self._nodes, of, split)

    def counts(self) -> Counter:
        """Return `count_labels` of all titles."""
        size = len(self._distinct)
        titles = [
            np.bincount(self._of[self._split == number], minlength=size)
            for number in range(len(SPLITS))
        ]
        return count_labels(self._distinct, np.array(titles), self._taxonomy, self._rules)

    def _of_exclusive(
        self, categories: pa.LargeBinaryArray
    ) -> tuple[np.ndarray, np.ndarray, Endings]:
        """Return for each distinct list where its labels begin, how many it has, and all labels."""
        row, label, _ = exclusive_labels(
            self._distinct, self._taxonomy, level=self._rules.level, conflicts=self._rules.conflicts
        )
        counts = np.bincount(row, minlength=len(self._distinct))
        serialised = join_rows(
            [
                int64_feature("label", list_array(label, np.ones(len(row), np.int64))),
                packed_feature("categories", categories.take(pa.array(row))),
            ]
        )
        return np.cumsum(counts) - counts, counts, Endings(serialised)

    def _examples(self, of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return for each example its title and its label; a title may have none, one or more."""
        begins, counts, _ = self._exclusive
        each = counts[of]
        row = np.repeat(np.arange(len(of)), each)
        inside = np.arange(len(row)) - np.repeat(np.cumsum(each) - each, each)
        return row, begins[of[row]] + inside


def labels_of(titles: pa.RecordBatch, taxonomy: Taxonomy, rules: LabelRules) -> TitleLabels:
    """Return the labels of titles: of their `key` and `categories`, a list a row each.

    They are sorted by key: their order in the shards.
    """
    keys = titles.column("key").flatten().to_numpy()
    return TitleLabels(keys, titles.column("categories"), taxonomy, rules)


def serialise_features(titles: pa.RecordBatch, rules: LabelRules) -> pa.LargeBinaryArray:
    """Return the examples of titles without their labels, bytes [n]; the objectives share them.

    `titles` holds `title`, `tokens`, `ngrams` and the columns of `rules`, a list a row each.
    """
    return join_rows(
        [
            bytes_feature("title", titles.column("title").flatten()),
            int64_feature(TOKENS, titles.column(TOKENS)),
            int64_feature(NGRAMS, titles.column(NGRAMS)),
            *(_of_column(name, titles.column(name)) for name in rules.columns),
        ]
    )


def _of_column(name: str, values: pa.ListArray) -> pa.LargeBinaryArray:
    floating = pa.types.is_floating(values.type.value_type)
    return (float_feature if floating else int64_feature)(name, values)


def _ids(categories: pa.ListArray, taxonomy: Taxonomy) -> pa.ListArray:
    """Return the ids of each title's categories."""
    ids = category_ids(categories, taxonomy)[1]
    return list_array(ids, categories.value_lengths().to_numpy())


def _first_of_each(numbers: np.ndarray) -> np.ndarray:
    """Return where each of the numbers 0, 1, 2 and so on stands first."""
    first = np.zeros(int(numbers.max(initial=-1)) + 1, np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return first


def _by_split(
    objective: Objective,
    features: pa.LargeBinaryArray,
    crc: np.ndarray,
    labels: Endings,
    place: np.ndarray,
    split: np.ndarray,
) -> Iterator[Shard]:
    """Put each title's labels behind its features, whose CRC is given; yield the splits."""
    examples = join_rows([features, labels.values.take(pa.array(place))])
    whole = labels.crc_behind(crc, place)
    for number, name in enumerate(SPLITS):
        here = split == number
        yield Shard(objective, name, examples.filter(pa.array(here)), whole[here])
