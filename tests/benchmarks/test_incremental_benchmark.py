"""The benchmark of incremental runs: what it changes, compares and refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import incremental
from benchmarks.measure import Measurement
from configs.errors import UsageError


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.csv").write_text("ad\na title\n")
    return folder


def test_so_many_files_get_another_title(catalogue: Path) -> None:
    incremental.change(catalogue, 3)
    longer = [path.name for path in sorted(catalogue.iterdir()) if path.stat().st_size > 11]
    assert longer == ["0.csv", "3.csv", "6.csv"]
    for count in (0, 11):
        with pytest.raises(UsageError, match="--changed"):
            incremental.change(catalogue, count)


def test_a_byte_that_differs_is_found(tmp_path: Path) -> None:
    for name in ("incremental", "unchanged", "again"):
        for folder in incremental.COMPARED:
            (tmp_path / "runs" / name / folder).mkdir(parents=True)
            (tmp_path / "runs" / name / folder / "file").write_bytes(b"same")
    (tmp_path / "runs/again/tfrecords/COMPLETED").write_bytes(b"not compared")
    assert incremental.differing(tmp_path) == []
    (tmp_path / "runs/again/stats/file").write_bytes(b"samf")
    (tmp_path / "runs/incremental/rejected/more").write_bytes(b"")
    assert incremental.differing(tmp_path) == ["rejected/more", "stats/file"]
    (tmp_path / "runs/again/stats/file").write_bytes(b"same")
    (tmp_path / "runs/unchanged/tfrecords/file").unlink()
    assert incremental.differing(tmp_path) == ["rejected/more", "tfrecords/file"]


def test_the_share_is_of_a_full_run_of_the_same_files() -> None:
    figures = {"files": 10, "files_known": 9}
    found = {name: Measurement(40.0, 1.0, 1, figures) for name in incremental.RUNS}
    found["incremental"] = Measurement(10.0, 1.0, 1, figures)
    assert incremental.summarise(found, [])["share_of_full"] == 0.25
