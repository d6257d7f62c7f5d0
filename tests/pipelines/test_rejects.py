"""Rejects on disk: every one once, in order, with its bytes; the same rejects, the same files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.testing.util import assert_that, equal_to

from pipelines.rejects import NO_RECORD, count_reasons, rejects_batch, with_reason
from pipelines.write_rejects import WriteRejects
from transforms.csv_records import RejectedRow

REJECTS = [
    RejectedRow("b.csv", 7, "stray", b'"x\xff\n'),
    RejectedRow("a.csv", 9, "stray", b""),
    RejectedRow("b.csv", 2, "no title", b"\0"),
    RejectedRow("é.csv", 1, "stray", b"y"),
    RejectedRow("a.csv", 0, NO_RECORD, b""),
]


def write(folder: Path, batches: list[list[RejectedRow]]) -> dict[str, bytes]:
    """Return the content of each file that is written."""
    with beam.Pipeline("FnApiRunner") as pipeline:
        written = (
            pipeline
            | beam.Create([rejects_batch(rejects) for rejects in batches])
            | WriteRejects(str(folder), parts=3)
        )
        assert_that(written | beam.CombineGlobally(sum), equal_to([len(REJECTS)]))
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_rejects_are_written_once_by_source_and_line_whatever_their_order(tmp_path: Path) -> None:
    files = write(tmp_path / "one", [REJECTS])
    assert files == write(tmp_path / "other", [REJECTS[3:], REJECTS[:1], REJECTS[1:3]])
    assert all(name.endswith("-of-00003.parquet") for name in files)
    parts = [pq.read_table(tmp_path / "one" / name).to_pylist() for name in files]
    rows = [[RejectedRow(**row) for row in part] for part in parts]
    assert all(part == sorted(part) for part in rows)
    assert sorted(row for part in rows for row in part) == sorted(REJECTS)


def test_reasons_are_counted_and_an_empty_file_is_no_record() -> None:
    assert count_reasons(rejects_batch(REJECTS)) == Counter(
        {("rejected", "stray"): 3, ("rejected", "no title"): 1, ("empty_files",): 1}
    )


def test_the_most_frequent_reason_stands_behind_the_number_of_rejects() -> None:
    """Of several the first by name, in whatever order they were counted."""
    figures = {"rows": 9, "rejected": 5, "predictions": 4}
    for reasons in ({"a": 1, "b": 2, "c": 2}, {"c": 2, "b": 2, "a": 1}):
        found = with_reason(figures, reasons, "out/rejected")
        assert list(found) == ["rows", "rejected", "rejected_most_often", "rejects", "predictions"]
        assert (found["rejected_most_often"], found["rejects"]) == ("b", "out/rejected")
    assert with_reason({"rows": 9, "rejected": 0}, {}, "out") == {"rows": 9, "rejected": 0}


def test_a_batch_of_rejects_holds_their_fields() -> None:
    assert rejects_batch(REJECTS[:1]).to_pylist() == [REJECTS[0]._asdict()]
    assert rejects_batch(REJECTS).schema.field("raw").type == pa.binary()
