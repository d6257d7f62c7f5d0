"""Open text files in any encoding; bytes that are no character are kept."""

from __future__ import annotations

import codecs
import contextlib
import io
import re
from collections.abc import Iterator

from pipelines.file_parts import WHOLE, FilePart
from pipelines.unpacking import DamagedFile, open_unpacked

_BOMS = (
    (codecs.BOM_UTF8, ("utf-8-sig", "utf-8")),
    (codecs.BOM_UTF32_LE, ("utf-32", "utf-32-le")),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, ("utf-32", "utf-32-be")),
    (codecs.BOM_UTF16_LE, ("utf-16", "utf-16-le")),
    (codecs.BOM_UTF16_BE, ("utf-16", "utf-16-be")),
)
MARKS = tuple(mark for mark, _ in _BOMS)
# As browsers read them (https://encoding.spec.whatwg.org/#names-and-labels): files that are said to
# be in the strict ones are mostly of Windows, with everyday characters that these lack (①, 髙, 똠).
_SUPERSETS = {"euc_kr": "cp949", "gb2312": "gb18030", "shift_jis": "cp932"}
# Bytes that are no character become lone surrogates, 0xDC00 + byte, and back again in rejects.
# Python's own "surrogateescape" is faster, but does so for bytes above 127 only: all that UTF-8
# needs, while a broken UTF-16 file would end the run.
_KEEP_BYTES = "aisle_keep_bytes"
_START_BYTES = 1 << 16
_BEYOND_DOUBT = 8  # bytes that continue a character
_KEPT = re.compile("([\udc00-\udcff]+)")


@contextlib.contextmanager
def open_text(
    path: str, declared: str, part: FilePart = WHOLE
) -> Iterator[tuple[io.TextIOWrapper, str]]:
    """Open a file for reading text, line ends kept; with it comes the encoding without a mark.

    Bytes that are no character become lone surrogates, of which `bytes_of` makes bytes again.
    """
    told = told_by_bytes(path, declared)
    with open_unpacked(path) as raw:
        encoding, unmarked = encodings_of(raw, told)
        if part.begin:
            encoding = unmarked
        yield (
            io.TextIOWrapper(part.of(raw), encoding, errors=keeping(unmarked), newline=""),
            unmarked,
        )


def keeping(unmarked: str) -> str:
    """Return the name of what makes lone surrogates of bytes that are no character."""
    return "surrogateescape" if unmarked == "utf-8" else _KEEP_BYTES


def told_by_bytes(path: str, declared: str) -> str:
    """Return UTF-8 for a file whose beginning is UTF-8 beyond doubt, whatever is declared.

    Text in another encoding is UTF-8 as well only by chance, which several letters rule out. So
    the files of a folder, and the dumps of a shop, may be of both.
    """
    if codecs.lookup(declared).name.startswith("utf"):
        return declared
    try:
        with open_unpacked(path) as raw:
            start = raw.read(_START_BYTES)
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # the last may be cut
    except (DamagedFile, UnicodeDecodeError):  # what stands before a damage is read all the same
        return declared
    return "utf-8" if len(start) - len(text) >= _BEYOND_DOUBT else declared


def encodings_of(raw: io.BufferedReader, declared: str) -> tuple[str, str]:
    """Return the encoding to read with, and the same without a byte-order mark.

    Without a mark UTF-16 and UTF-32 are little-endian, as Windows writes them. Some encodings of
    East Asia are read by their supersets.
    """
    start = raw.peek(4)[:4]
    plain = codecs.lookup(declared.removesuffix("-sig")).name
    plain = _SUPERSETS.get(plain, plain)
    without = f"{plain}-le" if plain in ("utf-16", "utf-32") else plain
    return next((names for mark, names in _BOMS if start.startswith(mark)), (without, without))


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in broken), error.end


codecs.register_error(_KEEP_BYTES, _keep_bytes)


def bytes_of(text: str, encoding: str) -> bytes:
    """Return the bytes from which a text was read; `?` for what the encoding cannot write back.

    Of a character that the encoding has twice (some 400 of cp932) it is the bytes Windows writes.
    """
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        pieces = _KEPT.split(text)  # at odd places stand the bytes that were no character
    return b"".join(
        bytes(ord(character) - 0xDC00 for character in piece)
        if place % 2
        else piece.encode(encoding, "replace")
        for place, piece in enumerate(pieces)
    )
