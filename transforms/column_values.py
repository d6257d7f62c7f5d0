"""Values of columns: the texts of a title joined, further ones as texts or as numbers with NaN."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NO_TITLE = "no title"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def text_values(column: pa.Array) -> pa.Array:
    """Return a column of texts, or of lists of texts, as trimmed strings; empty where null."""
    if pa.types.is_list(column.type):
        column = pc.binary_join(column, " ")
    return pc.utf8_trim_whitespace(pc.fill_null(column, ""))


def number_values(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return texts as float32, NaN where they are empty, and which rows are no finite number."""
    texts = text_values(column)
    numeric = pc.match_substring_regex(texts, _NUMBER)
    known = pc.if_else(numeric, texts, None).cast(pa.float64())
    numbers = known.to_numpy(zero_copy_only=False).astype(np.float32)
    some = pc.not_equal(texts, "").to_numpy(zero_copy_only=False)
    return pa.array(numbers), some & ~np.isfinite(numbers)


def missing_values(numbers: bool, size: int) -> pa.Array:
    """Return so many missing values, numbers or texts, as tensors take them."""
    if numbers:
        return pa.array(np.full(size, np.nan, np.float32))
    return pa.array([b""] * size, pa.binary())


def joined_text(columns: Sequence[pa.Array]) -> pa.Array:
    """Return the texts of a row with a space between; those without a character are left out."""
    if len(columns) == 1:
        return pc.fill_null(columns[0], "")
    trimmed = [pc.fill_null(pc.utf8_trim_whitespace(column), "") for column in columns]
    return functools.reduce(_with_space, trimmed)


def _with_space(left: pa.Array, right: pa.Array) -> pa.Array:
    both = pc.binary_join_element_wise(left, right, " ")
    return pc.if_else(pc.equal(left, ""), right, pc.if_else(pc.equal(right, ""), left, both))
