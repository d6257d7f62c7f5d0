"""Run an `aisle` command as a process of its own, and read its figures.

Exit status 2 says that somebody has to mend something: the task fails and is not tried again. Any
other (75: it may pass; a signal; a crash) is tried again with growing waits. The process dies with
the task that started it: an orphan would hold the stage that the next try wants.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_dags.deployment import HOME, prefix, read_config

MEND = 2
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_log = logging.getLogger(__name__)

Figures = dict[str, Any]


def run_aisle(
    command: str, *options: str, config: str, beam: Sequence[str] = (), dump_id: str | None = None
) -> Figures:
    """Run `aisle COMMAND OPTIONS --json`; log what it says, return its figures.

    Its JSON is logged on one line with DAG, run, task and, where one is given, the dump's id.

    Raises `AirflowFailException` (no further try) with the command's own line on exit status 2,
    `AirflowException` on any other but 0.
    """
    python = read_config(config).schedule.python or sys.executable
    typed = [python, "-m", "aisle", command, *options, "--prefix", prefix(), "--json"]
    if command not in ("promote", "rollback", "champion"):
        typed += ["--config", config]
    if beam:
        typed += ["--", *beam]
    _log.info("running %s", " ".join(typed))
    try:
        status, out, err = _run(typed)
    except (FileNotFoundError, PermissionError) as error:
        raise AirflowFailException(
            f"schedule.python {python}: {error.strerror}; name the interpreter that has Aisle"
        ) from None
    if status == MEND:
        raise AirflowFailException(_last(err) or f"aisle {command}: exit status {MEND}")
    if status:
        raise AirflowException(f"aisle {command}: exit status {status}: {_last(err)}")
    figures: Figures = json.loads(_last(out))
    about = {**_where(), "dump_id": dump_id} if dump_id else _where()
    _log.info("%s", json.dumps({**about, "stage": command, "figures": figures}))
    return figures


def run_name(airflow_run: str) -> str:
    """Turn Airflow's run id into a run id of Aisle.

    >>> run_name("manual__2026-11-21T14:14:08+00:00")
    'manual__2026-11-21T14-14-08-00-00'
    """
    return re.sub(r"[^A-Za-z0-9_.=-]", "-", airflow_run)[:128]


def only_small(figures: Mapping[str, Any], *names: str) -> Figures:
    """Return the few figures that the next task needs: XCom is no place for more."""
    return {name: figures[name] for name in names if name in figures}


def _run(typed: Sequence[str]) -> tuple[int, deque[str], deque[str]]:
    with _process(typed) as process:
        assert process.stdout
        assert process.stderr
        out: deque[str] = deque(maxlen=50)
        err: deque[str] = deque(maxlen=50)
        reader = threading.Thread(target=_follow, args=(process.stderr, err))
        reader.start()
        _follow(process.stdout, out)
        reader.join()
        return process.wait(), out, err


@contextlib.contextmanager
def _process(typed: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Start a group of its own, and end all of it if the task is ended (timeout, cleared)."""
    environment = {**os.environ, "PYTHONPATH": _python_path()}
    process = subprocess.Popen(
        typed,
        cwd=HOME,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )
    try:
        with process:
            try:
                yield process
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _python_path() -> str:
    return os.pathsep.join(filter(None, (str(HOME), os.environ.get("PYTHONPATH"))))


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _follow(stream: IO[str], kept: deque[str]) -> None:
    for line in stream:
        if line.strip():
            kept.append(line.rstrip())
            _log.info("%s", line.rstrip())


def _last(lines: deque[str]) -> str:
    return lines[-1] if lines else ""


def _where() -> Figures:
    """Name the run and the task that a log line belongs to."""
    task = get_current_context()["ti"]
    return {"dag": task.dag_id, "run": task.run_id, "task": task.task_id}
