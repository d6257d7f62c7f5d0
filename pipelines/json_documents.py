"""Read JSON documents: a list of objects, or an object that holds one, in; columns, rejects out.

A document of any size takes the memory of a window of it. What a record is follows from the
document's own brackets, so that behind a place where these are broken nothing can be read.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from configs.errors import UsageError
from pipelines.blocks import is_encodable
from pipelines.objects import Objects
from pipelines.text_files import bytes_of, open_text
from pipelines.unpacking import DamagedFile, TextSource
from transforms.csv_records import NOT_DECODABLE, TOO_LONG, RejectedRow

NOT_AN_OBJECT = "not a JSON object"
TOO_MANY_DIGITS = "a number of too many digits"
_WINDOW_CHARS = 4 << 20
_LONGEST_VALUE = 64 << 20
_SHOWN_CHARS = 200
_DECODER = json.JSONDecoder(strict=False)  # a bare line break in a string costs no file
_DIGITS = json.JSONDecoder(strict=False, parse_int=str)  # goes past numbers that Python refuses
_UNREAD = object()  # in place of a value with such a number
_SPACE = re.compile(r"[ \t\r\n]*")


class _Broken(Exception):
    """The document is none from here on."""


def document_objects(
    path: str,
    source: str = "",
    *,
    items: str | None = None,
    encoding: str = "utf-8",
    max_record_bytes: int = 1 << 20,
    reject: str | None = None,
) -> Iterator[Objects]:
    """Yield the records of a file, some thousand at a time; `source` names it in rejects.

    They are the objects of the list at the key `items`, `a.b` for the key b of the object a;
    without it those of the document itself, which is a list, or of the first list of objects in it.
    Several documents may follow one another. A record's line is its place among all. Raises
    `UsageError` where there is no list.
    """
    with open_text(path, encoding) as (text, unmarked):
        reader = _Reader(path, source, unmarked, max_record_bytes, reject)
        yield from reader.parts(_Document(text), items)


def first_list(path: str, encoding: str = "utf-8") -> str | None:
    """Return the key of the first list of objects in a document, however deep; None: there is none.

    That of a document which is a list itself is empty.
    """
    with open_text(path, encoding) as (text, _):
        document = _Document(text)
        try:
            return _first_list(document) if document.peek() else None
        except (_Broken, RecursionError):
            return None


def _first_list(document: _Document) -> str | None:
    """Go past the next value, or into the first list of objects in it, and return its key."""
    opening = document.peek()
    if opening == "[":
        document.take("[")
        if document.peek() == "{":
            return ""
        list(_rest_of_list(document, wanted=False))
    elif opening == "{":
        for key in _keys(document):
            if (found := _first_list(document)) is not None:
                return f"{key}.{found}".removesuffix(".")
    else:
        document.value()
    return None


class _Document:
    """A text of which a window is in memory, and the place in it."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._source = TextSource(text)
        self._window, self._at, self._lines, self._ended = "", 0, 1, False

    def line(self) -> int:
        """Return the number of the line of the place."""
        return self._lines + self._window.count("\n", 0, self._at)

    def peek(self) -> str:
        """Return the next character that is no space; none at the end."""
        while True:
            self._at = _SPACE.match(self._window, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._window):
                return self._window[self._at]
            if not self._more():
                return ""

    def take(self, expected: str) -> str:
        """Go past the next character, which is one of these."""
        found = self.peek()
        if not found or found not in expected:
            raise _Broken(f"{found or 'its end'} stands where {' or '.join(expected)} is expected")
        self._at += 1
        return found

    def value(self) -> tuple[Any, str]:
        """Go past the next value; return it, and its text."""
        self.peek()
        while True:
            try:
                value, end = _decoded(self._window, self._at)
            except json.JSONDecodeError as error:
                if len(self._window) - self._at <= _LONGEST_VALUE and self._more():
                    continue
                raise _Broken(error.msg) from error
            except RecursionError:
                raise _Broken("brackets within brackets within brackets") from None
            if end < len(self._window) or not self._more():  # else a number may go on
                text = self._window[self._at : end]
                self._at = end
                return value, text

    def rest(self) -> str:
        """Return the first characters that are left."""
        return self._window[self._at : self._at + _SHOWN_CHARS]

    def _more(self) -> bool:
        """Let the window begin at the place and reach further; tell whether there was more."""
        if self._ended:
            return False
        left = len(self._window) - self._at
        fresh = self._source.take(max(_WINDOW_CHARS, left))
        self._lines = self.line()
        self._window, self._at = self._window[self._at :] + fresh, 0
        self._ended = not fresh
        return bool(fresh)


