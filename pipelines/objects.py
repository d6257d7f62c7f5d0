"""Turn objects, as JSON and XML hold them, into columns: the keys that are wanted, as texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from configs.categories import ListMeaning
from pipelines.blocks import Block, MissingColumn
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
    parts: Iterable[Objects],
    columns: Mapping[str, Sequence[str]],
    lists: Mapping[str, ListMeaning] | None,
) -> Iterator[Block]:
    """Yield a block for each part of a file, with its raw bytes.

    `columns` maps a column to the keys it may have; an object of the first part has one of them,
    else `MissingColumn` is raised. `a.b` is the key b of the object a, where no key is called so. A
    value that is no text or number is null; the columns `lists` may hold lists, of texts, or where
    they are paths of lists of these too.
    """
    keys = None
    for part in parts:
        rows = [row for _, row, _ in part.rows]
        if keys is None:
            keys = _keys(rows, columns)
        values = {name: [_value(row, key) for row in rows] for name, key in keys.items()}
        of_lists = {
            name: _lists(values[name], meaning)
            for name, meaning in (lists or {}).items()
            if any(isinstance(value, list) for value in values.get(name, []))
        }
        yield Block(
            {name: _texts(values[name], lists_too=name in of_lists) for name in keys},
            np.array([number for number, _, _ in part.rows], np.int64),
            part.rejects,
            part.characters,
            pa.array([raw for _, _, raw in part.rows], pa.binary()),
            of_lists,
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
    is `["a"]`; so it is of lists in lists.
    """
    if key in row or "." not in key:
        return row.get(key)
    first, _, rest = key.partition(".")
    return _inside(row.get(first), rest)


def _inside(value: Any, key: str) -> Any:
    if isinstance(value, list):
        return [_inside(each, key) for each in value if isinstance(each, (dict, list))]
    return _value(value, key) if isinstance(value, dict) else None


def _texts(values: list[Any], *, lists_too: bool) -> pa.Array:
    """Return values as texts; with `lists_too` that of a list is all that is in it."""
    texts = [
        " ".join(_all_texts(value)) if lists_too and isinstance(value, list) else _text_of(value)
        for value in values
    ]
    return pa.array(texts, pa.string())


def _all_texts(value: list[Any]) -> Iterator[str]:
    for each in value:
        if isinstance(each, list):
            yield from _all_texts(each)
        elif (text := _text_of(each)) is not None:
            yield text


def _lists(values: list[Any], meaning: ListMeaning) -> pa.Array:
    """Return the lists among values, null for each other: of labels, or of paths."""
    lists: Iterator[list[Any] | None]
    if meaning == "labels":
        lists = ([_text_of(v) for v in row] if isinstance(row, list) else None for row in values)
        return pa.array(lists, pa.list_(pa.string()))
    lists = (_paths(row) if isinstance(row, list) else None for row in values)
    return pa.array(lists, pa.list_(pa.list_(pa.string())))


def _paths(value: list[Any]) -> list[list[str] | None]:
    """Return the paths that a list holds, or the one that it is; None for what is none.

    `["a", "b"]` is `[["a", "b"]]`, as `[["a", "b"]]` is; `["a", ["b"]]` is `[None, ["b"]]`.
    """
    some = [each for each in value if not _is_missing(each)]
    if not any(isinstance(each, list) for each in some):
        return [_parts(some)]
    return [_parts(each) if isinstance(each, list) else None for each in some]


def _parts(value: list[Any]) -> list[str] | None:
    texts = [_text_of(each) for each in value if not _is_missing(each)]
    whole = [text for text in texts if text is not None]
    return whole if len(whole) == len(texts) else None


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _text_of(value: object) -> str | None:
    """Return a string or a number as text; whatever else is none, NaN neither."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return float_text(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
