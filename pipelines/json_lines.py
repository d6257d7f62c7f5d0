"""Read JSON lines: an object a line in, columns and rejects out."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.tables import Block, MissingColumn, bytes_of, open_text
from pipelines.unpacking import LineSource
from transforms.csv_records import RejectedRow

NOT_JSON = "not a JSON object on a line of its own"
_BLOCK_CHARS = 20_000 * 128


def read_json_blocks(
    path: str,
    source: str,
    columns: Mapping[str, Sequence[str]],
    *,
    encoding: str = "utf-8",
    lists: Collection[str] = (),
    reject: str | None = None,
) -> Iterator[Block]:
    """Yield the blocks of a file, with their raw bytes; `source` names it in rejects.

    `columns` maps a column to the keys it may have; an object of the first block has one of them,
    else `MissingColumn` is raised. `a.b` is the key b of the object a, where no key is called so. A
    value that is no text or number is null; the columns `lists` may hold lists, and are columns of
    lists where one does. A byte-order mark wins over `encoding`. With `reject` every line is a
    reject.
    """
    with open_text(path, encoding) as (text, unmarked):
        lines, first, keys = LineSource(text), 1, None
        while chunk := lines.take(_BLOCK_CHARS):
            rows, rejects = _objects(source, first, chunk, unmarked, reject)
            if first == 1:
                keys = _keys([row for _, row in rows], columns)
            assert keys is not None
            yield Block(
                {
                    name: _column([_value(row, key) for _, row in rows], name in lists)
                    for name, key in keys.items()
                },
                np.array([number for number, _ in rows], np.int64),
                rejects,
                sum(map(len, chunk)),
                pa.array([bytes_of(chunk[n - first], unmarked) for n, _ in rows], pa.binary()),
            )
            first += len(chunk)


def _objects(
    source: str, first: int, chunk: Sequence[str], encoding: str, reject: str | None
) -> tuple[list[tuple[int, dict[str, Any]]], list[RejectedRow]]:
    rows, rejects = [], []
    for number, line in enumerate(chunk, first):
        row = _object(line)
        reason = NOT_JSON if row is None else reject
        if row is None or reason is not None:
            raw = bytes_of(line, encoding)
            rejects.append(RejectedRow(source, number, reason or NOT_JSON, raw))
        else:
            rows.append((number, row))
    return rows, rejects


def _keys(rows: Sequence[dict[str, Any]], columns: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the key of each column: the first accepted that an object has; any, without objects.

    Feeds leave a key out where there is no value, so that one object alone says little.
    """
    keys = {}
    for name, accepted in columns.items():
        present = [key for key in accepted if not rows or any(_has(row, key) for row in rows)]
        if not present:
            raise MissingColumn(accepted, list(dict.fromkeys(key for row in rows for key in row)))
        keys[name] = present[0]
    return keys


def _has(row: dict[str, Any], key: str) -> bool:
    return key in row or ("." in key and _value(row, key) is not None)


def _value(row: dict[str, Any], key: str) -> Any:
    """Return what stands under a key, or under the key behind a point in the object before it.

    Of a list of objects it is the list of what each has: `tags.name` of `{"tags": [{"name": "a"}]}`
    is `["a"]`.
    """
    if key in row or "." not in key:
        return row.get(key)
    first, _, rest = key.partition(".")
    inner = row.get(first)
    if isinstance(inner, list):
        return [_value(each, rest) for each in inner if isinstance(each, dict)]
    return _value(inner, rest) if isinstance(inner, dict) else None


def _object(line: str) -> dict[str, Any] | None:
    try:
        line.encode()  # refuses what stands for bytes of no character
        row = json.loads(line)
    except (ValueError, RecursionError):  # the latter for a thousand brackets
        return None
    return row if isinstance(row, dict) else None


def _column(values: list[Any], may_be_lists: bool) -> pa.Array:
    if not may_be_lists or not any(isinstance(value, list) for value in values):
        return pa.array([_text_of(value) for value in values], pa.string())
    lists = [value if isinstance(value, list) else [value] for value in values]
    return pa.array([[_text_of(v) for v in row] for row in lists], pa.list_(pa.string()))


def _text_of(value: object) -> str | None:
    """Return a string or a number as text; whatever else is none, NaN neither."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return str(value) if not isinstance(value, float) or math.isfinite(value) else None
