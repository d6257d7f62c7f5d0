"""From the columns of a record to its categories: one text a record, however many it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.categories import whole_path
from transforms.category_trees import CategoryTree
from transforms.lists import counts_of, lists_of, rows_of, some_of

# ASCII's unit separator, which no category holds: `category_paths` sees to it.
BETWEEN_LABELS = "\x1f"
_BETWEEN_PARTS = "\x1e"


@dataclass(frozen=True)
class LabelColumn:
    """A column that says categories: the text of each record, or its list where `lists` has one."""

    name: str
    texts: pa.Array
    lists: pa.ListArray | None = None


def record_labels(
    columns: Sequence[LabelColumn],
    *,
    lists_are_paths: bool = False,
    label_separator: str | None = None,
    separator: str,
    tree: CategoryTree | None = None,
    rename: Iterable[tuple[str, str]] = (),
    replace: Iterable[tuple[str, str]] = (),
    prefix: str = "",
) -> tuple[pa.Array, dict[int, str]]:
    r"""Return the categories of each record, `BETWEEN_LABELS` between; empty where there is none.

    Columns `[baby, pets]` and `[toys, ]` with the separator `>` give `[baby>toys, pets]`. One
    column of lists, or of texts like `a,b,a` with the label separator `,`, gives `a\x1fb`. Lists
    that are paths, `[a, b]` or `[[a, b], [c]]`, give `a>b` and `a>b\x1fc`. With a tree the texts of
    the one column are its ids. Beside that comes which records hold lists that say no categories,
    or an id that the tree lacks, and why.
    """
    why: dict[int, str] = {}
    labels = [_labels(column, lists_are_paths, separator, why) for column in columns]
    if len(columns) == 1:
        lists = _several(columns[0].texts, labels[0], label_separator)
    else:
        texts = [_one(column, of, why) for column, of in zip(columns, labels, strict=True)]
        lists = _each_alone(pc.binary_join_element_wise(*texts, separator))
    names = pc.dictionary_encode(pc.fill_null(lists.flatten(), ""))
    texts = names.dictionary
    if tree is not None:
        texts, unknown = _paths_of_ids(texts, tree, separator)
        lost = rows_of(lists)[unknown[names.indices.to_numpy()]].tolist()
        why |= dict.fromkeys(lost, f"its {columns[0].name} is not in {tree.table}")
    paths = category_paths(
        texts, separator=separator, rename=rename, replace=replace, prefix=prefix
    )
    names = pc.dictionary_encode(pa.array(paths, pa.string()).take(names.indices))
    some = pc.not_equal(names.dictionary, "").to_numpy(zero_copy_only=False)
    found = _joined(rows_of(lists), names.indices.to_numpy(), names.dictionary, some, len(lists))
    return found, why


def _labels(
    column: LabelColumn, lists_are_paths: bool, separator: str, why: dict[int, str]
) -> pa.ListArray | None:
    """Return the categories in each list of a column, null where there is none."""
    lists = column.lists
    if lists is None or not lists_are_paths:
        return lists
    if not pa.types.is_list(lists.type.value_type):
        lists = _each_alone(lists)  # each is one path
    paths, rows = lists.flatten(), rows_of(lists)
    texts, broken = _path_texts(paths, separator)
    for row in rows[paths.is_null().to_numpy(zero_copy_only=False)].tolist():
        why[row] = f"its {column.name} holds what is neither a text nor a list of texts"
    for row in rows[broken].tolist():
        why.setdefault(row, f"a part of its {column.name} holds the separator {separator!r}")
    found = lists_of(counts_of(lists), texts)
    return pc.if_else(lists.is_valid(), found, None) if lists.null_count else found


def _path_texts(paths: pa.ListArray, separator: str) -> tuple[pa.Array, np.ndarray]:
    """Return each path as a text, and in which a part would be taken for several."""
    parts = pc.fill_null(pc.utf8_trim_whitespace(paths.flatten()), "")
    trimmed = lists_of(counts_of(paths), parts)
    whole = some_of(trimmed, pc.not_equal(parts, "").to_numpy(zero_copy_only=False))
    texts = pc.binary_join(whole, separator)
    parted = pc.replace_substring(texts, separator, _BETWEEN_PARTS)
    broken = pc.not_equal(parted, pc.binary_join(whole, _BETWEEN_PARTS))
    return texts, broken.to_numpy(zero_copy_only=False)


def _several(
    texts: pa.Array, lists: pa.ListArray | None, label_separator: str | None
) -> pa.ListArray:
    """Return the categories of each record: those of its list, else of its text."""
    if lists is not None and not lists.null_count:
        return lists
    texts = pc.fill_null(texts, "")
    parted = _parted(texts, label_separator) if label_separator else _each_alone(texts)
    return parted if lists is None else pc.coalesce(lists, parted)


def _parted(texts: pa.Array, label_separator: str) -> pa.ListArray:
    r"""Return the pieces between separators; one behind a backslash is text: `a\, b,c` is two."""
    escaped = f"\\{label_separator}"
    if not pc.any(pc.match_substring(texts, escaped)).as_py():
        return pc.split_pattern(texts, label_separator)
    lists = pc.split_pattern(pc.replace_substring(texts, escaped, _BETWEEN_PARTS), label_separator)
    pieces = pc.replace_substring(lists.flatten(), _BETWEEN_PARTS, label_separator)
    return lists_of(counts_of(lists), pieces)


def _one(column: LabelColumn, lists: pa.ListArray | None, why: dict[int, str]) -> pa.Array:
    """Return the text of each record, where a list has but one; note in `why` where it has more."""
    texts = pc.fill_null(column.texts, "")
    if lists is None:
        return texts
    values = pc.fill_null(lists.flatten(), "")
    blank = pc.equal(pc.utf8_trim_whitespace(values), "").to_numpy(zero_copy_only=False)
    some = some_of(lists, ~blank)
    counts = counts_of(some)
    for row in np.flatnonzero(counts > 1).tolist():
        reason = f"its {column.name} holds {counts[row]} values"
        why.setdefault(row, f"{reason}, where several columns make one path")
    return pc.if_else(lists.is_valid(), pc.binary_join(some, " "), texts)


def _each_alone(values: pa.Array) -> pa.ListArray:
    return lists_of(np.ones(len(values), np.int64), values)


def _paths_of_ids(ids: pa.Array, tree: CategoryTree, separator: str) -> tuple[pa.Array, np.ndarray]:
    """Return the path of each id, empty where there is none, and which ids the tree lacks."""
    paths = tree.paths(ids, separator)
    some = pc.not_equal(pc.utf8_trim_whitespace(ids), "")
    unknown = pc.and_(paths.is_null(), some).to_numpy(zero_copy_only=False)
    return pc.fill_null(paths, ""), unknown


def category_paths(
    labels: pa.Array,
    *,
    separator: str,
    rename: Iterable[tuple[str, str]],
    replace: Iterable[tuple[str, str]],
    prefix: str,
) -> list[str]:
    r"""Return the category that each label says: its parts trimmed, the empty ones left out.

    `|Books[1]| Music[22]|` gives `Books|Music` with the separator `|` and `\[\d+\]` for nothing.
    """
    for find, replacement in rename:
        labels = pc.replace_substring(labels, find, replacement)
    for find, replacement in replace:
        labels = pc.replace_substring_regex(labels, find, replacement)
    plain = pc.replace_substring(labels, BETWEEN_LABELS, " ").to_pylist()
    return [whole_path(label, prefix, separator) for label in plain]


def split_labels(categories: pa.Array) -> pa.ListArray | None:
    """Return the categories in each text of `record_labels`; None where each holds but one."""
    if not pc.any(pc.match_substring(categories, BETWEEN_LABELS)).as_py():
        return None
    return pc.split_pattern(categories, BETWEEN_LABELS)


def _joined(
    rows: np.ndarray, ids: np.ndarray, names: pa.Array, some: np.ndarray, size: int
) -> pa.Array:
    """Join the distinct names of each row, in order; `some` says which names are not empty."""
    rows, ids = rows[some[ids]], ids[some[ids]]
    _, first = np.unique(rows * max(1, len(names)) + ids, return_index=True)
    first.sort()
    counts = np.bincount(rows[first], minlength=size)
    lists = lists_of(counts, names.take(pa.array(ids[first])))
    return pc.binary_join(lists, BETWEEN_LABELS)
