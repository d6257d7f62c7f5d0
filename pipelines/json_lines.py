"""Read JSON lines: an object a line in, columns and rejects out."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from typing import Any

from pipelines.blocks import is_encodable
from pipelines.file_parts import WHOLE, FilePart
from pipelines.objects import Objects
from pipelines.text_files import bytes_of, open_text
from pipelines.unpacking import LineSource
from transforms.csv_records import RejectedRow

NOT_JSON = "not a JSON object on a line of its own"
_BLOCK_CHARS = 20_000 * 128
_START_CHARS, _LINES_LOOKED_AT = 1 << 20, 20


def line_objects(
    path: str,
    source: str = "",
    *,
    encoding: str = "utf-8",
    reject: str | None = None,
    part: FilePart = WHOLE,
) -> Iterator[Objects]:
    """Yield the objects of a file, or of a part of it, some thousand at a time.

    A byte-order mark wins over `encoding`. `source` names the file in rejects; with `reject` every
    line is one.
    """
    with open_text(path, encoding, part) as (text, unmarked):
        lines, first = LineSource(text), part.line
        while chunk := lines.take(_BLOCK_CHARS):
            found = Objects(characters=sum(map(len, chunk)))
            for number, line in enumerate(chunk, first):
                row, raw = as_object(line), bytes_of(line, unmarked)
                if row is None or reject is not None:
                    why = NOT_JSON if row is None else reject
                    found.rejects.append(RejectedRow(source, number, why or NOT_JSON, raw))
                else:
                    found.rows.append((number, row, raw))
            yield found
            first += len(chunk)


def is_json_lines(path: str, encoding: str) -> bool:
    """Tell whether one of the first lines of a file is an object as a whole.

    A single line that holds a list of objects, at whatever depth, is a document.
    """
    with open_text(path, encoding) as (text, _):
        start = io.StringIO(text.read(_START_CHARS), newline=None)
    lines = [line for line in itertools.islice(start, _LINES_LOOKED_AT) if line.strip()]
    objects = [row for row in map(as_object, lines) if row is not None]
    return bool(objects) and not (len(lines) == 1 and any(map(_holds_objects, objects[0].values())))


def _holds_objects(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_objects, value.values()))
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def as_object(line: str) -> dict[str, Any] | None:
    """Return the object that a text is in JSON, if it is one, of characters alone."""
    if not is_encodable(line):
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):  # the latter for a thousand brackets
        return None
    return row if isinstance(row, dict) else None
