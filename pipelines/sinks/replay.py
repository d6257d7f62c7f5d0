"""Dead letters: what was refused, and how it gets another chance."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipelines.sinks.changes import Change, Sink
from pipelines.sinks.delivery import send
from pipelines.sinks.ledger import STORE, Ledger
from pipelines.sinks.retry import RateLimit
from pipelines.sinks.writes import Write
from transforms.predictions import PREDICTIONS


def dead_letters(ledger: Ledger, write_id: str | None = None) -> list[dict[str, Any]]:
    """Return what was refused and not replayed yet: write, sink, chunk, reason, payload."""
    return [
        {
            "id": row.id,
            "write_id": row.write_id,
            "sink": row.sink,
            "chunk": row.chunk,
            "reason": row.reason,
            "payload": json.loads(row.payload),
        }
        for row in _open_letters(ledger, write_id)
    ]


def replay(ledger: Ledger, sinks: list[Sink], write_id: str | None = None) -> dict[str, int]:
    """Bring dead letters again to where they were refused; return how many were taken.

    One that is refused again stays what it is. A letter for a sink that is not among `sinks`
    waits.
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
    return {"replayed": len(taken), "left": len(letters) - len(taken)}


def _open_letters(ledger: Ledger, write_id: str | None) -> list[Any]:
    letters = ledger.tables.dead_letters
    query = sa.select(letters).where(letters.c.replayed_at.is_(None)).order_by(letters.c.id)
    if write_id is not None:
        query = query.where(letters.c.write_id == write_id)
    with ledger.transaction() as connection:
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
