"""Write the predictions of a dump into the label store, and its changes to the sinks."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from configs.artifacts import COMPLETED
from configs.errors import UsageError
from configs.loading import fingerprint
from configs.stores import StoreSettings
from pipelines import listing, storage
from pipelines.sinks.delivery import confirmed, feed
from pipelines.sinks.doors import open_ledger
from pipelines.sinks.engine import is_sqlite, parse_url
from pipelines.sinks.ledger import Ledger
from pipelines.sinks.rows import MODEL, by_origin
from pipelines.sinks.schema import PROVENANCE
from pipelines.sinks.writes import Write
from pipelines.stage import Manifest, require_manifest

PARTS = "part-*.parquet"
COLUMNS = ("id", "title_hash", "label", "probability", "labels", "probabilities", *PROVENANCE)
FURTHER = ("source", "rule")  # where rules were applied


def _silent(rows: int) -> None:
    """Tell nobody."""


def write_labels(
    predictions: str,
    *,
    store_url: str,
    dump_id: str,
    settings: StoreSettings,
    on_progress: Callable[[int], None] = _silent,
    force: bool = False,
) -> dict[str, Any]:
    """Write a finished predictions folder into the store and return the figures.

    The folder is cut into numbered chunks of at most `settings.batch_rows` rows. Each is written in
    one transaction with a note that it is there: killed anywhere and run again, the write ends as
    if it had run once. After each, `on_progress` gets the number of its rows. A finished write of
    the same predictions under the same settings is not written again, as long as no label in the
    store was changed since, or with `force`. An id stands in a folder once: `aisle predict` sees
    to it.

    >>> write_labels("run/predictions/monday", store_url="sqlite:///labels.db", ...)
    {'predictions': 9, 'inserted': 2, 'changed': 1, 'unchanged': 6, 'kept': 0, 'held': 0,
     'refused': 0, 'batches': 1, 'write_id': '5e...', 'done_before': False,
     'store': 'sqlite:///labels.db'}

    Raises `UsageError` where the folder is not finished, the gate refuses, or the store does.
    """
    manifest = require_manifest(predictions, "predict")
    parts = checked_parts(predictions, manifest)
    with open_ledger(parse_url(store_url), settings) as ledger:
        taxonomy = manifest.figures.get("taxonomy_version")
        work = f"{dump_id}:{manifest.fingerprint}:{_shape(settings)}"
        write = ledger.begin(work, dump_id, source=MODEL, again=force, taxonomy=taxonomy)
        if not write.finished:
            check_gate(ledger, write, parts)
            _write_chunks(ledger, write, parts, on_progress)
            _hand_on(ledger, write)
        before = confirmed(ledger, write.write_id)
        delivered = feed(ledger, settings.all_sinks, write.write_id)
        if not write.finished:
            ledger.finish(write)
        figures = _figures(ledger, write) | ({"sinks": delivered} if delivered else {})
        nothing_sent = before == confirmed(ledger, write.write_id)
        return figures | {"done_before": write.finished and nothing_sent}


def _shape(settings: StoreSettings) -> str:
    """Name the settings that say which of the predictions are written."""
    gate = settings.gate.model_dump(mode="json", exclude={"max_changed_share"})
    gate["min_probability"] = list(gate["min_probability"].items())  # the last that fits holds
    return fingerprint({"gate": gate, "overwrite_persons": settings.overwrite_persons})


def _hand_on(ledger: Ledger, write: Write) -> None:
    """Bring to the sinks what earlier writes of the dump had changed before they were cut off."""
    for write_id in ledger.left_open(write):
        feed(ledger, ledger.settings.all_sinks, write_id)
        ledger.supersede(write_id)


def check_gate(ledger: Ledger, write: Write, parts: list[str]) -> None:
    """Raise `UsageError` where the write would change more of the known labels than it may.

    What was written of it before counts as well: a write that was cut off is judged whole.
    """
    most = ledger.settings.gate.max_changed_share
    if most >= 1.0:
        return
    found, moved = ledger.counts(write.write_id), ledger.moved_by(write.write_id)
    found.pop("batches")
    with ledger.rolled_back() as connection:
        for number, batch in enumerate(batches(parts, write.batch_rows)):
            if ledger.has(connection, write, number):
                continue
            for origin, part in by_origin(batch):
                for name, count in ledger.judge(connection, origin, part).items():
                    found[name] += count
                moved += ledger.count_moved(connection)
    refuse_above(most, moved, found)


def refuse_above(most: float, moved: int, found: dict[str, int]) -> None:
    """Raise `UsageError` where more than this share of the known labels become other ones.

    A label that stays and says only another probability or model than before is none of them.
    """
    known = sum(found[name] for name in ("changed", "unchanged", "kept"))
    if known and moved > most * known:
        raise UsageError(
            f"store.gate: {moved:,} of {known:,} known labels would change "
            f"({moved / known:.1%}); expected {most:.1%} at most; look at `aisle diff`, then set "
            "store.gate.max_changed_share or leave the write"
        )


def _write_chunks(
    ledger: Ledger, write: Write, parts: list[str], on_progress: Callable[[int], None]
) -> None:
    for number, batch in enumerate(batches(parts, write.batch_rows)):
        ledger.put(write, number, batch)
        on_progress(batch.num_rows)


def _figures(ledger: Ledger, write: Write) -> dict[str, Any]:
    """Return what the write did; of one that was finished before, that all is as it was."""
    counts = ledger.counts(write.write_id)
    chunks = counts.pop("batches")
    rows = sum(counts.values())
    if write.finished:
        same = rows - counts["held"] - counts["kept"] - counts["refused"]
        counts |= {"inserted": 0, "changed": 0, "unchanged": same}
        chunks = 0
    said = {"write_id": write.write_id, "store": ledger.url}
    return {"predictions": rows, **counts, "batches": chunks, **said}


def example_query(store_url: str, settings: StoreSettings) -> str:
    """Return a line that shows some labels: a shell command for SQLite, else the SQL.

    >>> example_query("sqlite:///labels.db", StoreSettings())
    'sqlite3 labels.db "SELECT product_id, label, probability FROM labels LIMIT 10"'
    """
    url = parse_url(store_url)
    sql = f"SELECT product_id, label, probability FROM {settings.labels_table} LIMIT 10"
    return f'sqlite3 {shlex.quote(str(url.database))} "{sql}"' if is_sqlite(url) else sql


def checked_parts(predictions: str, manifest: Manifest) -> list[str]:
    """Return the parts of the folder, before a row is written.

    Each is known to have every column, and all to have as many rows as the manifest says.
    """
    expected = manifest.figures.get("predictions")
    if expected == 0:
        return []
    parts = [file.path for file in listing.list_files(predictions, PARTS)]
    if not parts:
        raise UsageError(f"{predictions}: found no {PARTS}; run `aisle predict` again with --force")
    rows = 0
    for part in parts:
        with _open_part(part) as file:
            rows += file.metadata.num_rows
            missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
        if missing:
            raise UsageError(
                f"{part}: no column {', '.join(missing)}; expected {', '.join(COLUMNS)}; "
                "run `aisle predict` again with --force"
            )
    if expected not in (None, rows):
        raise UsageError(
            f"{predictions}: found {rows:,} predictions in {len(parts)} parts, expected the "
            f"{expected:,} that {COMPLETED} tells of; put back the parts that are missing, or run "
            "`aisle predict` again with --force"
        )
    return parts


def batches(parts: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the chunks of a folder: the same size, the same chunks."""
    for part in parts:
        with _open_part(part) as file:
            further = [name for name in FURTHER if name in file.schema_arrow.names]
            yield from file.iter_batches(batch_rows, columns=[*COLUMNS, *further])


@contextmanager
def _open_part(path: str) -> Iterator[pq.ParquetFile]:
    try:
        with storage.open_input(path) as raw, pq.ParquetFile(raw) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise UsageError(
            f"{path}: cannot be read as Parquet ({error}); run `aisle predict` again with --force"
        ) from error
