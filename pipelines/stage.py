"""Finished is a fact on disk: how every stage starts, publishes and proves that it is whole.

A stage writes to `<run>/.work/<stage>/`, is then moved to its folders, and its manifest
`COMPLETED` is written last. Whoever reads a stage's folder asks for the manifest first.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import itertools
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from aisle import __version__
from configs.artifacts import COMPLETED
from configs.errors import PassingFault, UsageError
from pipelines import storage

DISK_FULL = os.strerror(errno.ENOSPC)
_stages_before = itertools.count()


@dataclass(frozen=True)
class Manifest:
    """What a finished stage says of itself; `figures` holds its counts, `peak_rss` is in bytes."""

    stage: str
    input_fingerprint: str
    config_fingerprint: str
    code_version: str
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    peak_rss: int = 0

    @property
    def fingerprint(self) -> str:
        """Name what was made, for the stage after it: what went in and how, not how long."""
        return "-".join((self.input_fingerprint[:16], self.config_fingerprint, self.code_version))


@dataclass(frozen=True)
class Outcome:
    """The manifest of a stage, and whether it had been finished before."""

    manifest: Manifest
    skipped: bool


def read_manifest(folder: str) -> Manifest | None:
    """Return the manifest of a finished folder, or None where there is none."""
    path = f"{folder}/{COMPLETED}"
    if not storage.exists(path):
        return None
    try:
        return Manifest(**json.loads(storage.read_bytes(path)))
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{path}: not a manifest of Aisle; run the stage again with --force"
        ) from error


def require_manifest(folder: str, command: str) -> Manifest:
    """Return the manifest of a folder that must be finished; `command` is what would finish it."""
    manifest = read_manifest(folder)
    if manifest is None:
        state = "is not finished" if storage.exists(folder) else "is not there"
        raise UsageError(f"{folder} {state}; run `aisle {command}` first")
    return manifest


def run_stage(
    stage: str,
    body: Callable[[str], Mapping[str, Any]],
    *,
    folders: Mapping[str, str],
    work: str,
    input_fingerprint: str,
    config_fingerprint: str,
    force: bool = False,
    renamed_by: str = "--run-id",
) -> Outcome:
    """Run `body` in an empty work folder and publish what it wrote, unless that was done before.

    `folders` maps each sub-folder of the work folder to where it is published; the first gets the
    manifest. `body` takes the work folder and returns its figures. With `force` what is finished
    stays until the new one is. Raises `UsageError` where the finished folder was made from
    something else (`renamed_by` is the option that names another folder), another process runs the
    stage, or the disk is full.
    """
    home = next(iter(folders.values()))

    def done_before() -> Outcome | None:
        found = None if force else read_manifest(home)
        if found is None:
            return None
        _check_same(found, home, input_fingerprint, config_fingerprint, renamed_by)
        return Outcome(found, skipped=True)

    if (before := done_before()) is not None:
        return before
    work_folder = f"{work}/{stage}"
    with _only_one(work, stage), _one_line_when_the_disk_is_full(work):
        if (before := done_before()) is not None:  # by another process, meanwhile
            return before
        finished = read_manifest(home) if force else None
        published = (f"{home}/{COMPLETED}", *folders.values())
        for folder in (work_folder, *(published if finished is None else ())):
            storage.remove_tree(folder)
        for name in folders:
            storage.make_folder(f"{work_folder}/{name}")
        _forget_the_last_stage()
        started = time.perf_counter()
        figures = dict(body(work_folder))
        manifest = Manifest(
            stage,
            input_fingerprint,
            config_fingerprint,
            __version__,
            figures,
            round(time.perf_counter() - started, 3),
            peak_rss(),
        )
        for folder in published if finished is not None else ():
            storage.remove_tree(folder)
        for name, folder in folders.items():
            storage.move_tree(f"{work_folder}/{name}", folder)
        if not storage.is_remote(home):
            os.sync()  # what the manifest vouches for must be on the disk before it is
        content = json.dumps(asdict(manifest), indent=2, ensure_ascii=False) + "\n"
        storage.write_bytes(f"{home}/{COMPLETED}", content.encode())
        storage.remove_tree(work_folder)
    return Outcome(manifest, skipped=False)


def _forget_the_last_stage() -> None:
    """Free what an earlier stage of this process left in circles, its model among it.

    A stage that is alone in its process has no use for that. What is still in use was looked at
    once, and is not looked at again: with all that the libraries hold this takes half a second.
    """
    if next(_stages_before):
        gc.collect()
        gc.freeze()


def peak_rss() -> int:
    """Return the largest resident memory so far, in bytes: this process and its largest child."""
    unit = 1 if sys.platform == "darwin" else 1024
    usage = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(usage) * unit


def _check_same(finished: Manifest, home: str, inputs: str, config: str, option: str) -> None:
    for what, before, now in (
        ("input", finished.input_fingerprint, inputs),
        ("config", finished.config_fingerprint, config),
    ):
        if before != now:
            raise UsageError(
                f"{home} was made from another {what} ({before[:16]}, now {now[:16]}); "
                f"choose another {option}, or pass --force to make it anew"
            )


@contextlib.contextmanager
def _only_one(work: str, stage: str) -> Iterator[None]:
    """Hold the stage's lock on a local disk; the system frees it if the process dies."""
    if storage.is_remote(work):
        yield
        return
    storage.make_folder(work)
    with open(f"{work}/{stage}.lock", "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise PassingFault(
                f"{work}: another process is running {stage} of this run; wait for it to end"
            ) from error
        yield


@contextlib.contextmanager
def _one_line_when_the_disk_is_full(work: str) -> Iterator[None]:
    """Beam and TensorFlow wrap the system's error in their own: find it by its words."""
    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None) == errno.ENOSPC or DISK_FULL in str(error):
            raise UsageError(
                f"{work}: {DISK_FULL}; free some space or choose another --prefix, then run again"
            ) from error
        raise
