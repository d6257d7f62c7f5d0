"""From labelled titles to serialised `tf.train.Example`s, by objective and split.

`exclusive`: `title` bytes, `tokens` and `ngrams` int64 lists, `label` int64 (class at the chosen
level), `categories` int64 list (every full category of the title, the first one first).
`rule_based`: the same features with `labels` int64 list: nodes of the tree, ancestors included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from configs.artifacts import SPLITS, Objective, Split
from transforms.categories import Taxonomy
from transforms.example_bytes import bytes_feature, float_feature, int64_feature, join_rows
from transforms.features import NGRAMS, TOKENS
from transforms.titles import (
    category_ids,
    exclusive_labels,
    list_array,
    node_lists,
    split_of,
    title_labels,
)


@dataclass(frozen=True)
class LabelRules:
    """How titles get their labels: the level, what becomes of conflicts, which objectives.

    `columns` names the features beside the title's, as they stand in the titles' batch.
    """

    level: str
    conflicts: str
    rule_based: bool
    shares: tuple[float, float, float]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shard:
    """The serialised examples of one objective and split in one part, bytes [n]."""

    objective: Objective
    split: Split
    examples: pa.LargeBinaryArray


def make_shards(
    titles: pa.RecordBatch, taxonomy: Taxonomy, rules: LabelRules
) -> tuple[list[Shard], Counter]:
    """Label the titles of one part and serialise them; return the shards and what was counted.

    `titles` holds `title`, `tokens`, `ngrams`, `key` and `categories`, a list a row each, sorted by
    key: their order in the shards. The features are serialised once, and the objectives share them.
    """
    split = split_of(titles.column("key").flatten().to_numpy(), rules.shares)
    features = join_rows(
        [
            bytes_feature("title", titles.column("title").flatten()),
            int64_feature(TOKENS, titles.column(TOKENS)),
            int64_feature(NGRAMS, titles.column(NGRAMS)),
            *(_of_column(name, titles.column(name)) for name in rules.columns),
        ]
    )
    categories = titles.column("categories")
    row, label, conflicting = exclusive_labels(
        categories, taxonomy, level=rules.level, conflicts=rules.conflicts
    )
    counts = _count(categories, taxonomy, rules, row, label, conflicting, split)
    shards = list(_exclusive(features, categories, taxonomy, row, label, split))
    if rules.rule_based:
        shards += _rule_based(features, categories, taxonomy, split)
    return shards, counts


def _of_column(name: str, values: pa.ListArray) -> pa.LargeBinaryArray:
    floating = pa.types.is_floating(values.type.value_type)
    return (float_feature if floating else int64_feature)(name, values)


def _exclusive(
    features: pa.LargeBinaryArray,
    categories: pa.ListArray,
    taxonomy: Taxonomy,
    row: np.ndarray,
    label: np.ndarray,
    split: np.ndarray,
) -> Iterator[Shard]:
    all_ids = list_array(
        category_ids(categories, taxonomy)[1], categories.value_lengths().to_numpy()
    )
    of_row = pa.array(row)
    examples = join_rows(
        [
            features.take(of_row),
            int64_feature("label", list_array(label, np.ones(len(row), np.int64))),
            int64_feature("categories", all_ids.take(of_row)),
        ]
    )
    for number, name in enumerate(SPLITS):
        yield Shard("exclusive", name, examples.filter(pa.array(split[row] == number)))


def _rule_based(
    features: pa.LargeBinaryArray, categories: pa.ListArray, taxonomy: Taxonomy, split: np.ndarray
) -> Iterator[Shard]:
    labels = int64_feature("labels", node_lists(categories, taxonomy))
    examples = join_rows([features, labels])
    for number, name in enumerate(SPLITS):
        yield Shard("rule_based", name, examples.filter(pa.array(split == number)))


def _count(
    categories: pa.ListArray,
    taxonomy: Taxonomy,
    rules: LabelRules,
    row: np.ndarray,
    label: np.ndarray,
    conflicting: int,
    split: np.ndarray,
) -> Counter:
    """Count examples, conflicts and what was left out.

    Keys: `("labelled",)`: all titles; `("exclusive", split)`, `("rule_based", split)`,
    `("conflicting",)`, `("dropped",)`, `("unlabelled",)`, `("label", split, name)`,
    `("further_examples",)`: those that `conflicts: all` makes of a title beyond its first,
    `("conflict", first name, second name)`, `("level_titles", level, name)`: distinct titles.
    """
    stands = {level: title_labels(categories, taxonomy, level) for level in taxonomy.levels}
    labelled = np.unique(stands[rules.level][0])
    counts: Counter = Counter()
    counts[("labelled",)] = len(categories)
    counts[("conflicting",)] = conflicting
    counts[("unlabelled",)] = len(categories) - len(labelled)
    counts[("dropped",)] = conflicting if rules.conflicts == "drop" else 0
    if rules.conflicts == "all":
        counts[("further_examples",)] = len(row) - len(labelled)
    names = taxonomy.levels[rules.level]
    for number, part in enumerate(SPLITS):
        counts[("exclusive", part)] = int((split[row] == number).sum())
        counts[("rule_based", part)] = int((split == number).sum()) if rules.rule_based else 0
        found = np.bincount(label[split[row] == number], minlength=len(names))
        counts.update({("label", part, names[i]): int(found[i]) for i in np.flatnonzero(found)})
    counts.update(_conflict_pairs(*stands[rules.level], names, len(categories)))
    for level, (_, at_level) in stands.items():
        found = np.bincount(at_level, minlength=len(taxonomy.levels[level])).tolist()
        counts.update(
            {
                ("level_titles", level, name): n
                for name, n in zip(taxonomy.levels[level], found, strict=True)
            }
        )
    return counts


def _conflict_pairs(
    row: np.ndarray, label: np.ndarray, names: Sequence[str], titles: int
) -> Counter:
    """Count for each pair of labels the titles that stand under both."""
    from scipy import sparse

    stands = sparse.csr_matrix((np.ones(len(row), np.int64), (row, label)), (titles, len(names)))
    together = sparse.triu(stands.T @ stands, k=1).tocoo()
    return Counter(
        {
            ("conflict", names[a], names[b]): int(n)
            for a, b, n in zip(together.row, together.col, together.data, strict=True)
        }
    )
