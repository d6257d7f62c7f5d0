"""Start a whole Airflow as `make airflow` does, speak to its page, kill all of it, look inside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from airflow_house import AIRFLOW, Airflow

from airflow_dags.serve import DATABASE_VARIABLE, HOME

LONGEST = 240.0
AFTER_ONE_IN_VAIN = 20.0
# a test need not wait half a minute until a killed task is missed
QUICK = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "4",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "15",
}


class Served:
    """A running Airflow: `words` is what it said when it was ready."""

    def __init__(self, house: Airflow, process: subprocess.Popen[str]) -> None:
        self.house, self.process = house, process
        assert process.stdout
        self.words = [process.stdout.readline() for _ in range(6)]
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        self._sessions = {*children, str(process.pid)}
        self._token = ""

    def ask(self, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Ask the page's server as its user, with the password that was printed."""
        if not self._token and path != "/auth/token":
            password = self.words[2].split()[1]
            said = {"username": "admin", "password": password}
            self._token = self.ask("/auth/token", said)[1]["access_token"]
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        address = f"http://127.0.0.1:{self.house.port}{path}"
        request = urllib.request.Request(address, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def answer(self, dag_id: str, conf: dict[str, object]) -> tuple[int, dict[str, Any]]:
        """Ask for a run of a DAG."""
        return self.ask(f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf})

    def trigger(self, dag_id: str, **conf: object) -> tuple[str, str]:
        """Start a run of a DAG, as the page's button does; return DAG and run id."""
        status, answer = self.answer(dag_id, conf)
        assert status == 200, answer
        return dag_id, answer["dag_run_id"]

    def state(self, run: tuple[str, str]) -> str:
        sql = "SELECT state FROM dag_run WHERE dag_id = %s AND run_id = %s"
        return str(self.query(sql, *run)[0][0])

    def ended(self, run: tuple[str, str]) -> str:
        """Wait until a run is over; return its state."""
        until(lambda: self.state(run) in ("success", "failed"), self.house, f"end of {run}")
        return self.state(run)

    def tasks(self, run: tuple[str, str]) -> dict[str, tuple[str, int]]:
        """Return state and number of tries of each task."""
        sql = "SELECT task_id, map_index, state, try_number FROM task_instance "
        found = self.query(sql + "WHERE dag_id = %s AND run_id = %s", *run)
        return {f"{task}[{index}]": (state, tries) for task, index, state, tries in found}

    def log(self, run: tuple[str, str]) -> str:
        """Return the logs of all tries of all tasks of a run."""
        folder = self.house.folder / "logs" / f"dag_id={run[0]}" / f"run_id={run[1]}"
        return "\n".join(file.read_text() for file in sorted(folder.rglob("*.log")))

    def query(self, sql: str, *values: object) -> list[Any]:
        return query(self.house, sql, *values)

    def processes(self) -> list[int]:
        """Return every process of this Airflow, by its session or the folder in its environment."""
        mark, found = f"AIRFLOW_HOME={self.house.folder}".encode(), []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                state, _, _, session, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
                named = mark in (entry / "environ").read_bytes().split(b"\0")
                if state != "Z" and (named or session in self._sessions):
                    found.append(int(entry.name))
        return found

    def kill_all(self) -> None:
        """Kill (SIGKILL) the scheduler, its tasks, and all else of this Airflow."""
        while found := self.processes():
            for process in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        self.process.wait(60)


def query(house: Airflow, sql: str, *values: object) -> list[Any]:
    """Ask Airflow's database."""
    assert house.database
    with psycopg.connect(house.database.replace("+psycopg", "")) as connection:
        return connection.execute(sql, values or None).fetchall()


@contextlib.contextmanager
def serving(house: Airflow) -> Iterator[Served]:
    """Start the whole of Airflow; end it and all that it started."""
    database = {DATABASE_VARIABLE: house.database} if house.database else {}
    command = ["-m", "airflow_dags.serve", "--folder", house.folder, "--config", house.config]
    process = subprocess.Popen(
        [AIRFLOW, *command, "--port", str(house.port), "--titles", "0"],
        cwd=HOME,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **QUICK, **database, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    served = Served(house, process)
    try:
        yield served
    finally:
        served.kill_all()


def until(found: Callable[[], Any], house: Airflow, what: str) -> Any:
    """Wait for what another process does; say what Airflow said where it does not come.

    An Airflow that one test waited for in vain has hardly come to itself when the next one waits.
    """
    in_vain = house.folder / "waited_in_vain"
    longest = AFTER_ONE_IN_VAIN if in_vain.exists() else LONGEST
    end = time.monotonic() + longest
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if got := found():
                return got
        time.sleep(0.2)
    in_vain.touch()
    log = (house.folder / "airflow.log").read_text(errors="replace")
    raise AssertionError(f"no {what} in {longest:.0f} s\n{log[-5000:]}")
