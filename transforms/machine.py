"""The machine that this process runs on."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


@functools.cache
def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def threads() -> ThreadPoolExecutor:
    """Return a thread a core, which all steps of this process share."""
    return ThreadPoolExecutor(cores(), "aisle")


def on_threads(work: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[Made]:
    """Start `work` of each on a thread a core; what is returned yields the outcomes in order."""
    return _outcomes([threads().submit(work, each) for each in given])


def _outcomes(under_way: list[Future[Made]]) -> Iterator[Made]:
    try:
        for future in under_way:
            yield future.result()
    finally:  # after an error no more of them begin
        for future in under_way:
            future.cancel()
