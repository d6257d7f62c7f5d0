"""From the history of a write to a sink: what was delivered is noted, and never lost.

The history is the outbox. A chunk is noted as delivered, with its dead letters, after the sink has
confirmed all of it; killed before, it is delivered again, under the same ids.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import sqlalchemy as sa

from configs.errors import PassingFault
from configs.stores import AnySink, FileSettings, IndexSettings, QueueSettings
from pipelines.sinks.changes import Change, Refused, Sink, change_of, check_names
from pipelines.sinks.ledger import Ledger
from pipelines.sinks.overtaken import is_last
from pipelines.sinks.retry import RateLimit, with_retries
from pipelines.sinks.writes import Counts, count_refused, finish


@contextmanager
def opened(settings: Sequence[AnySink]) -> Iterator[list[Sink]]:
    """Open the sinks; close them whatever happens."""
    check_names(settings)
    with ExitStack() as stack:
        sinks = []
        for one in settings:
            sinks.append(open_sink(one))
            stack.callback(sinks[-1].close)
        yield sinks


def open_sink(settings: AnySink) -> Sink:
    """Open the sink that a URL names; its client is imported only here."""
    if isinstance(settings, QueueSettings):
        from pipelines.sinks.queue import QueueSink

        return QueueSink(settings)
    if isinstance(settings, IndexSettings):
        from pipelines.sinks.index import IndexSink

        return IndexSink(settings)
    assert isinstance(settings, FileSettings)
    from pipelines.sinks.files import FileSink

    return FileSink(settings)


def feed(ledger: Ledger, settings: Sequence[AnySink], write_id: str) -> dict[str, Counts]:
    """Bring every change of a write to all sinks; return what each took, and refused."""
    with opened(settings) as sinks:
        return {sink.name: deliver(ledger, write_id, sink) for sink in sinks}


def feed_small(ledger: Ledger, settings: Sequence[AnySink], write_id: str) -> dict[str, Counts]:
    """Do so for an undo, or a label that a person has set, which is open until all have it.

    Where that is taken up late, what has changed since is left to its own write.
    """
    with opened(settings) as sinks:
        fed = {sink.name: deliver(ledger, write_id, sink, only_last=True) for sink in sinks}
    ledger.in_transaction(lambda connection: finish(connection, ledger.tables, write_id))
    return fed


def deliver(ledger: Ledger, write_id: str, sink: Sink, *, only_last: bool = False) -> Counts:
    """Bring every change of a write to a sink; return how many it took, and refused.

    With `only_last` without those whose product has changed since: the sink may have that already.
    """
    limit = RateLimit(sink.settings.rows_per_second)
    for chunk, first, last in _waiting(ledger, write_id, sink.name):
        delivered, refused = 0, []
        pages = _pages(ledger, write_id, first, last, sink.settings.batch_rows, only_last)
        for number, changes in enumerate(pages):
            no = send(sink, changes, f"{write_id}-{chunk:05d}-{number:03d}", limit)
            delivered += len(changes) - len(no)
            refused += no
        _note(ledger, write_id, sink.name, chunk, delivered, refused)
    return _figures(ledger, write_id, sink.name)


def send(sink: Sink, changes: list[Change], place: str, limit: RateLimit) -> list[Refused]:
    """Deliver one batch, again after a passing fault."""
    limit.wait(len(changes))
    return with_retries(
        lambda: sink.deliver(changes, place),
        sink.settings.retry,
        lambda error: isinstance(error, PassingFault),
    )


def _waiting(ledger: Ledger, write_id: str, sink: str) -> list[tuple[int, int, int]]:
    """Return the chunks that the sink has not confirmed: number, and between which changes."""
    chunks, done = ledger.tables.chunks, ledger.tables.deliveries
    there = sa.select(done.c.chunk).where(done.c.write_id == write_id, done.c.sink == sink)
    query = (
        sa.select(chunks.c.chunk, chunks.c.first_change, chunks.c.last_change)
        .where(chunks.c.write_id == write_id, chunks.c.chunk.not_in(there))
        .order_by(chunks.c.chunk)
    )
    return ledger.in_transaction(lambda c: [(r[0], r[1], r[2]) for r in c.execute(query)])


def _pages(
    ledger: Ledger, write_id: str, first: int, last: int, rows: int, only_last: bool
) -> Iterator[list[Change]]:
    history = ledger.tables.history
    wanted = [history.c.write_id == write_id, history.c.id <= last]
    wanted += [is_last(history)] if only_last else []
    while True:
        query = sa.select(history).where(*wanted, history.c.id > first)
        query = query.order_by(history.c.id).limit(rows)
        found = ledger.in_transaction(functools.partial(_read, query))
        if not found:
            return
        yield [change_of(row) for row in found]
        first = found[-1].id


def _read(query: sa.Select[Any], connection: sa.Connection) -> list[Any]:
    return list(connection.execute(query))


def _note(
    ledger: Ledger, write_id: str, sink: str, chunk: int, delivered: int, refused: list[Refused]
) -> None:
    def note(connection: sa.Connection) -> None:
        done = ledger.tables.deliveries
        same = (done.c.write_id == write_id, done.c.sink == sink, done.c.chunk == chunk)
        if connection.execute(sa.select(done.c.chunk).where(*same)).first():
            return  # another writer of the same write was faster
        for change, reason in refused:
            ledger.refuse(connection, write_id, sink, chunk, reason, json.dumps(change))
        row = {"write_id": write_id, "sink": sink, "chunk": chunk}
        counts = {"delivered": delivered, "refused": len(refused)}
        connection.execute(done.insert(), row | counts)

    ledger.in_transaction(note)


def confirmed(ledger: Ledger, write_id: str) -> int:
    """Return how many chunks of a write its sinks have confirmed so far."""
    done = ledger.tables.deliveries.c
    count = sa.select(sa.func.count()).where(done.write_id == write_id)
    return ledger.in_transaction(lambda connection: int(connection.execute(count).scalar_one()))


def _figures(ledger: Ledger, write_id: str, sink: str) -> Counts:
    """Return what a sink took of a write, and what it has refused and not taken since."""
    done = ledger.tables.deliveries.c
    told = sa.select(sa.func.coalesce(sa.func.sum(done.delivered + done.refused), 0))
    told = told.where(done.write_id == write_id, done.sink == sink)

    def count(connection: sa.Connection) -> Counts:
        refused = count_refused(connection, ledger.tables, write_id, sink)
        every = int(connection.execute(told).scalar_one())
        return {"delivered": every - refused, "refused": refused}

    return ledger.in_transaction(count)
