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
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_BETWEEN_LINES = 30


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
    """Give what the block tells how far it is: a bar on a terminal, else a `LogCounter`."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield LogCounter(title, what, total)
        return
    with _bars(console) as bars:
        yield _Bar(bars, f"{title}: {what}", total)


class ProgressCounter(Protocol):
    """Is told of so many more that are done, and what was found on the way."""

    def __call__(self, count: int) -> None: ...

    def say(self, found: str) -> None: ...


class _Bar:
    """A bar that moves; beside it stands what was found last."""

    def __init__(self, bars: Progress, name: str, total: int | None) -> None:
        self._bars, self._name = bars, name
        self._task = bars.add_task(name, total=total)

    def __call__(self, count: int) -> None:
        self._bars.advance(self._task, count)

    def say(self, found: str) -> None:
        self._bars.update(self._task, description=escape(f"{self._name}, {found}"))


class LogCounter:
    """Lines on standard error for who reads a log: what was found, and every half minute how far.

    `train: 1,228,800 of 3,000,000 titles, 61 s`. Work that takes no half minute says nothing.
    """

    def __init__(
        self, title: str, what: str, total: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title, self._clock = title, clock
        self._of = what if total is None else f"of {total:,} {what}"
        self._begun = self._said = clock()
        self._done = 0
        self._found: list[str] = []

    def __call__(self, count: int) -> None:
        self._done += count
        if self._clock() - self._said >= _SECONDS_BETWEEN_LINES:
            self._write(f"{self._done:,} {self._of}, {self._clock() - self._begun:.0f} s")

    def say(self, found: str) -> None:
        self._found.append(found)
        if self._clock() - self._begun >= _SECONDS_BETWEEN_LINES:
            self._write()

    def _write(self, *more: str) -> None:
        with contextlib.suppress(OSError):  # a log that cannot be written ends no training
            if sys.stderr is not None:
                sys.stderr.writelines(f"{self._title}: {line}\n" for line in (*self._found, *more))
        self._found.clear()
        self._said = self._clock()


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
