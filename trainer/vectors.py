"""Word vectors from a file: GloVe's text, or word2vec's text or binary; plain or compressed.

Only the vectors of the words that are asked for are kept; the rest is checked for its form and
passed over, so that a file of any size can be read.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from configs.errors import UsageError
from pipelines.unpacking import open_unpacked

Format = Literal["glove", "word2vec_text", "word2vec_binary"]
Row = tuple[int, bytes, bytes]  # line or word number from 1, the word, its numbers as they stand

_NUMBERS = b"0123456789.eE+- "
_BLOCK, _LONGEST_WORD = 1 << 20, 4096
_NOTED = 1000  # rows from one note of progress to the next


@dataclass(frozen=True)
class WordVectors:
    """Vectors float32 [n, width] of the words that stand at `ids` int64 [n] of an embedding."""

    ids: np.ndarray
    values: np.ndarray
    words: int

    @property
    def coverage(self) -> float:
        """The share of the vocabulary's words that the file has a vector for."""
        return len(self.ids) / max(1, self.words)


@dataclass(frozen=True)
class _Source:
    """An open file, its name for messages, and the width and the key that asked for it."""

    path: str
    file: io.BufferedReader
    width: int
    key: str

    def refused(self, place: str, problem: str) -> UsageError:
        return UsageError(f"{self.path}, {place}: {problem}")

    def check_width(self, found: int) -> None:
        if found != self.width:
            problem = f"vectors of {found} numbers, but {self.key} is {self.width}"
            raise self.refused("line 1", f"{problem}; set that to {found}, or name another file")


def read_vectors(
    path: str,
    form: Literal["auto"] | Format,
    words: Sequence[bytes],
    *,
    first_id: int,
    width: int,
    key: str,
    on_progress: Callable[[int], None] = lambda count: None,
) -> WordVectors:
    """Return the vectors of `words`, the first of which has the id `first_id`.

    Raises `UsageError` with file and line where it cannot be read, a line is broken, or the
    vectors are not `width` numbers wide; `key` is the setting that says so. Of a word that stands
    twice the first vector counts.
    """
    ids = {word: number for number, word in enumerate(words, first_id)}
    found = _read(path, form, ids, width, key, on_progress)
    numbers = np.array([ids[word] for word in found], np.int64)
    return WordVectors(numbers, _stacked(found, width), len(words))


def read_all_vectors(
    path: str,
    form: Literal["auto"] | Format,
    *,
    width: int,
    key: str,
    on_progress: Callable[[int], None] = lambda count: None,
) -> tuple[list[bytes], np.ndarray]:
    """Return all words of a file and their vectors float32 [n, width]; see `read_vectors`."""
    found = _read(path, form, None, width, key, on_progress)
    return list(found), _stacked(found, width)


def _read(
    path: str,
    form: Literal["auto"] | Format,
    wanted: Container[bytes] | None,
    width: int,
    key: str,
    on_progress: Callable[[int], None],
) -> dict[bytes, np.ndarray]:
    """Return the vectors of the wanted words, or of all; of a word that stands twice the first."""
    found: dict[bytes, np.ndarray] = {}
    try:
        with open_unpacked(path) as file:
            source = _Source(path, file, width, key)
            binary, rows = _rows(source, form)
            for number, word, numbers in rows:
                if not number % _NOTED:
                    on_progress(_NOTED)
                if (wanted is None or word in wanted) and word not in found:
                    found[word] = _values(source, number, numbers, binary)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{path}: cannot be read ({reason}); name a file of vectors") from error
    return found


def _stacked(found: Mapping[bytes, np.ndarray], width: int) -> np.ndarray:
    return np.stack(list(found.values())) if found else np.empty((0, width), np.float32)


def _rows(source: _Source, form: Literal["auto"] | Format) -> tuple[bool, Iterator[Row]]:
    """Return whether the numbers are binary, and the rows."""
    if form == "auto":
        first = source.file.peek(_LONGEST_WORD).partition(b"\n")[0]
        form = "glove" if _header(first) is None else "word2vec_text"
        if form == "word2vec_text":
            return _word2vec_rows(source, None)
    if form == "glove":
        return False, _text_rows(source, start=1)
    return _word2vec_rows(source, binary=form == "word2vec_binary")


