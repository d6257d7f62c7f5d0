"""A scheduler tells by the exit status what to try again: 75 may pass, 2 must be mended."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from chain import aisle

from configs.errors import PassingFault, UsageError
from configs.stores import StoreSettings
from pipelines.sinks.doors import open_ledger
from pipelines.sinks.engine import parse_url
from pipelines.stage import run_stage


def test_a_locked_store_may_pass(tmp_path: Path) -> None:
    path = tmp_path / "labels.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("BEGIN EXCLUSIVE")
        url = parse_url(f"sqlite:///{path}?timeout=0")
        with pytest.raises(PassingFault, match="locked"), open_ledger(url, StoreSettings()):
            pass


def test_a_new_store_that_another_holds_is_waited_for(tmp_path: Path) -> None:
    """Before it has a write-ahead log too, where SQLite itself would not wait."""
    path = tmp_path / "labels.db"
    with contextlib.closing(
        sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    ) as other:
        other.execute("BEGIN EXCLUSIVE")
        other.execute("CREATE TABLE others (a)")
        done = threading.Timer(0.5, other.execute, ["COMMIT"])
        done.start()
        with open_ledger(parse_url(f"sqlite:///{path}"), StoreSettings()):
            assert not other.in_transaction
        done.join()
    with contextlib.closing(sqlite3.connect(path)) as store:
        assert store.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_stage_that_another_process_holds_may_pass(tmp_path: Path) -> None:
    with open(tmp_path / "train.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PassingFault, match="another process is running train"):
            run_stage(
                "train",
                lambda _: {},
                folders={"export": str(tmp_path / "export")},
                work=str(tmp_path),
                input_fingerprint="i",
                config_fingerprint="c",
            )


@pytest.mark.parametrize(("error", "status"), [(PassingFault, 75), (UsageError, 2)])
def test_the_command_line_tells_them_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: type[UsageError], status: int
) -> None:
    def refuse(_: object) -> dict[str, object]:
        raise error("champion.json: as the test says")

    monkeypatch.setattr("pipelines.champion.rollback", lambda prefix: refuse(prefix))
    said = aisle("rollback", "--prefix", tmp_path)
    assert said.status == status
    assert said.err == "aisle rollback: champion.json: as the test says\n"


_CTRL_C_IN_A_STEP = """
import os, signal
import apache_beam as beam
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from aisle.__main__ import command

def walk(prefix):
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        pipeline | beam.Create([1]) | "A step" >> beam.Map(lambda _: os.kill(os.getpid(), 2))

import pipelines.champion
pipelines.champion.rollback = walk
signal.signal(signal.SIGINT, signal.default_int_handler)  # may be ignored where tests run
command()
"""


def test_ctrl_c_while_beam_runs_is_one_line_and_130(tmp_path: Path) -> None:
    """Beam raises a `RuntimeError` of its own in its place, and logs it step by step."""
    words = [sys.executable, "-c", _CTRL_C_IN_A_STEP, "rollback", "--prefix", tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.stderr == "aisle rollback: stopped; run it again to go on\n"
    assert (done.returncode, done.stdout) == (130, "")


_CTRL_C_IN_A_WORKER = """
import os, signal
import apache_beam as beam
from aisle.__main__ import command
from configs.runners import RunnerSettings
from pipelines.runner import pipeline_options, running

def walk(prefix):
    settings = RunnerSettings(workers=2, running_mode="multi_processing")
    with running(pipeline_options(settings, []), settings, prefix) as pipeline:
        pipeline | beam.Create([1]) | "A step" >> beam.Map(lambda _: os.killpg(0, 2))

import pipelines.champion
pipelines.champion.rollback = walk
signal.signal(signal.SIGINT, signal.default_int_handler)  # may be ignored where tests run
command()
"""


def test_ctrl_c_while_worker_processes_run_is_one_line_and_130(tmp_path: Path) -> None:
    """A terminal sends it to all processes of a command, and each would have a page to say."""
    words = [sys.executable, "-c", _CTRL_C_IN_A_WORKER, "rollback", "--prefix", tmp_path]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120, start_new_session=True
    )
    assert done.stderr == "aisle rollback: stopped; run it again to go on\n"
    assert (done.returncode, done.stdout) == (130, "")


@pytest.mark.parametrize("read", [False, True])
def test_who_does_not_read_the_figures_makes_no_command_fail(tmp_path: Path, read: bool) -> None:
    sample = ["sample", "--folder", tmp_path, "--titles", "1600", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "aisle", *sample], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    if read:
        process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(300) == 0
    assert (tmp_path / "dump.csv").exists()


@pytest.mark.parametrize("further", [[], ["--json"]])
def test_an_output_that_cannot_be_written_is_one_line(tmp_path: Path, further: list[str]) -> None:
    words = [sys.executable, "-m", "aisle", "sample", "--folder", tmp_path, "--titles", "1600"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*words, *further], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "aisle sample: standard output cannot be written (No space left on device), but the work "
        "is done; write it elsewhere\n"
    )
    assert (tmp_path / "dump.csv").exists()


def test_letters_that_an_output_lacks_are_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "démo"
    words = [sys.executable, "-m", "aisle", "sample", "--folder", folder, "--titles", "1600"]
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*words, "--json"], capture_output=True, text=True, env=ascii_only)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{tmp_path}/d?mo/dump.csv" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["dump"] == str(folder / "dump.csv")


def test_a_process_ends_with_the_status_of_its_command(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "aisle", "rollback", "--prefix", tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("aisle rollback: ")
