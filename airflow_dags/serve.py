"""A whole Airflow on this machine, for trying the DAGs: `make airflow`.

Scheduler, API server with the web page, triggerer and DAG processor, all in one folder; the sample
catalogue and an inbox are ready. Ctrl-C ends all of it. Not for production.

Airflow's own database is SQLite, which one process at a time may write: where a dozen runs go side
by side they wait for one another, and Airflow may lose a task. The variable AISLE_AIRFLOW_DATABASE
names a PostgreSQL instead.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from configs.artifacts import PREFIX_VARIABLE, PrefixArtifacts
from configs.errors import UsageError
from configs.loading import load_settings

HOME = Path(__file__).resolve().parents[1]
USER = "admin"
DATABASE_VARIABLE = "AISLE_AIRFLOW_DATABASE"
_PASSWORDS = "passwords.json"
_STARTING_SECONDS = 180
_ENDING_SECONDS = 15
# What was killed is taken up again within half a minute, not five.
_TEMPER = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
    "AIRFLOW__CORE__PARALLELISM": "4",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Prepare, start, say where the page is, wait for Ctrl-C; return 2 where somebody must mend."""
    given = _parse(arguments)
    for sign in (signal.SIGTERM, signal.SIGINT):  # a shell starts what is behind `&` deaf to SIGINT
        signal.signal(sign, _interrupt)
    try:
        return _serve(given)
    except KeyboardInterrupt:
        return 0
    except (UsageError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"make airflow: {error}\n")
        return 2


def _serve(given: argparse.Namespace) -> int:
    _check_port(given.port)
    folder = Path(given.folder).resolve()
    database = os.environ.get(DATABASE_VARIABLE)
    environment = airflow_environment(folder, Path(given.config).resolve(), given.port, database)
    _prepare(folder, environment, given)
    process = _start(environment, folder)
    try:
        _wait_for_page(process, given.port, folder)
        _say_where(folder, given.port)
        return process.wait()
    finally:
        end_group(process)


def _start(environment: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    with open(folder / "airflow.log", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=environment,
            cwd=HOME,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def airflow_environment(
    folder: Path, config: Path, port: int, database: str | None = None
) -> dict[str, str]:
    """Return the environment of an Airflow that lives in `folder`, and in `database` if given.

    `database` is a URL of SQLAlchemy, `postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME`. Of what
    the caller's own environment says to Airflow, only where things lie is overruled.
    """
    address = f"http://localhost:{port}"
    parts = (str(HOME), os.environ.get("PYTHONPATH"))
    return {
        **_TEMPER,
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join(filter(None, parts)),
        "AISLE_CONFIG": str(config),
        PREFIX_VARIABLE: str(folder / "aisle"),
        "AIRFLOW_HOME": str(folder),
        **_database(folder, database),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(HOME / "airflow_dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / _PASSWORDS),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__WORKERS": "1",
    }


def _database(folder: Path, url: str | None) -> dict[str, str]:
    if not url:
        return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db?timeout=60"}
    if not url.startswith("postgresql+psycopg://"):
        raise UsageError(f"{DATABASE_VARIABLE} must begin with postgresql+psycopg://")
    # Left to itself Airflow would take another driver, asyncpg, for what it asks without waiting.
    names = ("SQL_ALCHEMY_CONN", "SQL_ALCHEMY_CONN_ASYNC")
    return {f"AIRFLOW__DATABASE__{name}": url for name in names}


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group: first gently, then for certain; no further Ctrl-C stops it."""
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, signal.SIG_IGN)
    for sign, seconds in ((signal.SIGTERM, _ENDING_SECONDS), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        end = time.monotonic() + seconds
        while (process.poll() is None or _lives(process.pid)) and time.monotonic() < end:
            time.sleep(0.1)


def _lives(group: int) -> bool:
    """Tell whether a process of the group is left; one that only waits to be reaped is not."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group, *_ = entry.read_text().rpartition(")")[2].split()
            if its_group == str(group) and state != "Z":
                return True
    return False


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default=".airflow", help="where all of it lives")
    parser.add_argument("--config", default=str(HOME / "configs" / "amazon_ads.yaml"))
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--titles", type=int, default=60_000, help="of the sample; 0: no sample")
    return parser.parse_args(arguments)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        if not probe.connect_ex(("127.0.0.1", port)):
            raise UsageError(f"port {port} is taken; choose another: make airflow PORT={port + 1}")


def _prepare(folder: Path, environment: dict[str, str], given: argparse.Namespace) -> None:
    """Make what is not there yet: folders, a password, the sample catalogue, the database."""
    at = PrefixArtifacts(environment[PREFIX_VARIABLE])
    Path(at.inbox).mkdir(parents=True, exist_ok=True)
    passwords = folder / _PASSWORDS
    if not passwords.exists():
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({USER: secrets.token_urlsafe(12)}))
    if given.titles and not Path(at.catalogue).exists():
        sys.stdout.write(f"Writing a sample catalogue into {at.catalogue}\n")
        python = load_settings(given.config).schedule.python or sys.executable
        sample = ["sample", "--folder", environment[PREFIX_VARIABLE], "--titles", str(given.titles)]
        command = [python, "-m", "aisle", *sample]
        subprocess.run(command, check=True, cwd=HOME, stdout=subprocess.DEVNULL)
    with open(folder / "airflow.log", "ab") as log:
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        done = subprocess.run(migrate, env=environment, stdout=log, stderr=log)
    if done.returncode:
        raise UsageError(f"Airflow's database cannot be used; see {folder / 'airflow.log'}")
    if (folder / "airflow.db").exists():
        with contextlib.closing(sqlite3.connect(folder / "airflow.db")) as database:
            database.execute("PRAGMA journal_mode=WAL")  # who reads holds up nobody who writes


def _wait_for_page(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    began = time.monotonic()
    while process.poll() is None and time.monotonic() - began < _STARTING_SECONDS:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.5)
    raise UsageError(f"Airflow did not start; see {folder / 'airflow.log'}")


def _say_where(folder: Path, port: int) -> None:
    password = json.loads((folder / _PASSWORDS).read_text())[USER]
    sys.stdout.write(
        f"Airflow:   http://localhost:{port}\n"
        f"user:      {USER}\n"
        f"password:  {password}\n"
        f"inbox:     {folder / 'aisle' / 'inbox'}  (drop a dump here)\n"
        f"logs:      {folder / 'airflow.log'}\n"
        "Ctrl-C ends all of it.\n"
    )
    sys.stdout.flush()


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
