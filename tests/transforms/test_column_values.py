"""Numbers as feeds write them: decimal points and commas, marks between thousands."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from transforms.column_values import number_values

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
        ("1299,50 €", NO, NO),
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
