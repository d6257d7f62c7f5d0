"""Run a command and measure it: wall and CPU seconds, peak memory of the whole process tree."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_SECONDS, LONGEST_WAIT_SECONDS = 0.05, 0.25
WATCHED_SHARE = 0.05  # of one core: watching must not slow what is watched
_STDERR_LINES = 15


@dataclass(frozen=True)
class Measurement:
    """What one run took; `figures` is the JSON object in the last line of its standard output."""

    seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    figures: dict[str, Any]

    def as_figures(self) -> dict[str, Any]:
        """Return everything as one flat JSON object; its own `seconds` become `own_seconds`."""
        own = {f"own_{k}" if k == "seconds" else k: v for k, v in self.figures.items()}
        measured = {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "peak_rss_bytes": self.peak_rss_bytes,
        }
        return own | measured


class RunFailed(Exception):
    """A measured command ended with another status than 0."""


def measure(command: Sequence[str], beside: Sequence[int] = ()) -> Measurement:
    """Run `command` at the repository's root; raise `RunFailed` if it fails.

    `beside` are ids of processes that work for it, as those of a cluster: what they and their
    descendants take counts too. Memory is that of the process and all its descendants, sampled
    every 50 ms, or more rarely where that would take much of a core: of several the sum of their
    proportional set sizes, so that a page that they share counts once.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        cpu, start = _cpu_of_children() + _cpu_of_trees(beside), time.perf_counter()
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            cwd=ROOT,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )
        with _killed_on_error(process), PeakMemory(process.pid, *beside) as memory:
            status = process.wait()
        seconds = time.perf_counter() - start
        cpu = _cpu_of_children() + _cpu_of_trees(beside) - cpu
        if status:
            tail = "\n".join(_text(stderr).splitlines()[-_STDERR_LINES:])
            raise RunFailed(f"{' '.join(command)} ended with status {status}:\n{tail}")
        return Measurement(seconds, cpu, memory.peak, last_json(_text(stdout)))


def measure_median(
    command: Callable[[Path], Sequence[str]], folder: Path, repeat: int = 1
) -> Measurement:
    """Run `command(<a new folder>)` `repeat` times; return the run of median duration."""
    runs = [measure(command(folder / f"{number}")) for number in range(repeat)]
    return sorted(runs, key=lambda run: run.seconds)[(repeat - 1) // 2]


class PeakMemory:
    """Watch processes and their descendants from a thread; `peak` is in bytes.

    A process that may not be looked into, or is gone, counts as nothing.
    """

    def __init__(self, *pids: int) -> None:
        self.peak = 0
        self._pids = pids
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        roots = _living(self._pids)
        while roots:
            began = time.thread_time()
            with contextlib.suppress(psutil.Error):
                self.peak = max(self.peak, tree_memory(roots, self.peak))
            cost = time.thread_time() - began
            wait = min(max(SAMPLE_SECONDS, cost / WATCHED_SHARE), LONGEST_WAIT_SECONDS)
            if self._done.wait(wait):
                return


def tree_memory(roots: Sequence[psutil.Process], at_least: int = 0) -> int:
    """Return the memory of `roots` and their descendants in bytes, or less than `at_least`.

    Resident size is cheap to read and never below the proportional one, which the kernel adds up
    page by page: the latter is asked for only when it could be a new peak. Nor is it where there
    is one process: strangers that have the same libraries mapped would make it look smaller.
    """
    processes = _descendants(roots)
    resident = sum(_resident(process) for process in processes)
    if resident <= at_least:
        return 0
    if len(processes) == 1:
        return resident
    return sum(_proportional(process) for process in processes)


def last_json(text: str) -> dict[str, Any]:
    """Return the JSON object in the last line of `text`; nothing, if there is none."""
    lines = text.strip().splitlines()
    with contextlib.suppress(ValueError):
        value = json.loads(lines[-1]) if lines else {}
        if isinstance(value, dict):
            return value
    return {}


@contextlib.contextmanager
def _killed_on_error(process: subprocess.Popen[bytes]) -> Any:
    """End the session of `process` if we are interrupted while it runs."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def _living(pids: Sequence[int]) -> list[psutil.Process]:
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            found.append(psutil.Process(pid))
    return found


def _descendants(roots: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Return the processes themselves and all below them that are there now."""
    found = []
    for root in roots:
        with contextlib.suppress(psutil.Error):
            found += [root, *root.children(recursive=True)]
    return found


def _cpu_of_trees(pids: Sequence[int]) -> float:
    """Return the CPU seconds so far of processes, their descendants and those that ended."""
    seconds = 0.0
    for process in _descendants(_living(pids)):
        with contextlib.suppress(psutil.Error):
            seconds += sum(process.cpu_times()[:4])
    return seconds


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return _resident(process)
    return int(getattr(memory, "pss", memory.rss))


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
