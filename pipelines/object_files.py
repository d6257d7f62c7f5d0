"""The door for files of objects: JSON lines, JSON documents, XML."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pipelines.blocks import Block
from pipelines.file_parts import WHOLE, FilePart
from pipelines.json_documents import document_objects
from pipelines.json_lines import line_objects
from pipelines.objects import ListMeaning, Objects, object_blocks
from pipelines.xml_records import xml_objects

_READERS: dict[str, Callable[..., Iterator[Objects]]] = {
    "jsonl": line_objects,
    "json": document_objects,
    "xml": xml_objects,
}


def read_object_blocks(
    path: str,
    source: str,
    columns: Mapping[str, Sequence[str]],
    form: str,
    *,
    items: str | None,
    encoding: str,
    max_record_bytes: int,
    lists: Mapping[str, ListMeaning] | None = None,
    reject: str | None = None,
    part: FilePart = WHOLE,
) -> Iterator[Block]:
    """Yield the blocks of a file, with their raw bytes; `source` names it in rejects.

    Of JSON lines it may be those of a `part` alone.

    `form` is `jsonl`, `json` or `xml`; `columns` and `lists` are as `objects.object_blocks` has
    them. With `reject` every object is one, for that reason. Raises `MissingColumn`, and
    `UsageError` for a file that is not of its form from the first record on.
    """
    where: dict[str, Any] = {"items": items, "max_record_bytes": max_record_bytes}
    given = {} if form == "jsonl" else where
    objects = functools.partial(
        _READERS[form], path, source, encoding=encoding, reject=reject, **given
    )
    if not part.begin:
        yield from object_blocks(objects(part=part) if part.end else objects(), columns, lists)
        return
    first = itertools.islice(objects(), 1)  # says which keys are read, in all parts
    blocks = object_blocks(itertools.chain(first, objects(part=part)), columns, lists)
    yield from itertools.islice(blocks, 1, None)
