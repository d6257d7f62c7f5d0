"""Count labels, conflicts and what was left out, over titles with the same lists of categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from configs.artifacts import SPLITS
from transforms.categories import Taxonomy
from transforms.titles import exclusive_labels, title_labels


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


def count_labels(
    categories: pa.ListArray, titles: np.ndarray, taxonomy: Taxonomy, rules: LabelRules
) -> Counter:
    """Count examples, conflicts and what was left out.

    `categories` holds lists [m]; `titles` says how many titles of each split have each of them,
    int64 [3, m].

    Keys: `("labelled",)`: all titles; `("exclusive", split)`, `("rule_based", split)`,
    `("conflicting",)`, `("dropped",)`, `("unlabelled",)`, `("label", split, name)`,
    `("further_examples",)`: those that `conflicts: all` makes of a title beyond its first,
    `("conflict", first name, second name)`, `("level_titles", level, name)`: distinct titles.
    """
    every = titles.sum(axis=0)
    stands = {level: title_labels(categories, taxonomy, level) for level in taxonomy.levels}
    of_each = np.bincount(stands[rules.level][0], minlength=len(categories))
    labelled, conflicting = (int(every[of_each > n].sum()) for n in (0, 1))
    row, label, _ = exclusive_labels(
        categories, taxonomy, level=rules.level, conflicts=rules.conflicts
    )
    counts: Counter = Counter()
    counts[("labelled",)] = int(every.sum())
    counts[("conflicting",)] = conflicting
    counts[("unlabelled",)] = int(every.sum()) - labelled
    counts[("dropped",)] = conflicting if rules.conflicts == "drop" else 0
    if rules.conflicts == "all":
        counts[("further_examples",)] = int(every[row].sum()) - labelled
    names = taxonomy.levels[rules.level]
    for part, of_part in zip(SPLITS, titles, strict=True):
        counts[("exclusive", part)] = int(of_part[row].sum())
        counts[("rule_based", part)] = int(of_part.sum()) if rules.rule_based else 0
        found = _summed(label, of_part[row], len(names))
        counts.update({("label", part, names[i]): int(found[i]) for i in np.flatnonzero(found)})
    counts.update(_conflict_pairs(*stands[rules.level], every, names))
    for level, (stands_in, at_level) in stands.items():
        found = _summed(at_level, every[stands_in], len(taxonomy.levels[level])).tolist()
        pairs = zip(taxonomy.levels[level], found, strict=True)
        counts.update({("level_titles", level, name): n for name, n in pairs})
    return counts


def _summed(label: np.ndarray, titles: np.ndarray, size: int) -> np.ndarray:
    """Return how many titles have each label, int64 [size]."""
    found = np.zeros(size, np.int64)
    np.add.at(found, label, titles)
    return found


def _conflict_pairs(
    row: np.ndarray, label: np.ndarray, titles: np.ndarray, names: Sequence[str]
) -> Counter:
    """Count for each pair of labels the titles that stand under both; `titles` is int64 [m]."""
    from scipy import sparse

    shape = (len(titles), len(names))
    stands = sparse.csr_matrix((np.ones(len(row), np.int64), (row, label)), shape)
    weighted = sparse.csr_matrix((titles[row], (row, label)), shape)
    together = sparse.triu(stands.T @ weighted, k=1).tocoo()
    return Counter(
        {
            ("conflict", names[a], names[b]): int(n)
            for a, b, n in zip(together.row, together.col, together.data, strict=True)
        }
    )
