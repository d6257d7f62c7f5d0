"""What a person sees while a pipeline works: counts that move.

Beam's local runner tells nothing until it ends, and its workers may be other processes: they append
to one small file, which the command reads. On a cluster the runner has its own page: nothing is
written there.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

_SECONDS_BETWEEN_LOOKS = 0.2


@dataclass(frozen=True)
class ProgressLog:
    """An append-only file of `<count> <what>` lines; without a path nothing is noted."""

    path: str | None = None

    def add(self, what: str, count: int) -> None:
        """Note that `count` more are done; short appends of several processes do not mix."""
        if self.path is None or not count:
            return
        with open(self.path, "ab", buffering=0) as file:
            file.write(f"{count} {what}\n".encode())


@contextlib.contextmanager
def show_progress(title: str, log: ProgressLog, totals: Mapping[str, int]) -> Iterator[None]:
    """Show a bar for each thing that is counted in `log` while the block runs, on stderr.

    `totals` says how many there will be of what, where that is known. Where standard error is not
    a terminal nothing is drawn.
    """
    console = Console(stderr=True)
    if log.path is None or not console.is_terminal or not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    with _bars(console) as bars:
        watcher = threading.Thread(target=_watch, args=(log.path, bars, title, totals, done))
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()


@contextlib.contextmanager
def counting(title: str, what: str, total: int | None) -> Iterator[ProgressCounter]:
    """Show one bar that the block moves itself, on stderr where that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield ProgressCounter()
        return
    with _bars(console) as bars:
        yield ProgressCounter(bars, bars.add_task(f"{title}: {what}", total=total))


class ProgressCounter:
    """Moves a bar, if there is one."""

    def __init__(self, bars: Progress | None = None, task: int = 0) -> None:
        self._bars, self._task = bars, task

    def __call__(self, count: int) -> None:
        if self._bars is not None:
            self._bars.advance(self._task, count)  # type: ignore[arg-type]  # TaskID is an int


def _bars(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _watch(
    path: str, bars: Progress, title: str, totals: Mapping[str, int], done: threading.Event
) -> None:
    tasks = {}
    first = bars.add_task(f"{title}: starting", total=None)
    offset = 0
    while True:
        last_look = done.wait(_SECONDS_BETWEEN_LOOKS)
        lines, offset = _new_lines(path, offset)
        for line in lines:
            count, _, what = line.partition(" ")
            if what not in tasks:
                bars.update(first, visible=False)
                tasks[what] = bars.add_task(f"{title}: {what}", total=totals.get(what))
            bars.advance(tasks[what], int(count))
        if last_look:
            return


def _new_lines(path: str, offset: int) -> tuple[list[str], int]:
    """Return the whole lines behind `offset`, and the offset behind them."""
    if not os.path.exists(path):
        return [], offset
    with open(path, "rb") as file:
        file.seek(offset)
        fresh = file.read()
    whole = fresh[: fresh.rfind(b"\n") + 1]
    return whole.decode().splitlines(), offset + len(whole)
