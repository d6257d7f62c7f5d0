"""What stands further on in large files: where these are sorted, their beginning says little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from pipelines import listing
from pipelines.cut_files import pieces
from pipelines.file_parts import FilePart
from pipelines.tables import TableFormat
from pipelines.text_files import MARKS
from pipelines.unpacking import open_unpacked

PLACES = 8  # looked at in all files together
_LARGE = 1 << 20
_PIECE_BYTES = 1 << 16
_LONGEST_RECORD = 1 << 16


class Large(Protocol):
    """A file of which it is known how large it is."""

    @property
    def path(self) -> str: ...

    @property
    def size(self) -> int: ...


File = TypeVar("File", bound=Large)


def further_pieces(files: Sequence[File], form: TableFormat) -> list[tuple[File, FilePart]]:
    """Return pieces of the large ones among files; none of what is compressed, or of many files."""
    count = PLACES // max(1, len(files)) - 1
    large = [file for file in files if file.size > _LARGE] if count > 0 else []
    return [
        (file, piece)
        for file in large
        for piece in pieces(file.path, file.size, form, count, _PIECE_BYTES)
    ]


def further_lines(files: Sequence[listing.FileInfo], starts: Sequence[bytes]) -> list[bytes]:
    """Return lines from further on of files of which the beginning is of plain letters alone."""
    plain = [
        file
        for file, start in zip(files, starts, strict=True)
        if start.isascii() and b"\0" not in start and not start.startswith(MARKS)
    ]
    found = []
    for file, piece in further_pieces(plain, plain_lines("latin-1")):
        with open_unpacked(file.path) as raw:
            lines = piece.of(raw).read()
        found.append(lines[: lines.rfind(b"\n") + 1])
    return found


def plain_lines(encoding: str) -> TableFormat:
    """Return the form of a file in which every line is a record."""
    return TableFormat(encoding=encoding, quoted=False, max_record_bytes=_LONGEST_RECORD)


def sampled(form: TableFormat) -> TableFormat:
    """Return the form with a bound on records that lets their beginnings be found quickly."""
    return TableFormat(
        form.delimiter, form.encoding, _LONGEST_RECORD, quoted=form.quoted, escape=form.escape
    )
