"""Write the predictions of a dump into the label store."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from configs.errors import UsageError
from configs.settings import StoreSettings
from pipelines import storage
from pipelines.label_store import PROVENANCE, Counts, Row, is_sqlite, open_store, shown
from pipelines.stage import Manifest, require_manifest

PARTS = "part-*.parquet"
COLUMNS = ("id", "title_hash", "label", "probability", "labels", "probabilities", *PROVENANCE)


def _silent(rows: int) -> None:
    """Tell nobody."""


def write_labels(
    predictions: str,
    *,
    store_url: str,
    dump_id: str,
    settings: StoreSettings,
    on_progress: Callable[[int], None] = _silent,
) -> dict[str, Any]:
    """Write a finished predictions folder into the store and return the figures.

    One transaction for each batch of at most `settings.batch_rows` rows; after each, `on_progress`
    gets the number of its rows. A killed write that is run again ends as if it had run once. What
    counts as a change is said at `LabelStore.write`. An id stands in a folder once: `aisle predict`
    sees to it.

    >>> write_labels("run/predictions/monday", store_url="sqlite:///labels.db", ...)
    {'predictions': 9, 'inserted': 2, 'changed': 1, 'unchanged': 6, 'batches': 1,
     'store': 'sqlite:///labels.db'}

    Raises `UsageError` where the folder is not finished or the store cannot be written.
    """
    manifest = require_manifest(predictions, "predict")
    write_id = _write_id(manifest, dump_id)
    parts = _checked_parts(predictions) if manifest.figures.get("predictions") != 0 else []
    done: list[Counts] = []
    with open_store(parse_url(store_url), settings) as store:
        for rows in _batches(parts, settings.batch_rows):
            done.append(store.write(rows, dump_id=dump_id, write_id=write_id))
            on_progress(len(rows))
        return _figures(done) | {"store": store.url}


def example_query(store_url: str, settings: StoreSettings) -> str:
    """Return a line that shows some labels: a shell command for SQLite, else the SQL.

    >>> example_query("sqlite:///labels.db", StoreSettings())
    'sqlite3 labels.db "SELECT product_id, label, probability FROM labels LIMIT 10"'
    """
    url = parse_url(store_url)
    sql = f"SELECT product_id, label, probability FROM {settings.labels_table} LIMIT 10"
    return f'sqlite3 {shlex.quote(str(url.database))} "{sql}"' if is_sqlite(url) else sql


def parse_url(url: str) -> sa.URL:
    """Read a store's URL; refuse what is none, or keeps nothing. Never repeats unread text."""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UsageError(
            "store.url: not a database URL; expected for example sqlite:////data/labels.db or "
            "postgresql+psycopg://user:password@host:5432/database"
        ) from error
    path = parsed.database or ":memory:"
    if is_sqlite(parsed) and (path == ":memory:" or storage.is_remote(path)):
        raise UsageError(
            f"{shown(parsed)}: not a file on this machine; expected for example "
            "sqlite:////data/labels.db; set store.url"
        )
    return parsed


def _write_id(manifest: Manifest, dump_id: str) -> str:
    """Name a write by what it writes: run again after a kill, it is the same write."""
    name = f"{dump_id}\0{manifest.fingerprint}".encode()
    return hashlib.blake2b(name, digest_size=8).hexdigest()


def _figures(done: list[Counts]) -> dict[str, Any]:
    sums = {name: sum(getattr(counts, name) for counts in done) for name in Counts._fields}
    return {"predictions": sum(sums.values()), **sums, "batches": len(done)}


def _checked_parts(predictions: str) -> list[str]:
    """Return the parts of the folder, each known to have every column, before a row is written."""
    parts = [file.path for file in storage.list_files(predictions, PARTS)]
    if not parts:
        raise UsageError(f"{predictions}: found no {PARTS}; run `aisle predict` again with --force")
    for part in parts:
        with _open_part(part) as file:
            missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
        if missing:
            raise UsageError(
                f"{part}: no column {', '.join(missing)}; expected {', '.join(COLUMNS)}; "
                "run `aisle predict` again with --force"
            )
    return parts


def _batches(parts: list[str], batch_rows: int) -> Iterator[list[Row]]:
    for part in parts:
        with _open_part(part) as file:
            for batch in file.iter_batches(batch_rows, columns=list(COLUMNS)):
                yield _rows(batch)


def _rows(batch: pa.RecordBatch) -> list[Row]:
    """Turn columns into rows; `id` becomes `product_id`, a float32 the same number as a float."""
    names = ["product_id" if name == "id" else name for name in COLUMNS]
    columns = (batch.column(name).to_pylist() for name in COLUMNS)
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


@contextmanager
def _open_part(path: str) -> Iterator[pq.ParquetFile]:
    try:
        with storage.open_input(path) as raw, pq.ParquetFile(raw) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise UsageError(
            f"{path}: cannot be read as Parquet ({error}); run `aisle predict` again with --force"
        ) from error
