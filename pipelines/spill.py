"""Batches between steps on one machine: in memory up to a bound, on disk beyond it.

Beam's local runner keeps every element until the pipeline ends, and copies all of them where they
are grouped. A hundred bytes for each title of each step are gigabytes at thirty million titles;
here Beam holds a reference, and the bytes lie once, in a list or in a file.
"""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
import threading
from collections.abc import Iterator

_PLACE = struct.Struct("<QQ")
_IN_LIST = (1 << 64) - 1  # in place of a length


class Spill:
    """A list of batches, and a file without a name, which the system frees with the process."""

    def __init__(self, folder: str, bytes_in_memory: int) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  closed by `close`
        self._held: list[bytes] = []
        self._room, self._end = bytes_in_memory, 0
        self._lock = threading.Lock()

    def put(self, encoded: bytes) -> bytes:
        """Return where the bytes lie: their number in the list, or their place in the file."""
        with self._lock:
            if len(encoded) <= self._room:
                self._room -= len(encoded)
                self._held.append(encoded)
                return _PLACE.pack(len(self._held) - 1, _IN_LIST)
            begin, self._end = self._end, self._end + len(encoded)
        _write_all(self._file.fileno(), encoded, begin)
        return _PLACE.pack(begin, len(encoded))

    def get(self, reference: bytes) -> bytes:
        """Return what `put` was given."""
        begin, length = _PLACE.unpack_from(reference)
        return self._held[begin] if length == _IN_LIST else self._read(begin, length)

    def close(self) -> None:
        self._held.clear()
        self._file.close()

    def _read(self, begin: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, begin)


@contextlib.contextmanager
def spilling(folder: str, bytes_in_memory: int) -> Iterator[Spill]:
    """Keep the batches that pass between steps inside the block here; `folder` is a local one."""
    from transforms import batches  # with Beam: whoever only spills does not load it

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
