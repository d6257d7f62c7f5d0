"""Turn objects, as JSON and XML hold them, into columns: the keys that are wanted, as texts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.tables import Block, MissingColumn
from transforms.column_values import float_text
from transforms.csv_records import RejectedRow


@dataclass
class Objects:
    """Objects of a file, each with its number and its bytes, and the rejects among them.

    The number counts lines, or records where several may share a line. `characters` is how much of
    the file they took up.
    """

    rows: list[tuple[int, dict[str, Any], bytes]] = field(default_factory=list)
    rejects: list[RejectedRow] = field(default_factory=list)
    characters: int = 0


def object_blocks(
    parts: Iterable[Objects], columns: Mapping[str, Sequence[str]], lists: Collection[str]
) -> Iterator[Block]:
    """Yield a block for each part of a file, with its raw bytes.

    `columns` maps a column to the keys it may have; an object of the first part has one of them,
    else `MissingColumn` is raised. `a.b` is the key b of the object a, where no key is called so. A
    value that is no text or number is null; the columns `lists` may hold lists, and are columns of
    lists where one does.
    """
    keys = None
    for part in parts:
        rows = [row for _, row, _ in part.rows]
        if keys is None:
            keys = _keys(rows, columns)
        yield Block(
            {
                name: _column([_value(row, key) for row in rows], name in lists)
                for name, key in keys.items()
            },
            np.array([number for number, _, _ in part.rows], np.int64),
            part.rejects,
            part.characters,
            pa.array([raw for _, _, raw in part.rows], pa.binary()),
        )


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


def _column(values: list[Any], may_be_lists: bool) -> pa.Array:
    if not may_be_lists or not any(isinstance(value, list) for value in values):
        return pa.array([_text_of(value) for value in values], pa.string())
    lists = [value if isinstance(value, list) else [value] for value in values]
    return pa.array([[_text_of(v) for v in row] for row in lists], pa.list_(pa.string()))


def _text_of(value: object) -> str | None:
    """Return a string or a number as text; whatever else is none, NaN neither."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return float_text(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
