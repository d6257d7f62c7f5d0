"""Parts of a file: what one worker reads of a large one."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FilePart:
    """From where to where a file is read, and which line stands there (the first is 1).

    `begin` and `end` are bytes, in Parquet row groups; without an `end` it is that of the file.
    """

    begin: int = 0
    end: int | None = None
    line: int = 1

    def of(self, raw: io.BufferedReader) -> io.BufferedReader:
        """Return the bytes of the part, from its beginning on; closes the file as well."""
        if self == WHOLE:
            return raw
        raw.seek(self.begin)
        return io.BufferedReader(_Section(raw, self.end))


WHOLE = FilePart()


class _Section(io.RawIOBase):
    """What is left of a file, up to `end`."""

    def __init__(self, raw: io.BufferedReader, end: int | None) -> None:
        self._raw, self._end = raw, end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = len(buffer)
        if self._end is not None:
            room = min(room, self._end - self._raw.tell())
        found = self._raw.read1(room) if room > 0 else b""
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()
