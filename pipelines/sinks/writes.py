"""Writes: how one begins or is taken up again, ends, and what became of its rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import sqlalchemy as sa

from pipelines.sinks.schema import VERDICTS, Tables

Counts = dict[str, int]


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

    What was finished is finished: only an undone write, or `again`, makes another attempt.
    """
    writes = tables.writes
    of_work = sa.select(writes).where(writes.c.work == work)
    latest = connection.execute(of_work.order_by(writes.c.attempt.desc()).limit(1)).first()
    if latest and (latest.state == "open" or (latest.state == "finished" and not again)):
        finished = latest.state == "finished"
        cut = latest.batch_rows
        return replace(wanted, write_id=latest.write_id, batch_rows=cut, finished=finished)
    attempt = latest.attempt + 1 if latest else 1
    write = replace(wanted, write_id=_write_id(work, attempt))
    texts = {"work": work, "dump_id": write.dump_id, "source": source, "state": "open"}
    numbers = {"attempt": attempt, "batch_rows": write.batch_rows}
    named = {"write_id": write.write_id, "started_at": datetime.now(UTC)}
    connection.execute(writes.insert(), {**named, **texts, **numbers})
    return write


def finish(connection: sa.Connection, tables: Tables, write: Write) -> None:
    writes = tables.writes
    mine = writes.update().where(writes.c.write_id == write.write_id)
    connection.execute(mine.values(state="finished", finished_at=datetime.now(UTC)))


def counts_of(connection: sa.Connection, tables: Tables, write_id: str) -> Counts:
    """Return what became of all rows of a write so far, and the number of its chunks."""
    chunks = tables.chunks
    names = (*VERDICTS, "refused")
    sums = [sa.func.coalesce(sa.func.sum(chunks.c[name]), 0).label(name) for name in names]
    query = sa.select(*sums, sa.func.count().label("batches"))
    found = connection.execute(query.where(chunks.c.write_id == write_id)).one()
    return {name: int(value) for name, value in found._mapping.items()}


def _write_id(work: str, attempt: int) -> str:
    """Name a write by what it writes: run again after a kill, it is the same write."""
    name = work if attempt == 1 else f"{work}:{attempt}"
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
