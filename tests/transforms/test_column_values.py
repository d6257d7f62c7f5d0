"""Numbers as feeds write them: decimal points and commas, marks between thousands; as texts."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest

from transforms.column_values import float_text, float_texts, number_texts, number_values

NO = "no number"


def numbers(texts: list[str | None], decimal: str) -> list[float | str | None]:
    """Return each text's number; None for a missing one."""
    values, bad = number_values(pa.array(texts, pa.string()), decimal)
    found = zip(values.to_numpy().tolist(), bad.tolist(), strict=True)
    return [NO if wrong else None if np.isnan(value) else value for value, wrong in found]


@pytest.mark.parametrize(
    ("text", "with_point", "with_comma"),
    [
        ("12", 12.0, 12.0),
        (" -7 ", -7.0, -7.0),
        ("", None, None),
        (None, None, None),
        ("12.5", 12.5, NO),
        ("12,5", NO, 12.5),
        (".5", 0.5, NO),
        ("1e3", 1000.0, 1000.0),
        ("1,299", 1299.0, 1.299),
        ("1.299", 1.299, 1299.0),
        ("1,299.5", 1299.5, NO),
        ("1.299,5", NO, 1299.5),
        ("1 234 567", 1234567.0, 1234567.0),
        ("1\u00a0299,5", NO, 1299.5),
        ("-1\u202f299.5", -1299.5, NO),
        ("1'299.5", 1299.5, NO),
        ("1’299", 1299.0, 1299.0),
        ("12,34,567", NO, NO),
        ("1.29,5", NO, NO),
        ("1299,50 €", NO, 1299.5),
        ("12.99 USD", 12.99, NO),
        ("-$1,299.50", -1299.5, NO),
        ("1 299,50 zł", NO, 1299.5),
        ("CHF 1’299", 1299.0, 1299.0),
        ("12 kg", NO, NO),
        ("SKU 12", NO, NO),
        ("EUR", NO, NO),
        ("12 34", NO, NO),
        ("nan", NO, NO),
        ("1e99", NO, NO),
    ],
)
def test_a_number_is_read_by_what_marks_its_decimals(
    text: str | None, with_point: float | str | None, with_comma: float | str | None
) -> None:
    around: list[str | None] = ["7", text, "1 000"]
    expected = [7.0, with_point, 1000.0], [7.0, with_comma, 1000.0]
    for decimal, values in zip(".,", expected, strict=True):
        found = numbers(around, decimal)
        assert found == [v if isinstance(v, str | None) else np.float32(v) for v in values]


def test_most_columns_have_no_marks_and_none_is_empty() -> None:
    assert numbers(["1.5", "2"], ".") == [1.5, 2.0]
    assert numbers([], ",") == []


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (4006381333931.0, "4006381333931"),
        (-12345678901.5, "-12345678901.5"),
        (999999999999999.0, "999999999999999"),
        (1e15, "1000000000000000.0"),
        (1e22, "1e+22"),
        (0.25, "0.25"),
        (1.5e-7, "1.5e-07"),
        (float("nan"), None),
        (float("-inf"), None),
    ],
)
def test_a_number_that_is_whole_is_its_digits(number: float, text: str | None) -> None:
    assert float_text(number) == text
    assert float_texts(pa.array([number, None])).to_pylist() == [text, None]


def test_columns_of_numbers_are_the_texts_of_each() -> None:
    draw = random.Random(7)
    numbers = [draw.uniform(-1, 1) * 10 ** draw.uniform(-9, 20) for _ in range(5000)]
    values = np.array([*numbers, *map(round, numbers), *range(-50, 50)], np.float64)
    assert float_texts(pa.array(values)).to_pylist() == [float_text(value) for value in values]
    single = values.astype(np.float32)
    texts = float_texts(pa.array(single)).to_pylist()
    assert [np.float32(text) for text in texts] == single.tolist()
    half = pa.array(np.array([0.5, 3.0, np.inf], np.float16))
    assert float_texts(half).to_pylist() == ["0.5", "3", None]


@pytest.mark.parametrize("decimal", [".", ","])
def test_numbers_come_back_from_their_texts(decimal: str) -> None:
    some = [1299.5, 12.75, 7.0, -0.125, 1.299, 1e-7, 1.5e-9, 3.4e38, 16777216.0, 4006381333931.0]
    values = pa.array(np.array([*some, np.nan], np.float32))
    again, bad = number_values(number_texts(values, decimal), decimal)
    assert not bad.any()
    np.testing.assert_array_equal(again.to_numpy(), values.to_numpy())
