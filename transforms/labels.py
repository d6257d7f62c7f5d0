"""From the columns of a record to its categories: one text a record, however many it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# ASCII's unit separator, which no category holds: `category_paths` sees to it.
BETWEEN_LABELS = "\x1f"


def record_labels(
    columns: Sequence[pa.Array],
    *,
    label_separator: str | None,
    separator: str,
    rename: Iterable[tuple[str, str]] = (),
    replace: Iterable[tuple[str, str]] = (),
    prefix: str = "",
) -> pa.Array:
    """Return the categories of each record, `BETWEEN_LABELS` between; empty where there is none.

    Columns `[baby, pets]` and `[toys, ]` with the separator `>` give `[baby>toys, pets]`. One
    column of lists, or of texts like `a,b,a` with the label separator `,`, gives `a\x1fb`.
    """
    lists = _label_lists(columns, label_separator, separator)
    labels = pc.dictionary_encode(pc.fill_null(lists.flatten(), ""))
    paths = category_paths(
        labels.dictionary, separator=separator, rename=rename, replace=replace, prefix=prefix
    )
    names = pc.dictionary_encode(pa.array(paths, pa.string()).take(labels.indices))
    rows = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
    some = pc.not_equal(names.dictionary, "").to_numpy(zero_copy_only=False)
    return _joined(rows, names.indices.to_numpy(), names.dictionary, some, len(lists))


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
    return [
        separator.join(
            part for piece in label.removeprefix(prefix).split(separator) if (part := piece.strip())
        )
        for label in plain
    ]


def split_labels(categories: pa.Array) -> pa.ListArray | None:
    """Return the categories in each text of `record_labels`; None where each holds but one."""
    if not pc.any(pc.match_substring(categories, BETWEEN_LABELS)).as_py():
        return None
    return pc.split_pattern(categories, BETWEEN_LABELS)


def _label_lists(
    columns: Sequence[pa.Array], label_separator: str | None, separator: str
) -> pa.ListArray:
    first = columns[0]
    if pa.types.is_list(first.type):
        return first
    if label_separator:
        return pc.split_pattern(pc.fill_null(first, ""), label_separator)
    filled = [pc.fill_null(column, "") for column in columns]
    whole = pc.binary_join_element_wise(*filled, separator)
    return pa.ListArray.from_arrays(pa.array(np.arange(len(whole) + 1, dtype=np.int32)), whole)


def _joined(
    rows: np.ndarray, ids: np.ndarray, names: pa.Array, some: np.ndarray, size: int
) -> pa.Array:
    """Join the distinct names of each row, in order; `some` says which names are not empty."""
    rows, ids = rows[some[ids]], ids[some[ids]]
    _, first = np.unique(rows * max(1, len(names)) + ids, return_index=True)
    first.sort()
    offsets = np.concatenate(([0], np.cumsum(np.bincount(rows[first], minlength=size))))
    lists = pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), names.take(pa.array(ids[first]))
    )
    return pc.binary_join(lists, BETWEEN_LABELS)
