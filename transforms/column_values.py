"""Values of columns: the texts of a title joined, further ones as texts or as numbers with NaN."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NO_TITLE = "no title"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
# Thousands in groups: of points or commas, whichever marks no decimals, of spaces, of apostrophes.
_GROUPED = r"^([+-]?\d{1,3})((?:[%s\x{20}\x{a0}\x{202f}'’]\d{3})+)(%s\d*)?$"
_BETWEEN_GROUPS = r"[%s\x{20}\x{a0}\x{202f}'’]"
# What prices have beside their number, as feeds for Google and spreadsheets write them.
_CURRENCY = (
    r"(?:\p{Sc}|zł|Kč|kr\.?|Ft|lei|лв\.?|руб\.?|AED|ARS|AUD|BGN|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|"
    "EGP|EUR|GBP|HKD|HUF|IDR|ILS|INR|ISK|JPY|KES|KRW|MXN|MYR|NGN|NOK|NZD|PEN|PHP|PLN|RON|RSD|RUB|"
    "SAR|SEK|SGD|THB|TRY|TWD|UAH|USD|VND|ZAR)"
)
_SPACES = r"[\x{20}\x{a0}\x{202f}]*"
_PRICE = rf"^([+-]?){_CURRENCY}?{_SPACES}(\d.*?){_SPACES}{_CURRENCY}?$"

_WHOLE_BELOW = 1e15
# Between these Arrow writes a number as Python does; what is larger it writes as `4.006381e+12`.
_ALIKE = (1e-4, 1e10)


def float_text(value: float) -> str | None:
    """Return a number as text, 7.0 as `7`; None for one that is not finite.

    pandas makes 7.0 of the whole numbers of a column in which others are missing.
    """
    if not math.isfinite(value):
        return None
    whole = value.is_integer() and abs(value) < _WHOLE_BELOW
    return str(int(value)) if whole else str(value)


def float_texts(numbers: pa.Array) -> pa.Array:
    """Return numbers as the texts that `float_text` gives of each, null where there is none."""
    if pa.types.is_float16(numbers.type):
        numbers = numbers.cast(pa.float32())
    values = numbers.to_numpy(zero_copy_only=False)
    size = np.abs(values)
    whole = (size < _WHOLE_BELOW) & (values == np.trunc(values))
    digits = pc.cast(pa.array(np.where(whole, values, 0).astype(np.int64)), pa.string())
    texts = pc.if_else(pa.array(whole), digits, pc.cast(numbers, pa.string()))
    odd = ~(whole | ((size >= _ALIKE[0]) & (size < _ALIKE[1])))
    others = pa.array([float_text(value) for value in values[odd]], pa.string())
    return pc.replace_with_mask(texts, pa.array(odd), others)


def text_values(column: pa.Array) -> pa.Array:
    """Return a column of texts trimmed; empty where null."""
    return pc.utf8_trim_whitespace(pc.fill_null(column, ""))


def number_values(column: pa.Array, decimal: str = ".") -> tuple[pa.Array, np.ndarray]:
    """Return texts as float32, NaN where they are empty, and which rows are no finite number.

    `decimal` is what stands before decimals, a point or a comma: `1.299,5` is 1299.5 with a comma.
    A currency beside it is passed over: `12.99 USD` is 12.99.
    """
    texts = text_values(column)
    if not pc.all(pc.match_substring_regex(texts, _NUMBER)).as_py():
        texts = pc.replace_substring_regex(texts, _PRICE, r"\1\2")
    texts = _with_point(texts, decimal)
    numeric = pc.match_substring_regex(texts, _NUMBER)
    known = pc.if_else(numeric, texts, None).cast(pa.float64())
    with np.errstate(over="ignore"):  # what is too large is infinite, and no number
        numbers = known.to_numpy(zero_copy_only=False).astype(np.float32)
    some = pc.not_equal(texts, "").to_numpy(zero_copy_only=False)
    return pa.array(numbers), some & ~np.isfinite(numbers)


def number_texts(numbers: pa.Array, decimal: str = ".") -> pa.Array:
    """Return numbers as texts of which `number_values` makes them again; null where NaN."""
    texts = float_texts(numbers)
    return texts if decimal == "." else pc.replace_substring(texts, ".", decimal)


def _with_point(texts: pa.Array, decimal: str) -> pa.Array:
    """Return numbers without marks between thousands, and with a point before decimals."""
    group, mark = (",", r"\.") if decimal == "." else (r"\.", ",")
    grouped = pc.match_substring_regex(texts, _GROUPED % (group, mark))
    if pc.any(grouped).as_py():
        whole = pc.replace_substring_regex(texts, _BETWEEN_GROUPS % group, "")
        texts = pc.if_else(grouped, whole, texts)
    if decimal == ".":
        return texts
    with_point = pc.match_substring(texts, ".")  # no group, so no number
    return pc.if_else(with_point, "?", pc.replace_substring(texts, ",", "."))


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
