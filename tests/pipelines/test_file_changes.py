"""What came and went in a file is told row by row."""

from __future__ import annotations

import pyarrow as pa

from pipelines.file_changes import changed_rows
from transforms.titles import CLEANED

Row = tuple[int, int, int, str, str]  # key, file, line, category, text


def batch(*rows: Row) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(CLEANED)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, CLEANED, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=CLEANED)


def lines(rows: pa.RecordBatch) -> list[int]:
    return rows.column("line").to_pylist()


def test_a_row_that_stayed_neither_came_nor_went() -> None:
    before = batch((1, 0, 2, "a", "x"), (2, 0, 3, "a", "y"), (3, 0, 4, "a", "z"))
    now = batch((1, 0, 2, "a", "x"), (2, 0, 3, "b", "y"), (4, 0, 4, "a", "w"), (5, 0, 5, "a", "v"))
    gone, came = changed_rows(before, now)
    assert (lines(gone), lines(came)) == ([3, 4], [3, 4, 5])
    assert [rows.num_rows for rows in changed_rows(before, before)] == [0, 0]


def test_where_records_share_a_line_all_of_the_file_went_and_came() -> None:
    twice = batch((1, 0, 2, "a", "x"), (2, 0, 2, "a", "y"))
    gone, came = changed_rows(twice, batch((1, 0, 2, "a", "x")))
    assert (lines(gone), lines(came)) == ([2, 2], [2])


def test_all_of_a_new_file_came() -> None:
    gone, came = changed_rows(batch(), batch((1, 0, 2, "a", "x")))
    assert (lines(gone), lines(came)) == ([], [2])
