"""Batches between steps on one machine: in memory up to a bound, on disk beyond it.

Beam's local runner keeps every element until the pipeline ends. A hundred bytes for each title of
each step are gigabytes at thirty million titles; here they are a reference and a place in a file.
"""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
import threading
from collections.abc import Iterator

from transforms import batches

_PLACE = struct.Struct("<QQ")


class Spill:
    """A file of batches without a name: the system frees it when the process ends."""

    def __init__(self, folder: str, bytes_in_memory: int) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by `close`
        self._room, self._end = bytes_in_memory, 0
        self._lock = threading.Lock()

    def put(self, encoded: bytes) -> bytes:
        """Return the bytes themselves behind an empty place, or where they lie in the file."""
        with self._lock:
            self._room -= len(encoded)
            if self._room >= 0:
                return _PLACE.pack(0, 0) + encoded
            begin, self._end = self._end, self._end + len(encoded)
        _write_all(self._file.fileno(), encoded, begin)
        return _PLACE.pack(begin, len(encoded))

    def get(self, reference: bytes) -> bytes:
        """Return what `put` was given."""
        begin, length = _PLACE.unpack_from(reference)
        return os.pread(self._file.fileno(), length, begin) if length else reference[_PLACE.size :]

    def close(self) -> None:
        self._file.close()


@contextlib.contextmanager
def spilling(folder: str, bytes_in_memory: int) -> Iterator[Spill]:
    """Keep the batches that pass between steps inside the block here; `folder` is a local one."""
    spill = Spill(folder, bytes_in_memory)
    batches.keep_in(spill)
    try:
        yield spill
    finally:
        batches.keep_in(None)
        spill.close()


def _write_all(file: int, content: bytes, begin: int) -> None:
    left = memoryview(content)
    while left:
        written = os.pwrite(file, left, begin)
        left, begin = left[written:], begin + written
