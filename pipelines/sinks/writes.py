"""Writes: how one begins or is taken up again, ends, and what became of its rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa

from configs.errors import UsageError
from pipelines.sinks.schema import VERDICTS, Tables

Counts = dict[str, int]
OPEN = "open"  # of a write that is not whole, or that a sink does not have yet
STORE = "store"  # the name under which the store's own dead letters stand


@dataclass(frozen=True)
class Write:
    """One write: its name, the dump, how its chunks are cut, and whether it is whole."""

    write_id: str
    dump_id: str
    batch_rows: int
    finished: bool
    taxonomy_version: str | None = None


def begin(
    connection: sa.Connection, tables: Tables, work: str, wanted: Write, *, source: str, again: bool
) -> Write:
    """Note a write of `work` as `wanted`, or return the one that was begun, cut as it was.

    What was finished is finished, and what was begun is taken up, as long as no other write, no
    undo and no person has changed a label since it began. An undone write, or `again` of a
    finished one, makes another attempt too.
    """
    writes = tables.writes
    of_work = sa.select(writes).where(writes.c.work == work)
    latest = connection.execute(of_work.order_by(writes.c.attempt.desc()).limit(1)).first()
    if latest and _holds(connection, tables, latest, again):
        finished = latest.state == "finished"
        cut = latest.batch_rows
        return replace(wanted, write_id=latest.write_id, batch_rows=cut, finished=finished)
    attempt = latest.attempt + 1 if latest else 1
    write = replace(wanted, write_id=_write_id(work, attempt))
    texts = {"work": work, "dump_id": write.dump_id, "source": source, "state": OPEN}
    numbers = {"attempt": attempt, "batch_rows": write.batch_rows}
    named = {"write_id": write.write_id, "started_at": datetime.now(UTC)}
    connection.execute(writes.insert(), {**named, **texts, **numbers})
    return write


def _holds(connection: sa.Connection, tables: Tables, write: sa.Row, again: bool) -> bool:
    """Tell whether a write is done, or is to be taken up."""
    if write.state == OPEN or (write.state == "finished" and not again):
        return not _is_overtaken(connection, tables, write.write_id)
    return False


def _is_overtaken(connection: sa.Connection, tables: Tables, write_id: str) -> bool:
    """Tell whether a chunk of another write has changed a label since this one's first chunk.

    Undoing and setting a label by hand are writes of one chunk. The few rows of the chunks tell
    it: the many of the history are not read.
    """
    chunks = tables.chunks.c
    begun = sa.select(sa.func.min(chunks.first_change)).where(chunks.write_id == write_id)
    other = sa.select(chunks.chunk).where(
        chunks.write_id != write_id,
        chunks.last_change > chunks.first_change,
        chunks.last_change > begun.scalar_subquery(),
    )
    return connection.execute(other.limit(1)).first() is not None


def left_open(connection: sa.Connection, tables: Tables, write: Write) -> list[str]:
    """Return the earlier writes of the same dump that were cut off, in their order."""
    writes = tables.writes.c
    query = sa.select(writes.write_id).where(
        writes.dump_id == write.dump_id,
        writes.state == OPEN,
        writes.write_id != write.write_id,
    )
    found = connection.execute(query.order_by(writes.started_at, writes.attempt))
    return list(found.scalars())


def require_write(connection: sa.Connection, tables: Tables, write_id: str, url: str) -> sa.Row:
    """Return the row of a write; raise `UsageError` where the store at `url` knows none."""
    writes = tables.writes
    found = connection.execute(sa.select(writes).where(writes.c.write_id == write_id)).first()
    if found is None:
        raise UsageError(
            f"{url}: knows no write {write_id[:64]!r}; `aisle write-labels` says the write_id of "
            "what it writes, `aisle labels --product` that of every change"
        )
    return found


def finish(
    connection: sa.Connection, tables: Tables, write_id: str, state: str = "finished"
) -> None:
    writes = tables.writes
    mine = writes.update().where(writes.c.write_id == write_id)
    connection.execute(mine.values(state=state, finished_at=datetime.now(UTC)))


def counts_of(connection: sa.Connection, tables: Tables, write_id: str) -> Counts:
    """Return what became of all rows of a write so far, and the number of its chunks.

    A row that was refused and is there by now, as its dead letter was replayed, is not `refused`.
    """
    chunks = tables.chunks
    sums = [sa.func.coalesce(sa.func.sum(chunks.c[name]), 0).label(name) for name in VERDICTS]
    query = sa.select(*sums, sa.func.count().label("batches"))
    found = connection.execute(query.where(chunks.c.write_id == write_id)).one()
    counts = {name: int(value) for name, value in found._mapping.items()}
    return {**counts, "refused": count_refused(connection, tables, write_id, STORE)}


def count_refused(connection: sa.Connection, tables: Tables, write_id: str, sink: str) -> int:
    """Return how many dead letters a write has at a sink that were not replayed."""
    letters = tables.dead_letters.c
    count = sa.select(sa.func.count()).where(
        letters.write_id == write_id, letters.sink == sink, letters.replayed_at.is_(None)
    )
    return int(connection.execute(count).scalar_one())


def _write_id(work: str, attempt: int) -> str:
    """Name a write by what it writes: run again after a kill, it is the same write."""
    name = work if attempt == 1 else f"{work}:{attempt}"
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
