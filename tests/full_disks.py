"""Small file systems in memory, to be filled to the last byte."""

from __future__ import annotations

import contextlib
import errno
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Reads until it is told so, or until the tests' process is gone and the pipe with it.
_WHEN_THE_TEST_ENDS = 'read -r _; exec umount --lazy "$0"'


@contextlib.contextmanager
def mounted(
    folder: Path, options: str = "size=12m", missing: Callable[[str], object] = pytest.skip
) -> Iterator[Path]:
    """Mount a file system of its own at a folder; it is unmounted at the end, a kill included.

    `missing` is told why, where none can be mounted.
    """
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", options, "aisle-test", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        missing(f"no full disk can be made here: {error}")
    if done.returncode:
        missing(f"no full disk can be made here: {done.stderr.strip()}")
    guard = subprocess.Popen(
        ["sh", "-c", _WHEN_THE_TEST_ENDS, str(folder)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield folder
    finally:
        guard.communicate(b"over\n")
        assert guard.returncode == 0, f"{folder} is still mounted"


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte; return the file that does it."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017  what fills the disk, not what is tested
    return filler