def _decoded(text: str, begin: int) -> tuple[Any, int]:
    """Return the value that begins there, and where it ends."""
    try:
        return _DECODER.raw_decode(text, begin)
    except json.JSONDecodeError:
        raise
    except ValueError:  # a whole number of thousands of digits
        return _UNREAD, _DIGITS.raw_decode(text, begin)[1]


def _all_items(document: _Document, path: Sequence[str]) -> Iterator[tuple[Any, str] | None]:
    """Yield the items of the lists at `path`, with their texts; None for a list that is empty."""
    while opening := document.peek():
        if opening == "[" and not path:
            yield from _list(document)
        else:
            yield from _object(document, path)


def _object(document: _Document, path: Sequence[str]) -> Iterator[tuple[Any, str] | None]:
    searching = True
    for key in _keys(document):
        opening = document.peek()
        if searching and not path and opening == "[":
            document.take("[")
            searching = document.peek() != "{"
            yield from _rest_of_list(document, wanted=not searching)
        elif path and key == path[0] and opening == "[" and len(path) == 1:
            yield from _list(document)
        elif path and key == path[0] and opening == "{" and len(path) > 1:
            yield from _object(document, path[1:])
        else:
            document.value()


def _keys(document: _Document) -> Iterator[str]:
    """Go through the next object; yield each key, whose value is to be gone past then."""
    document.take("{")
    after = document.take("}") if document.peek() == "}" else ","
    while after == ",":
        if document.peek() != '"':
            document.take('"')
        key, _ = document.value()
        document.take(":")
        yield key
        after = document.take(",}")


def _list(document: _Document) -> Iterator[tuple[Any, str] | None]:
    document.take("[")
    return _rest_of_list(document, wanted=True)


def _rest_of_list(document: _Document, *, wanted: bool) -> Iterator[tuple[Any, str] | None]:
    if wanted:
        yield None
    after = document.take("]") if document.peek() == "]" else ","
    while after == ",":
        item = document.value()
        if wanted:
            yield item
        after = document.take(",]")


class _Reader:
    """Makes parts of the items: objects, and rejects of what is none."""

    def __init__(
        self, path: str, source: str, encoding: str, max_chars: int, reject: str | None
    ) -> None:
        self._path, self._source, self._encoding = path, source, encoding
        self._max_chars, self._reject = max_chars, reject
        self._number, self._part, self._found = 0, Objects(), False

    def parts(self, document: _Document, items: str | None) -> Iterator[Objects]:
        if not document.peek():
            return
        try:
            for item in _all_items(document, items.split(".") if items else []):
                self._found = True
                if item is not None:
                    self._add(*item)
                if self._part.characters >= _WINDOW_CHARS:
                    yield self._taken()
        except _Broken as broken:
            self._break(broken, document)
        except DamagedFile:
            if self._part.rows or self._part.rejects:
                yield self._taken()
            raise
        if not self._found:
            where = f" at the key {items!r}" if items else ""
            raise UsageError(
                f"{self._path}: no list of objects{where}; set source.items, dump.items for a "
                "dump, to the key that holds it"
            )
        yield self._taken()

    def _add(self, value: Any, text: str) -> None:
        self._number += 1
        self._part.characters += len(text)
        why = self._why_not(value, text)
        raw = bytes_of(text, self._encoding)
        if why is None:
            self._part.rows.append((self._number, value, raw))
        else:
            self._part.rejects.append(RejectedRow(self._source, self._number, why, raw))

    def _why_not(self, value: Any, text: str) -> str | None:
        if value is _UNREAD:
            return TOO_MANY_DIGITS
        if not isinstance(value, dict):
            return NOT_AN_OBJECT
        if len(text) > self._max_chars:
            return TOO_LONG
        return self._reject if is_encodable(text) else NOT_DECODABLE

    def _break(self, broken: _Broken, document: _Document) -> None:
        """Reject what is left; where nothing came before it, the file is none such at all."""
        if not self._number:
            raise UsageError(
                f"{self._path}: not a JSON document: line {document.line()}: {broken}"
            ) from broken
        reason = f"broken in line {document.line()} ({broken}); nothing behind it can be read"
        raw = bytes_of(document.rest(), self._encoding)
        self._part.rejects.append(RejectedRow(self._source, self._number + 1, reason, raw))

    def _taken(self) -> Objects:
        part, self._part = self._part, Objects()
        return part
