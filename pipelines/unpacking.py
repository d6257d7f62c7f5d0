"""Read files that may be compressed as what is in them: gzip, bzip2, xz and zip, by their bytes."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import itertools
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, AnyStr, Generic

from configs.errors import UsageError
from pipelines import storage

ENDINGS = (".gz", ".bz2", ".xz", ".zip")
_BLOCK = 1 << 20
_PIECE = 8192  # characters: what a read that fails loses
_LINES = 64  # at once: of the longest, too, a few are not too much
_KINDS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
_ARCHIVE = b"PK\x03\x04"
# What `zipfile` raises for a damaged directory, an unknown method or a password.
_OF_ARCHIVES = (zipfile.BadZipFile, RuntimeError, ValueError, OverflowError, struct.error, EOFError)
_LONGEST = max(map(len, [*_KINDS, _ARCHIVE]))


class DamagedFile(UsageError):
    """A file that cannot be read to its end; `reason` says why, without its path."""

    def __init__(self, path: str, reason: str, advice: str) -> None:
        self.reason = reason
        super().__init__(f"{path}: {reason}; {advice}")


def open_unpacked(path: str) -> io.BufferedReader:
    """Open a file for reading the bytes in it; reading raises `DamagedFile` at the damaged place.

    What stands before that has been read then.
    """
    raw = storage.open_input(path)
    start = raw.peek(_LONGEST)[:_LONGEST]
    unpack = next((kind for mark, kind in _KINDS.items() if start.startswith(mark)), None)
    if start.startswith(_ARCHIVE):
        return io.BufferedReader(_Unpacked(path, raw, _only_file(path, raw)), _BLOCK)
    if unpack is None:
        return raw
    return io.BufferedReader(_Unpacked(path, raw, unpack(raw)), _BLOCK)


def _only_file(path: str, raw: io.BufferedReader) -> IO[bytes]:
    """Open the one file that a zip archive holds."""
    try:
        archive = zipfile.ZipFile(raw)
        files = [info for info in archive.infolist() if _is_content(info)]
        if len(files) == 1:
            return archive.open(files[0])
    except (*_OF_ARCHIVES, OSError) as error:
        # A directory that points to before the file's start is what the system calls invalid.
        if not (is_of_content(error) or getattr(error, "errno", None) == errno.EINVAL):
            raise
        raise _damaged(path, error) from error
    raise DamagedFile(
        path,
        f"the archive holds {len(files)} files",
        "expected one: unpack it (a workbook of a spreadsheet is such an archive: save it as CSV)",
    )


def _is_content(info: zipfile.ZipInfo) -> bool:
    return not (info.is_dir() or info.filename.startswith("__MACOSX/"))


def _damaged(path: str, error: Exception) -> DamagedFile:
    return DamagedFile(path, f"the compressed file is damaged ({error})", "get it again")


def is_of_content(error: BaseException) -> bool:
    """Tell whether an error says what is wrong in a file: an `OSError` may be the disk's, too.

    Those of the network are of kinds of their own, without a number.
    """
    plain = type(error) in (OSError, gzip.BadGzipFile)
    return not isinstance(error, OSError) or (plain and error.errno is None)


class _Source(Generic[AnyStr]):
    """The pieces of a file, many at a time; of a damaged file those before the damage."""

    def __init__(self) -> None:
        self._damage: DamagedFile | None = None

    def _pieces(self, size: int) -> list[AnyStr]:
        """Return the next pieces, of `size` characters together or some more; none at the end.

        Raises `DamagedFile` when all before the damage was taken.
        """
        if self._damage:
            raise self._damage
        found: list[AnyStr] = []
        try:
            while size > 0 and (taken := self._more(found, size)):
                size -= taken
        except DamagedFile as damage:
            if not found:
                raise
            self._damage = damage
        return found

    def _more(self, found: list[AnyStr], size: int) -> int:
        """Append some of the next pieces; return how many characters they have together."""
        raise NotImplementedError


class TextSource(_Source[str]):
    """The characters of a file; of a damaged file all before the damage but a few thousand."""

    def __init__(self, text: io.TextIOBase) -> None:
        super().__init__()
        self._text = text

    def take(self, size: int) -> str:
        """Return the next characters, `size` or fewer; none at the end, else as `_Source` says."""
        return "".join(self._pieces(size))

    def _more(self, found: list[str], size: int) -> int:
        found.append(self._text.read(min(size, _PIECE)))
        return len(found[-1])


class LineSource(_Source[AnyStr]):
    """The lines of a file; of a damaged file all that stand before the damage."""

    def __init__(self, lines: Iterable[AnyStr]) -> None:
        super().__init__()
        self._lines: Iterator[AnyStr] = iter(lines)

    def take(self, size: int) -> list[AnyStr]:
        """Return the next lines, of `size` characters together or some more, as `_Source` says."""
        return self._pieces(size)

    def _more(self, found: list[AnyStr], size: int) -> int:
        before = len(found)
        found.extend(itertools.islice(self._lines, _LINES))  # `readlines` would lose those before
        return sum(map(len, found[before:]))


def check_unpacks(path: str) -> None:
    """Raise `DamagedFile` unless a compressed file can be read to its end; others are not read."""
    with open_unpacked(path) as file:
        while is_packed(file) and file.read(_BLOCK):
            pass


def is_packed(file: io.BufferedReader) -> bool:
    """Tell whether `open_unpacked` opened a compressed file."""
    return isinstance(file.raw, _Unpacked)


def plain_name(name: str) -> str:
    """Return a file's name without the ending that says how it is compressed."""
    return next((name[: -len(end)] for end in ENDINGS if name.lower().endswith(end)), name)


class _Unpacked(io.RawIOBase):
    """What is in a compressed file; closes the file as well."""

    def __init__(self, path: str, raw: io.BufferedReader, inside: Any) -> None:
        self._path, self._raw, self._inside = path, raw, inside

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found = self._inside.read1(len(buffer))  # `read` would lose what precedes a damage
        except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, OSError) as error:
            if not is_of_content(error):
                raise
            raise _damaged(self._path, error) from error
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._inside.close()
            self._raw.close()
        super().close()
