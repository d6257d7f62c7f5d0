"""Files for whoever has a loader of their own: one a batch, named by it, whole or not there."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from configs.errors import PassingFault
from configs.stores import FileSettings, shown_url
from pipelines import storage
from pipelines.sinks.changes import COPIED, Change, Refused, name_of

_FLOATS = ("old_probability", "new_probability")
SCHEMA = pa.schema(
    [
        ("schema", pa.int32()),
        ("message_id", pa.string()),
        ("change", pa.int64()),
        *((name, pa.float64() if name in _FLOATS else pa.string()) for name in COPIED),
        ("labels", pa.list_(pa.string())),
        ("probabilities", pa.list_(pa.float64())),
        ("changed_at", pa.string()),
    ]
)


class FileSink:
    """A folder, local (`file:///data/out`) or `gs://bucket/out`."""

    def __init__(self, settings: FileSettings) -> None:
        self.name, self.settings = name_of(settings), settings
        self._folder = settings.url.removeprefix("file://").rstrip("/")
        storage.make_folder(self._folder, "URL in store.sinks, or store.url")

    def deliver(self, changes: Sequence[Change], place: str) -> list[Refused]:
        """Write the batch under the name of its place; the same batch, the same bytes."""
        form = self.settings.format
        path = f"{self._folder}/labels-{place}.{form}"
        try:
            storage.write_bytes(path, _WRITERS[form](changes))
        except OSError as error:
            raise PassingFault(
                f"{shown_url(self.settings.url)}: {error.strerror or error}; expected a folder "
                "with room; free some space, then run again"
            ) from error
        return []

    def close(self) -> None:
        """Nothing stays open."""


def _parquet(changes: Sequence[Change]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(changes), SCHEMA), buffer)
    return buffer.getvalue()


def _json_lines(changes: Sequence[Change]) -> bytes:
    return "".join(json.dumps(c, ensure_ascii=False) + "\n" for c in changes).encode()


def _csv(changes: Sequence[Change]) -> bytes:
    """Lists become JSON in their field, RFC 4180 quotes what needs it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(SCHEMA.names)
    for change in changes:
        writer.writerow([_field(change[name]) for name in SCHEMA.names])
    return text.getvalue().encode()


def _field(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


_WRITERS: dict[str, Callable[[Sequence[Change]], bytes]] = {
    "parquet": _parquet,
    "jsonl": _json_lines,
    "csv": _csv,
}
