"""Read XML: an element a record in, as feeds of products are written; columns and rejects out.

The child elements of a record are its keys, named as in the file, prefix and all (`g:title`); `a.b`
is the child b of the child a, `a@b` the attribute b of the child a, `@b` one of the record itself.
A child that is there several times is a list.
"""

from __future__ import annotations

import codecs
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from configs.errors import UsageError
from configs.section import check_encoding
from pipelines.objects import Objects
from pipelines.text_files import bytes_of, open_text
from pipelines.unpacking import TextSource, open_unpacked
from transforms.csv_records import NOT_DECODABLE, NUL_BYTE, TOO_LONG, RejectedRow

_FEED_CHARS = 1 << 20
_DECLARED = re.compile(rb"""^<\?xml[^>]{,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_DECLARATION_BYTES = 256
_DEEPEST = 100  # elements in elements, of a record: none is written so, and each level takes stack
TOO_DEEP = f"elements in elements, more than {_DEEPEST} deep"
# XML has no way to say these characters, and its parser ends at them. NUL and the lone surrogates
# that stand for bytes of no character pass it as characters of a private plane that no feed uses.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_MARK = 0xFFE00
_MARKED = re.compile("[\U000ffe00-\U000ffeff]")


def xml_objects(
    path: str,
    source: str = "",
    *,
    items: str,
    encoding: str = "utf-8",
    max_record_bytes: int = 1 << 20,
    reject: str | None = None,
) -> Iterator[Objects]:
    """Yield the records of a file, some thousand at a time, their keys and values in JSON beside.

    They are the elements called `items`; `source` names the file in rejects. What the file declares
    as its encoding wins over `encoding`, a byte-order mark over both. A record's line is its place
    among all. Raises `UsageError` for a file that is no XML from its first record on.
    """
    with open_text(path, declared_encoding(path) or encoding) as (text, _):
        reader = _Reader(path, source, _Records(items, max_record_bytes), reject)
        yield from reader.parts(TextSource(text))


def declared_encoding(path: str) -> str | None:
    """Return the encoding that the file says it has, if it is one."""
    with open_unpacked(path) as raw:
        found = _DECLARED.match(raw.peek(_DECLARATION_BYTES).removeprefix(codecs.BOM_UTF8))
    if not found:
        return None
    name = found[1].decode()
    try:
        return check_encoding(name)
    except ValueError as error:
        raise UsageError(
            f"{path}: declares the encoding {name!r}, which is none that is known"
        ) from error


@dataclass
class _Element:
    """An open element: its children and attributes by key, and the text in it."""

    name: str
    attributes: dict[str, str]
    children: dict[str, Any] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)

    def add(self, key: str, value: Any) -> None:
        before = self.children.get(key)
        if before is None:
            self.children[key] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            self.children[key] = [before, value]


class _Records:
    """Takes the parser's events; `done` are the records that ended, or why one is none.

    Of one that is too long or too deep nothing is kept: it may be as large as the file.
    """

    def __init__(self, name: str, max_chars: int) -> None:
        self.done: list[dict[str, Any] | str] = []
        self._name, self._max_chars = name, max_chars
        self._open: list[_Element] = []
        self._depth, self._chars, self._why_none = 0, 0, ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._depth:
            if name != self._name:
                return
            self._chars, self._why_none = 0, ""
        self._depth += 1
        self._count(len(name) + sum(map(len, attributes.values())))
        if not self._why_none:
            self._open.append(_Element(name, attributes))

    def _count(self, characters: int) -> None:
        """Add to the open record's size, and let go of it where it is too much."""
        self._chars += characters
        if self._chars > self._max_chars:
            self._why_none = TOO_LONG
        elif self._depth > _DEEPEST:
            self._why_none = TOO_DEEP
        if self._why_none:
            self._open.clear()

    def characters(self, text: str) -> None:
        if self._depth and not self._why_none:
            self._count(len(text))
        if self._open:
            self._open[-1].text.append(text)

    def entity(self, name: str, is_parameter: bool) -> None:
        """Take an entity that no DTD says: HTML's are what is meant."""
        if not is_parameter:
            self.characters(html.unescape(f"&{name};"))

    def end(self, name: str) -> None:
        if not self._depth:
            return
        self._depth -= 1
        if self._why_none:
            self.done += [] if self._depth else [self._why_none]
            return
        element = self._open.pop()
        if not self._open:
            self.done.append(_as_object(element))
        elif element.children:
            self._open[-1].add(name, _as_object(element))
        else:
            self._open[-1].add(name, "".join(element.text).strip())
            for key, value in element.attributes.items():
                self._open[-1].add(f"{name}@{key}", value)


def _as_object(element: _Element) -> dict[str, Any]:
    return {**element.children, **{f"@{key}": v for key, v in element.attributes.items()}}


class _Reader:
    """Makes parts of the records: objects, and rejects of what is none."""

    def __init__(self, path: str, source: str, records: _Records, reject: str | None) -> None:
        self._path, self._source, self._reject = path, source, reject
        self._records, self._number = records, 0

    def parts(self, text: TextSource) -> Iterator[Objects]:
        parser = expat.ParserCreate("utf-8")  # whatever it declares: it is decoded already
        parser.UseForeignDTD(True)  # else an entity that HTML knows, and XML does not, is an error
        parser.buffer_text = True
        parser.StartElementHandler = self._records.start
        parser.EndElementHandler = self._records.end
        parser.CharacterDataHandler = self._records.characters
        parser.SkippedEntityHandler = self._records.entity
        piece = text.take(_FEED_CHARS)
        if not piece:
            return
        read = 0
        while True:
            read += len(piece)
            try:
                parser.Parse(_FORBIDDEN.sub(_allowed, piece), not piece)
            except expat.ExpatError as error:
                yield self._broken(error)
                return
            part = self._part(read)
            if part.rows or part.rejects:
                yield part
                read = 0
            if not piece:
                break
            piece = text.take(_FEED_CHARS)
        if not self._number:
            raise UsageError(
                f"{self._path}: no element {self._records._name!r}; set source.items, dump.items "
                "for a dump, to the name of the element that holds a record"
            )

    def _part(self, characters: int) -> Objects:
        part = Objects(characters=characters)
        for record in self._records.done:
            self._number += 1
            if isinstance(record, str):
                part.rejects.append(RejectedRow(self._source, self._number, record, b""))
                continue
            text = json.dumps(record, ensure_ascii=False)
            why = _why_not(text) or self._reject
            raw = bytes_of(_MARKED.sub(_unmarked, text), "utf-8")
            if why is not None:
                part.rejects.append(RejectedRow(self._source, self._number, why, raw))
            else:
                part.rows.append((self._number, record, raw))
        self._records.done = []
        return part

    def _broken(self, error: expat.ExpatError) -> Objects:
        """Return what came before; what is left is a reject, of a file that has a record."""
        part = self._part(0)
        what = expat.ErrorString(error.code)
        if not self._number:
            raise UsageError(f"{self._path}: not XML: line {error.lineno}: {what}") from error
        reason = f"broken in line {error.lineno} ({what}); nothing behind it can be read"
        part.rejects.append(RejectedRow(self._source, self._number + 1, reason, b""))
        return part


def _allowed(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code and not 0xDC00 <= code <= 0xDCFF:
        return " "
    return chr(_MARK + (code & 0xFF))


def _unmarked(found: re.Match[str]) -> str:
    return chr(0xDC00 + ord(found[0]) - _MARK)


def _why_not(text: str) -> str | None:
    if chr(_MARK) in text:
        return NUL_BYTE
    return NOT_DECODABLE if _MARKED.search(text) else None
