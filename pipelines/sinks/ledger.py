"""The label store: what is written, by chunks that each are there once, and what they changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from configs.stores import StoreSettings
from pipelines.sinks import merge
from pipelines.sinks.engine import is_passing, is_postgres, one_line, shown
from pipelines.sinks.engine import words as words_of
from pipelines.sinks.retry import RateLimit, with_retries
from pipelines.sinks.rows import by_origin, staged
from pipelines.sinks.schema import VERDICTS, Tables, tables_of
from pipelines.sinks.writes import STORE, Counts, Write, begin, counts_of, finish, left_open

T = TypeVar("T")
Fate = Literal["replayed", "overtaken", "left"]  # of a dead letter; left: as it was
BATCH_ROWS = {"postgresql": 50_000}
OTHER_BATCH_ROWS = 5000
_REFUSALS = ("22", "23", "54")  # PostgreSQL: bad data, a constraint, a limit


class Ledger:
    """The tables in one database. A chunk is written in one transaction, with its progress."""

    def __init__(self, engine: sa.Engine, settings: StoreSettings) -> None:
        self.tables: Tables = tables_of(settings)
        self.url = shown(engine.url)
        self.settings = settings
        self.engine = engine
        self._rate = RateLimit(settings.rows_per_second)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction that no other writer of these tables is in.

        SQLite begins with its write lock; PostgreSQL takes an advisory lock named after the
        table; both wait. Elsewhere the primary keys of the chunks refuse the second of two.
        """
        with one_line(self.engine.url), self.engine.begin() as connection:
            if is_postgres(self.engine.url):
                key = hashlib.blake2b(self.tables.labels.name.encode(), digest_size=8).digest()
                number = int.from_bytes(key, "big", signed=True)
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
            yield connection

    def retried(self, work: Callable[[], T]) -> T:
        """Do `work`, again after a passing fault; `one_line` has it as its cause."""
        return with_retries(
            work, self.settings.retry, lambda error: is_passing(error.__cause__ or error)
        )

    def in_transaction(self, work: Callable[[sa.Connection], T]) -> T:
        """Do `work`, which done twice is as done once, in a transaction; again after a fault."""

        def attempt() -> T:
            with self.transaction() as connection:
                return work(connection)

        return self.retried(attempt)

    @contextmanager
    def rolled_back(self) -> Iterator[sa.Connection]:
        """Give a transaction of which nothing stays."""
        with self.transaction() as connection:
            inner = connection.begin_nested()
            try:
                yield connection
            finally:
                inner.rollback()

    def has(self, connection: sa.Connection, write: Write, chunk: int) -> bool:
        """Tell whether a chunk of a write is there."""
        return self._done(connection, write, chunk) is not None

    def begin(
        self, work: str, dump_id: str, *, source: str, again: bool, taxonomy: str | None = None
    ) -> Write:
        """Open a write of `work`, or take up the one that was begun.

        See `writes.begin` for when another attempt is made.
        """
        wanted = Write("", dump_id, self._batch_rows(), False, taxonomy)
        return self.in_transaction(
            lambda c: begin(c, self.tables, work, wanted, source=source, again=again)
        )

    def put(self, write: Write, chunk: int, batch: pa.RecordBatch) -> Counts:
        """Write a chunk of predictions, unless it is there; return what became of its rows.

        A row that the database refuses for what it is becomes a dead letter; all others, and the
        progress, are in the same transaction. Raises `PassingFault` where it stays unreachable.
        """
        self._rate.wait(batch.num_rows)
        return self.retried(lambda: self._put(write, chunk, batch))

    def _put(self, write: Write, chunk: int, batch: pa.RecordBatch) -> Counts:
        with self.transaction() as connection:
            if done := self._done(connection, write, chunk):
                return done
            before = self._last_change(connection)
            counts = dict.fromkeys((*VERDICTS, "refused"), 0)
            for origin, part in by_origin(batch):
                for name, count in self._merge(connection, write, chunk, origin, part).items():
                    counts[name] += count
            self._note(connection, write, chunk, counts, before)
        return counts

    def put_again(
        self,
        write: Write,
        chunk: int,
        batch: pa.RecordBatch,
        overtaken: Callable[[sa.Connection], bool],
    ) -> Fate:
        """Write a row that was refused before as a chunk of its own, unless it is `overtaken`.

        Such a row changes nothing, and counts as that. Refused again, nothing is stored: it is a
        dead letter already.
        """
        with self.transaction() as connection, connection.begin_nested() as attempt:
            if self.has(connection, write, chunk):
                return "replayed"  # killed before its letter was marked
            before = self._last_change(connection)
            if overtaken(connection):
                self._note(connection, write, chunk, {"unchanged": 1}, before)
                return "overtaken"
            (origin, part), *_ = by_origin(batch)
            counts = self._merge(connection, write, chunk, origin, part)
            if counts.get("refused"):
                attempt.rollback()
                return "left"
            self._note(connection, write, chunk, counts, before)
        return "replayed"

    def _note(
        self, connection: sa.Connection, write: Write, chunk: int, counts: Counts, before: int
    ) -> None:
        """Note that a chunk is there, what became of its rows, and where its changes lie."""
        row = {"write_id": write.write_id, "chunk": chunk, "first_change": before}
        row |= dict.fromkeys((*VERDICTS, "refused"), 0) | counts
        row["last_change"] = self._last_change(connection)
        connection.execute(self.tables.chunks.insert(), row)

    def _last_change(self, connection: sa.Connection) -> int:
        history = self.tables.history
        last = sa.select(sa.func.coalesce(sa.func.max(history.c.id), 0))
        return int(connection.execute(last).scalar_one())

    def _done(self, connection: sa.Connection, write: Write, chunk: int) -> Counts | None:
        chunks = self.tables.chunks
        found = connection.execute(
            sa.select(*chunks.c[(*VERDICTS, "refused")]).where(
                chunks.c.write_id == write.write_id, chunks.c.chunk == chunk
            )
        ).first()
        return None if found is None else dict(found._mapping)

    def _merge(
        self,
        connection: sa.Connection,
        write: Write,
        chunk: int,
        origin: dict[str, Any],
        batch: pa.RecordBatch,
    ) -> Counts:
        """Merge rows; where they are refused, by halves, until it is known which of them are."""
        try:
            with connection.begin_nested():
                return self._merge_all(connection, write, origin, batch)
        except DBAPIError as error:
            if not _is_refusal(error):
                raise
            if batch.num_rows == 1:
                self.refuse(
                    connection,
                    write.write_id,
                    STORE,
                    chunk,
                    words_of(error, self.engine.url),
                    _payload(batch, write),
                )
                return {"refused": 1}
        half = batch.num_rows // 2
        counts: Counts = {}
        for part in (batch.slice(0, half), batch.slice(half)):
            for name, count in self._merge(connection, write, chunk, origin, part).items():
                counts[name] = counts.get(name, 0) + count
        return counts

    def _merge_all(
        self, connection: sa.Connection, write: Write, origin: dict[str, Any], batch: pa.RecordBatch
    ) -> Counts:
        counts = self.judge(connection, origin, batch)
        stamps = {"dump_id": write.dump_id, "taxonomy_version": write.taxonomy_version}
        stamps["label_write_id"] = write.write_id
        if counts.get("inserted") or counts.get("changed"):
            merge.apply(
                connection,
                self.tables,
                write_id=write.write_id,
                origin=origin | stamps,
                at=_now(),
            )
        return counts

    def judge(
        self, connection: sa.Connection, origin: dict[str, Any], batch: pa.RecordBatch
    ) -> Counts:
        """Stage rows and put each beside what is known; see `merge.judge`."""
        gate = self.settings.gate
        merge.prepare(connection, self.tables)
        merge.stage(connection, self.tables, staged(batch, gate))
        return merge.judge(
            connection,
            self.tables,
            model_fingerprint=origin["model_fingerprint"],
            untouchable=gate.untouchable,
            overwrite_persons=self.settings.overwrite_persons,
        )

    def count_moved(self, connection: sa.Connection) -> int:
        """Return how many of the rows judged last would get another label."""
        return merge.count_moved(connection, self.tables)

    def moved_by(self, write_id: str) -> int:
        """Return how many labels a write has put in the place of another one so far."""
        history = self.tables.history.c
        moved = sa.and_(history.write_id == write_id, history.old_label != history.new_label)
        count = sa.select(sa.func.count()).where(moved)
        return self.in_transaction(lambda c: int(c.execute(count).scalar_one()))

    def refuse(
        self,
        connection: sa.Connection,
        write_id: str,
        sink: str,
        chunk: int,
        reason: str,
        payload: str,
    ) -> None:
        """Keep what was refused, with its reason."""
        row = {"write_id": write_id, "sink": sink, "chunk": chunk, "reason": reason}
        row |= {"payload": payload, "refused_at": _now()}
        connection.execute(self.tables.dead_letters.insert(), row)

    def finish(self, write: Write) -> None:
        """Say that all chunks of a write are there."""
        self.in_transaction(lambda connection: finish(connection, self.tables, write.write_id))

    def left_open(self, write: Write) -> list[str]:
        """Return the earlier writes of the same dump that were cut off, in their order."""
        return self.in_transaction(lambda connection: left_open(connection, self.tables, write))

    def supersede(self, write_id: str) -> None:
        """Say of a write that was cut off that a later one of its dump is there."""
        self.in_transaction(lambda c: finish(c, self.tables, write_id, "superseded"))

    def counts(self, write_id: str) -> Counts:
        """Return what became of all rows of a write so far, and the number of its chunks."""
        return self.in_transaction(lambda c: counts_of(c, self.tables, write_id))

    def _batch_rows(self) -> int:
        of_backend = BATCH_ROWS.get(self.engine.url.get_backend_name(), OTHER_BATCH_ROWS)
        return self.settings.batch_rows or of_backend


def _is_refusal(error: DBAPIError) -> bool:
    """Tell whether the rows are at fault, not the server."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_REFUSALS)
    return isinstance(error, IntegrityError)


def _payload(batch: pa.RecordBatch, write: Write) -> str:
    """Return a row of predictions as JSON, all in ASCII: a NUL is one reason to be refused."""
    of_write = {"dump_id": write.dump_id, "taxonomy_version": write.taxonomy_version}
    return json.dumps(batch.to_pylist()[0] | of_write)


def _now() -> datetime:
    return datetime.now(UTC)
