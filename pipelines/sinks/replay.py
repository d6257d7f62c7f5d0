"""Dead letters: what was refused, and how it gets another chance."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from pipelines.sinks.changes import Change, Sink
from pipelines.sinks.delivery import deliver, send
from pipelines.sinks.ledger import STORE, Fate, Ledger
from pipelines.sinks.overtaken import changed_since, last_changes
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

    One whose product has changed since is `overtaken`: it is settled, and brought nowhere, as it
    would hide what is newer. One that is refused again stays what it is. A letter for a sink that
    is not among `sinks` waits. What the store takes goes on to the sinks.
    """
    letters = _open_letters(ledger, write_id)
    of_sink = {sink.name: sink for sink in sinks}
    newest = _newest_refused(letters if write_id is None else _open_letters(ledger, None))
    fates: dict[int, Fate] = dict.fromkeys((letter.id for letter in letters), "left")
    by_place: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for letter in letters:
        by_place[letter.sink, letter.write_id].append(letter)
    for (sink, write), found in by_place.items():
        if sink == STORE:
            fates |= {letter.id: _put_again(ledger, letter, newest) for letter in found}
        elif sink in of_sink:
            fates |= _send_again(ledger, of_sink[sink], write, found)
    _settle(ledger, letters, fates)
    for write in {write for place, write in by_place if place == STORE}:
        for one in sinks:
            deliver(ledger, write, one, only_last=True)
    counts = Counter(fates.values())
    return {
        "replayed": counts["replayed"],
        "overtaken": counts["overtaken"],
        "left": counts["left"],
    }


def _open_letters(ledger: Ledger, write_id: str | None) -> list[Any]:
    letters = ledger.tables.dead_letters
    query = sa.select(letters).where(letters.c.replayed_at.is_(None)).order_by(letters.c.id)
    if write_id is not None:
        query = query.where(letters.c.write_id == write_id)
    with ledger.transaction() as connection:
        if write_id is not None:
            require_write(connection, ledger.tables, write_id, ledger.url)
        return list(connection.execute(query))


def _newest_refused(letters: list[Any]) -> dict[str, int]:
    """Return of each product that the store has refused the newest letter."""
    refused = (letter for letter in letters if letter.sink == STORE)
    return {json.loads(letter.payload)["id"]: letter.id for letter in refused}


def _put_again(ledger: Ledger, letter: Any, newest: dict[str, int]) -> Fate:
    """Write the row of a letter as a chunk of its own, numbered below zero after the letter."""
    row = json.loads(letter.payload)
    dump_id, taxonomy = row.pop("dump_id"), row.pop("taxonomy_version", None)
    schema = pa.schema([*PREDICTIONS, ("source", pa.string()), ("rule", pa.string())])
    known = [field for field in schema if field.name in row]
    batch = pa.RecordBatch.from_pylist([row], pa.schema(known))
    write = Write(letter.write_id, dump_id, 1, finished=False, taxonomy_version=taxonomy)
    product = row["id"]

    def overtaken(connection: sa.Connection) -> bool:
        if product is None:
            return False
        return letter.id < newest[product] or changed_since(
            connection, ledger.tables, product, letter.write_id, letter.chunk
        )

    return ledger.put_again(write, -int(letter.id), batch, overtaken)


def _send_again(ledger: Ledger, sink: Sink, write_id: str, letters: list[Any]) -> dict[int, Fate]:
    changes: dict[int, Change] = {letter.id: json.loads(letter.payload) for letter in letters}
    products = [change["product_id"] for change in changes.values()]
    last = ledger.in_transaction(lambda c: last_changes(c, ledger.tables, products))
    again = {
        letter: change
        for letter, change in changes.items()
        if last.get(change["product_id"], 0) <= change["change"]
    }
    fates: dict[int, Fate] = dict.fromkeys(changes, "overtaken")
    if again:
        place = f"{write_id}-replay-{min(again)}-{max(again)}"
        refused = send(sink, list(again.values()), place, RateLimit(None))
        no = {one.change["message_id"] for one in refused}
        fates |= {n: "left" if c["message_id"] in no else "replayed" for n, c in again.items()}
    return fates


def _settle(ledger: Ledger, letters: list[Any], fates: dict[int, Fate]) -> None:
    """Mark the letters that need no further try; what is overtaken counts as of no sink's."""
    dead, done = ledger.tables.dead_letters, ledger.tables.deliveries
    still = sa.select(dead.c.id).where(dead.c.replayed_at.is_(None))
    mark = dead.update().where(dead.c.id == sa.bindparam("letter"))
    with ledger.transaction() as connection:
        waiting = set(connection.execute(still).scalars())
        settled = [one for one in letters if one.id in waiting and fates[one.id] != "left"]
        if settled:
            marks = [{"letter": one.id, "replayed_at": datetime.now(UTC)} for one in settled]
            connection.execute(mark, marks)
        gone = Counter(
            (one.write_id, one.sink, one.chunk)
            for one in settled
            if one.sink != STORE and fates[one.id] == "overtaken"
        )
        for (write, sink, chunk), count in gone.items():
            same = (done.c.write_id == write, done.c.sink == sink, done.c.chunk == chunk)
            fewer = done.update().where(*same).values(refused=done.c.refused - count)
            connection.execute(fewer)
