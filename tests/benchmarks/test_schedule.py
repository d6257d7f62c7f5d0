"""The benchmark of what Airflow adds: what it compares, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import schedule
from configs.errors import UsageError


def task(name: str, duration: float | None) -> dict[str, object]:
    return {"task_id": name, "duration": duration}


def test_what_airflow_adds_is_the_run_beside_the_sum_of_the_commands() -> None:
    run = {
        "start_date": "2026-11-21T16:00:00Z",
        "end_date": "2026-11-21T16:00:33Z",
        "tasks": [task("preprocess", 21.0), task("each_model.train", 10.5), task("keep", None)],
    }
    figures = schedule.summarise({"preprocess": 20.0, "train": 10.0}, run)
    assert figures["tasks"] == {"preprocess": 21.0, "train": 10.5, "keep": 0.0}
    assert (figures["stages_seconds"], figures["run_seconds"]) == (30.0, 33.0)
    assert figures["added_share"] == 0.1


def test_without_airflow_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tiny_catalogue: Path
) -> None:
    monkeypatch.setattr(schedule, "AIRFLOW", Path("/no/such/python"))
    with pytest.raises(UsageError, match=r"run `make \.venv-airflow/\.installed` first"):
        schedule.main(["--input", str(tiny_catalogue)])