def _word2vec_rows(source: _Source, binary: bool | None) -> tuple[bool, Iterator[Row]]:
    """Read the header; where `binary` is None, the bytes behind the first word tell."""
    line = source.file.readline(_LONGEST_WORD)
    header = _header(line)
    if header is None:
        raise source.refused(
            "line 1", f"expected the number of words and their width, got {_short(line)}"
        )
    count, width = header
    source.check_width(width)
    if binary is None:
        behind = source.file.peek(_LONGEST_WORD).partition(b" ")[2][:16]
        binary = bool(behind.split(b"\n")[0].translate(None, _NUMBERS))
    rows = _binary_rows(source, count) if binary else _text_rows(source, start=2, count=count)
    return binary, rows


def _header(line: bytes) -> tuple[int, int] | None:
    """Return the two whole numbers that a line consists of, if it does."""
    fields = line.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    return int(fields[0]), int(fields[1])


def _text_rows(source: _Source, *, start: int, count: int | None = None) -> Iterator[Row]:
    """Yield the rows from line `start` on; `count` is how many the header promised."""
    number, rows = start - 1, 0
    for number, line in enumerate(source.file, start):
        if text := line.rstrip(b"\r\n "):
            yield number, *_split(source, number, text)
            rows += 1
    promised = max(1, rows) if count is None else count
    if rows != promised:
        raise source.refused(
            f"line {max(1, number)}", f"the file ends with {rows} vectors, expected {promised}"
        )


def _split(source: _Source, number: int, text: bytes) -> tuple[bytes, bytes]:
    """Return the word and the numbers of a line; a word may hold spaces, as GloVe's largest do."""
    word, *fields = text.split(b" ")
    inside = fields[: max(0, len(fields) - source.width)]
    if len(fields) < source.width or any(map(_is_number, inside)):
        if number == 1:
            source.check_width(len(fields))
        raise source.refused(
            f"line {number}", f"{len(fields)} numbers, expected {source.width}; mend the line"
        )
    numbers = b" ".join(fields[len(inside) :])
    if numbers.translate(None, _NUMBERS):
        raise source.refused(f"line {number}", f"a number was expected in {_short(numbers)}")
    return b" ".join([word, *inside]), numbers


def _binary_rows(source: _Source, count: int) -> Iterator[Row]:
    """Yield words and their float32 bytes; what stands there is no text, so words are counted."""
    size, buffer, at = 4 * source.width, b"", 0
    for number in range(1, count + 1):
        space = buffer.find(b" ", at)
        while space < 0 or len(buffer) < space + 1 + size:
            block = source.file.read(_BLOCK)
            too_long = space < 0 and len(buffer) - at > _LONGEST_WORD
            if not block or too_long:
                raise source.refused(
                    f"word {number} of {count}", "the file ends within it, or no word is there"
                )
            buffer, at = buffer[at:] + block, 0
            space = buffer.find(b" ")
        yield number, buffer[at:space].lstrip(b"\n"), buffer[space + 1 : space + 1 + size]
        at = space + 1 + size


def _values(source: _Source, number: int, numbers: bytes, binary: bool) -> np.ndarray:
    """Return the numbers float32 [width] of a row."""
    place = f"{'word' if binary else 'line'} {number}"
    try:
        if binary:
            values = np.frombuffer(numbers, "<f4")
        else:
            with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
                values = np.array([float(field) for field in numbers.split(b" ")], np.float32)
    except ValueError:
        raise source.refused(place, f"a number was expected in {_short(numbers)}") from None
    if not np.isfinite(values).all():
        raise source.refused(place, "a number is not finite")
    return values


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _short(text: bytes) -> str:
    return repr(text[:40].decode("utf-8", "replace")) + ("..." if len(text) > 40 else "")
