"""`make airflow` alone: with SQLite from its start to Ctrl-C, and what stops it before."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from airflow_house import AIRFLOW, Airflow
from served_house import serving, until
from servers import free_port

from airflow_dags.serve import DATABASE_VARIABLE, HOME

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("airflow_installed")]


def refusal(folder: Path, port: int, database: str) -> str:
    """Return the one line with which it ends before it starts anything."""
    command = [AIRFLOW, "-m", "airflow_dags.serve", "--folder", folder, "--titles", "0"]
    done = subprocess.run(
        [*command, "--port", str(port)],
        env={**os.environ, DATABASE_VARIABLE: database},
        cwd=HOME,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_new_house_with_sqlite_has_a_page_a_watcher_and_an_end(tmp_path: Path) -> None:
    config = HOME / "configs" / "amazon_ads.yaml"
    folder = tmp_path / "home"
    house = Airflow(folder, config, folder / "aisle", None, free_port())
    with serving(house) as served:
        assert served.words[0] == f"Airflow:   http://localhost:{house.port}\n"
        runs = "/api/v2/dags/watch_inbox/dagRuns"
        until(lambda: served.ask(runs)[1].get("total_entries"), house, "run of watch_inbox")
        assert (folder / "airflow.db").exists()
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(300) == 0
        assert served.processes() == []


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} is taken; choose another" in refusal(tmp_path, port, "")


def test_a_database_of_another_kind_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, free_port(), "mysql://root@127.0.0.1/airflow")
    assert f"{DATABASE_VARIABLE} must begin with postgresql+psycopg://" in said


def test_a_database_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    nobody = f"postgresql+psycopg://airflow@127.0.0.1:{free_port()}/airflow"
    said = refusal(tmp_path, free_port(), nobody)
    assert f"database cannot be used; see {tmp_path}/airflow.log" in said
    assert "Connection refused" in (tmp_path / "airflow.log").read_text()
