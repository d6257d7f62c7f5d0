"""The benchmark of stages: the clock, the rates, and all stages of a small catalogue."""

from __future__ import annotations

import importlib
import json
import time
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import stages
from benchmarks.command import aisle
from benchmarks.measure import measure
from benchmarks.stage_clock import (
    BUILD,
    FIXED,
    IMPORTS,
    LEARN,
    PREPROCESS,
    REST,
    STAGES,
    StageClock,
)
from configs.errors import UsageError

FEW = {"preprocess": {"num_shards": 2}, "source": {"columns": {"title": ["ad"]}}}


@pytest.fixture
def headed(config: Path) -> Path:
    """Give a config that names the column of the catalogue."""
    config.write_text(yaml.safe_dump(yaml.safe_load(config.read_text()) | FEW))
    return config


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StageClock:
    """Give a clock of a process that takes a second of CPU whenever it is asked for it."""
    seconds = iter(range(1, 1000))
    monkeypatch.setattr(time, "process_time", lambda: float(next(seconds)))
    return StageClock()


def test_what_a_stage_calls_belongs_to_the_stage_of_its_own(clock: StageClock) -> None:
    inner = clock.timed("inner", lambda: "made")
    outer = clock.timed("outer", lambda: [inner(), inner()])
    clock.enter(REST)
    assert outer() == ["made", "made"]
    clock.enter(REST)
    assert clock.seconds == {IMPORTS: 1, REST: 2, "outer": 3, "inner": 2}


def test_between_two_values_the_time_is_the_callers(clock: StageClock) -> None:
    def count() -> Iterator[int]:
        yield from range(2)

    clock.enter(REST)
    assert list(clock.timed("counting", count)()) == [0, 1]
    assert clock.stage == REST
    assert clock.seconds["counting"] == 3  # two values and the end


def test_an_error_ends_its_stage(clock: StageClock) -> None:
    clock.enter(REST)
    with pytest.raises(ZeroDivisionError):
        clock.timed("failing", lambda: 1 / 0)()
    assert clock.stage == REST


def test_what_learns_keeps_what_it_calls_of_tensorflow_transform(clock: StageClock) -> None:
    clock.enter(LEARN)
    clock.timed("make features", lambda: None)()
    assert "make features" not in clock.seconds


@pytest.mark.parametrize("command", STAGES)
def test_every_function_of_a_stage_is_there(command: str) -> None:
    for places in STAGES[command].values():
        for place in places:
            module, _, name = place.partition(":")
            assert callable(reduce(getattr, name.split("."), importlib.import_module(module)))


def size(records: int, **seconds: float) -> dict[str, Any]:
    return {"records": records, "stages": {"imports": 3.0, **seconds}}


def rates(few: dict[str, float], many: dict[str, float]) -> dict[str, tuple[float, float]]:
    found = stages.rates_of("predict", size(1_000_000, **few), size(3_000_000, **many))
    return {of["stage"]: (of["fixed_seconds"], of["seconds_a_million"]) for of in found}


def test_a_rate_is_the_line_through_two_sizes() -> None:
    name = "read and parse"
    assert rates({name: 3}, {name: 7})[name] == (1, 2)
    assert rates({name: 1}, {name: 7})[name] == (0, round(7 / 3, 4))
    assert rates({name: 3}, {name: 2})[name] == (2, 0)
    assert rates({}, {})["imports"] == (3, 0)


def test_what_the_stages_lack_is_named() -> None:
    found = stages.size_of(10, 5.0, {"stages": {"one": 3.0, REST: 1.0}, "bytes": 70})
    assert found["explained"] == 0.6
    assert found["stages"][stages.OUTSIDE] == 1
    assert found["bytes_a_record"] == 7


def test_a_run_goes_through_every_stage(catalogue: Path, headed: Path, tmp_path: Path) -> None:
    words = aisle("preprocess", headed, tmp_path / "out", "--input", str(catalogue))
    python, m, _, *rest = words
    ran = measure([python, m, "benchmarks.stage_clock", str(tmp_path / "clock"), *rest])
    found = json.loads((tmp_path / "clock").read_text())
    assert set(found["stages"]) == {IMPORTS, REST, *PREPROCESS}
    assert min(found["stages"].values()) > 0
    assert sum(found["stages"].values()) <= ran.cpu_seconds
    assert found["bytes"] > ran.figures["records"]
    assert ran.figures["examples"] > 0


@pytest.mark.system
def test_stages_explain_what_the_commands_take(
    catalogue: Path, headed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    given = ["--input", catalogue, "--config", headed, "--scratch", scratch]
    assert stages.main([*map(str, given), "--cut", "60", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(figures) == list(STAGES)
    for command, found in figures.items():
        few, many = found["sizes"]
        assert few["records"] < many["records"]
        assert many["in_stages"] <= many["clocked_cpu_seconds"]
        assert {of["stage"] for of in found["stages"]} >= {IMPORTS, BUILD, *STAGES[command]}
        assert all(not of["seconds_a_million"] for of in found["stages"] if of["stage"] in FIXED)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("cut", ["0", "1000"])
def test_the_cut_must_be_smaller(catalogue: Path, headed: Path, cut: str) -> None:
    with pytest.raises(UsageError, match=f"--cut {cut}: must be at least 1 and less than all"):
        stages.main(["--input", str(catalogue), "--config", str(headed), "--cut", cut])
