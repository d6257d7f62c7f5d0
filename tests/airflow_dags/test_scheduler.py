"""The real scheduler, started as `make airflow` starts it: dumps go in, labels come out, once each.

The second half kills everything (SIGKILL) while a dump is being labelled and starts it again.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow_house import AIRFLOW, Airflow, free_port

from airflow_dags.serve import HOME

NAMES = [f"night{number}" for number in range(10)]
LONGEST = 240.0
ROWS = [
    (f"{what}{number}", f"Acme {what} {number}")
    for number in range(3)
    for what in ("watch", "towel")
]


@contextlib.contextmanager
def serving(house: Airflow) -> Iterator[subprocess.Popen[str]]:
    """Start the whole of Airflow; end it and all that it started."""
    command = ["-m", "airflow_dags.serve", "--folder", house.folder, "--config", house.config]
    process = subprocess.Popen(
        [AIRFLOW, *command, "--port", str(house.port), "--titles", "0"],
        cwd=HOME,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        kill_all(house)
        process.wait(10)


def of_house(house: Airflow) -> list[int]:
    """Return every process whose environment names this Airflow's folder."""
    mark, found = f"AIRFLOW_HOME={house.folder}".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def kill_all(house: Airflow) -> None:
    """Kill (SIGKILL) the scheduler, its tasks, and all else of this Airflow."""
    for process in of_house(house):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def until(found: Callable[[], Any], house: Airflow, what: str) -> Any:
    """Wait for what another process does; say what Airflow said where it does not come."""
    end = time.monotonic() + LONGEST
    while time.monotonic() < end:
        with contextlib.suppress(OSError, sqlite3.Error):
            if got := found():
                return got
        time.sleep(0.2)
    log = (house.folder / "airflow.log").read_text(errors="replace")
    raise AssertionError(f"no {what} in {LONGEST:.0f} s\n{log[-5000:]}")


def query(path: Path, sql: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def labels(house: Airflow, start: str) -> list[Any]:
    """Return the labels of the products whose id begins so, by id."""
    sql = "SELECT product_id, label, probability FROM labels"
    return sorted(row for row in query(house.prefix / "labels.db", sql) if row[0].startswith(start))


def changes(house: Airflow, start: str) -> list[str]:
    found = query(house.prefix / "labels.db", "SELECT product_id FROM label_history")
    return [name for (name,) in found if name.startswith(start)]


def drop(house: Airflow, name: str) -> None:
    """Drop a dump as one should: write it elsewhere, then move it in."""
    part = house.folder / f"{name}.part"
    part.write_text("\n".join(["id,title", *(f"{name}-{key},{title}" for key, title in ROWS), ""]))
    part.rename(house.prefix / "inbox" / f"{name}.csv")


def runs(house: Airflow) -> list[tuple[str, str]]:
    sql = "SELECT run_id, state FROM dag_run WHERE dag_id = 'score_dump' AND run_id LIKE 'dump__%'"
    return sorted(query(house.folder / "airflow.db", sql))


def ended(house: Airflow) -> int:
    return sum(state in ("success", "failed") for _, state in runs(house))


@pytest.fixture(scope="module")
def house(retrained: tuple[Airflow, dict[str, Any], str], tmp_path_factory: Any) -> Airflow:
    """Give a copy of the trained house, with a port of its own and no dumps scored."""
    trained, _, _ = retrained
    copy = Airflow(tmp_path_factory.mktemp("served") / "home", trained.config, free_port())
    left_out = shutil.ignore_patterns(
        "archive", "quarantine", "scoring", "labels.db*", "logs", "*.cfg"
    )
    shutil.copytree(trained.folder, copy.folder, ignore=left_out)
    return copy


@pytest.fixture(scope="module")
def scored(house: Airflow) -> Airflow:
    """Give the house after ten dumps lay in the inbox when it was opened."""
    for name in NAMES:
        drop(house, name)
    with serving(house) as process:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(3)]
        assert said[0].startswith(f"Airflow:   http://localhost:{house.port}")
        assert said[2].startswith("password:  ")
        until(lambda: ended(house) >= len(NAMES), house, "ten ended runs")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        until(lambda: not of_house(house), house, "end of all processes")
    return house


def test_ten_dumps_dropped_at_once_are_scored_each_once(scored: Airflow) -> None:
    assert [state for _, state in runs(scored)] == ["success"] * len(NAMES)
    assert len(list((scored.prefix / "archive").glob("night*/night*.csv"))) == len(NAMES)
    expected = sorted(f"{name}-{key}" for name in NAMES for key, _ in ROWS)
    assert [row[0] for row in labels(scored, "night")] == expected
    assert sorted(changes(scored, "night")) == expected


def test_killed_in_the_middle_of_a_run_it_ends_with_the_same_labels(scored: Airflow) -> None:
    undisturbed = [
        (f"kill-{name.partition('-')[2]}", *rest) for name, *rest in labels(scored, "night0-")
    ]
    with serving(scored):
        drop(scored, "kill")
        at_work = "runs/*/.work/kill.csv-*/predict.lock"
        until(lambda: list(scored.prefix.glob(at_work)), scored, "prediction at work")
        kill_all(scored)
    assert labels(scored, "kill") == []
    with serving(scored):
        until(lambda: ended(scored) == len(NAMES) + 1, scored, "ended run")
    assert labels(scored, "kill") == undisturbed
    assert sorted(changes(scored, "kill")) == [row[0] for row in undisturbed]
