"""The benchmark of sizes: each copy adds its records, and what was made for it is removed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from chain import aisle

from benchmarks import scale
from benchmarks.measure import Measurement
from benchmarks.scale import main
from configs.errors import UsageError
from pipelines.stage import peak_rss


def measured_here(command: Sequence[str]) -> Measurement:
    """Run `python -m aisle ...` in this process, where all is imported; the real one has a test."""
    wall, cpu = time.perf_counter(), time.process_time()
    said = aisle(*command[3:])
    assert said.status == 0, said.err
    seconds, of_cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Measurement(seconds, of_cpu, peak_rss(), said.figures)


def test_each_size_has_its_records_time_and_memory(
    catalogue: Path,
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scale, "measure", measured_here)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    given = ["--input", catalogue, "--config", config, "--scratch", scratch]
    sets = ["--set", "preprocess.num_shards=2", "--set", "source.columns.title=[ad]"]
    sizes = ["--rows", "60", "--copies", "1", "3", "--json"]
    assert main([*map(str, given), *sets, *sizes]) == 0
    one, three = json.loads(capsys.readouterr().out.splitlines()[-1])["sizes"]
    assert (one["copies"], three["copies"]) == (1, 3)
    assert three["records"] == 3 * one["records"] > 0
    assert one["titles"] < three["titles"] <= 3 * one["titles"]
    assert one["times_the_first"] == 1
    ratio = three["seconds"] / one["seconds"]
    assert three["times_the_first"] == pytest.approx(ratio, abs=0.01)
    assert min(one["peak_rss_bytes"], three["peak_rss_bytes"], one["cpu_seconds"]) > 0
    assert list(scratch.iterdir()) == []


def test_no_copy_at_all_is_refused(catalogue: Path) -> None:
    with pytest.raises(UsageError, match="--copies 0: must be at least 1"):
        main(["--input", str(catalogue), "--copies", "3", "0"])
