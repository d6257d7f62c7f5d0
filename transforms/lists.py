"""Columns of lists: made of counts and values, and as texts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def counts_of(lists: pa.ListArray) -> np.ndarray:
    """Return how many values each list has; one that is null has none."""
    return pc.fill_null(lists.value_lengths(), 0).to_numpy()


def rows_of(lists: pa.ListArray) -> np.ndarray:
    """Return of each value of `lists.flatten()` the list that it is in."""
    return pc.list_parent_indices(lists).to_numpy().astype(np.int64)


def lists_of(counts: np.ndarray, values: pa.Array) -> pa.ListArray:
    """Return lists that take so many values each: `[2, 0, 1]` of `a b c` gives `[a, b] [] [c]`."""
    offsets = np.concatenate(([0], np.cumsum(counts)))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def some_of(lists: pa.ListArray, keep: np.ndarray) -> pa.ListArray:
    """Return the lists with those of their values for which `keep` is true."""
    counts = np.bincount(rows_of(lists)[keep], minlength=len(lists))
    return lists_of(counts, lists.flatten().filter(pa.array(keep)))


def list_texts(lists: pa.ListArray) -> pa.Array:
    """Return the texts in each list, and in the lists in it, with a space between."""
    values = lists.flatten()
    nested = pa.types.is_list(values.type)
    texts = list_texts(values) if nested else pc.fill_null(values, "")
    return pc.binary_join(lists_of(counts_of(lists), texts), " ")
