"""Dead letters: what was refused, and how it gets another chance."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipelines.sinks.changes import Change, Sink
from pipelines.sinks.delivery import deliver, send
from pipelines.sinks.ledger import STORE, Ledger
from pipelines.sinks.retry import RateLimit
from pipelines.sinks.writes import Write, require_write
from transforms.predictions import PREDICTIONS


def dead_letters(ledger: Ledger, write_id: str | None = None) -> list[dict[str, Any]]:
    """Return what was refused and not replayed yet: which product, by which sink, why."""
    return [_told(row) for row in _open_letters(ledger, write_id)]


def _told(row: Any) -> dict[str, Any]:
    payload = json.loads(row.payload)
    names = ("id", "write_id", "sink", "chunk", "reason")
    told = {name: getattr(row, name) for name in names}
    # a row of predictions, which the store refused, or a change, which a sink did
    product = payload.get("id") if row.sink == STORE else payload.get("product_id")
    return {**told, "product_id": product, "payload": payload}


def replay(ledger: Ledger, sinks: list[Sink], write_id: str | None = None) -> dict[str, int]:
    """Bring dead letters again to where they were refused; return how many were taken.

    One that is refused again stays what it is. A letter for a sink that is not among `sinks`
    waits. What the store takes goes on to the sinks.
    """
    letters = _open_letters(ledger, write_id)
    of_sink = {sink.name: sink for sink in sinks}
    taken: list[int] = []
    by_place: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for letter in letters:
        by_place[letter.sink, letter.write_id].append(letter)
    for (sink, write), found in by_place.items():
        if sink == STORE:
            taken += [letter.id for letter in found if _put_again(ledger, letter)]
        elif sink in of_sink:
            taken += _send_again(of_sink[sink], write, found)
    _mark(ledger, taken)
    for write in {write for place, write in by_place if place == STORE}:
        for one in sinks:
            deliver(ledger, write, one)
    return {"replayed": len(taken), "left": len(letters) - len(taken)}


def _open_letters(ledger: Ledger, write_id: str | None) -> list[Any]:
    letters = ledger.tables.dead_letters
    query = sa.select(letters).where(letters.c.replayed_at.is_(None)).order_by(letters.c.id)
    if write_id is not None:
        query = query.where(letters.c.write_id == write_id)
    with ledger.transaction() as connection:
        if write_id is not None:
            require_write(connection, ledger.tables, write_id, ledger.url)
        return list(connection.execute(query))


def _put_again(ledger: Ledger, letter: Any) -> bool:
    """Write the row of a letter as a chunk of its own, numbered below zero after the letter."""
    row = json.loads(letter.payload)
    dump_id = row.pop("dump_id")
    schema = pa.schema([*PREDICTIONS, ("source", pa.string()), ("rule", pa.string())])
    known = [field for field in schema if field.name in row]
    batch = pa.RecordBatch.from_pylist([row], pa.schema(known))
    write = Write(letter.write_id, dump_id, 1, finished=False)
    return not ledger.put_again(write, -int(letter.id), batch)


def _send_again(sink: Sink, write_id: str, letters: list[Any]) -> list[int]:
    changes: list[Change] = [json.loads(letter.payload) for letter in letters]
    place = f"{write_id}-replay-{letters[0].id}-{letters[-1].id}"
    refused = send(sink, changes, place, RateLimit(None))
    again = {no.change["message_id"] for no in refused}
    pairs = zip(letters, changes, strict=True)
    return [letter.id for letter, change in pairs if change["message_id"] not in again]


def _mark(ledger: Ledger, ids: list[int]) -> None:
    letters = ledger.tables.dead_letters
    done = letters.update().where(letters.c.id == sa.bindparam("letter"))
    if ids:
        now = datetime.now(UTC)
        with ledger.transaction() as connection:
            connection.execute(
                done.values(replayed_at=sa.bindparam("at")),
                [{"letter": one, "at": now} for one in ids],
            )
