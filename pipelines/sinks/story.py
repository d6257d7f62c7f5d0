"""What became of a product's label, a label that a person sets, and how a write is undone."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from configs.errors import UsageError
from pipelines.sinks import merge
from pipelines.sinks.ledger import Ledger
from pipelines.sinks.rows import PERSON
from pipelines.sinks.schema import ORIGIN, STATE, STATED, VERDICTS
from pipelines.sinks.writes import OPEN, Counts, counts_of, require_write

_UNDO = "undo"


def story_of(ledger: Ledger, product_id: str) -> dict[str, Any]:
    """Return the label of a product as it is, and every change of it, the oldest first.

    `write_source` of a change is what its write came from: an `undo` brings back an older state,
    whose own `source` stays what it was.
    """
    labels, history, writes = ledger.tables.labels, ledger.tables.history, ledger.tables.writes
    story = sa.select(history, writes.c.source.label("write_source")).outerjoin(
        writes, writes.c.write_id == history.c.write_id
    )
    with ledger.transaction() as connection:
        now = connection.execute(sa.select(labels).where(labels.c.product_id == product_id)).first()
        changes = connection.execute(
            story.where(history.c.product_id == product_id).order_by(history.c.id)
        ).all()
    if not changes and now is None:
        raise UsageError(
            f"{ledger.url}: knows no product {product_id[:200]!r}; expected an id of a dump that "
            "was written"
        )
    return {
        "product_id": product_id,
        "label": None if now is None else _plain(now),
        "changes": [_plain(change) for change in changes],
    }


def set_label(ledger: Ledger, product_id: str, label: str, person: str) -> str:
    """Store a label that a person has set; return the id of the write. No model overwrites it.

    The write is open until the sinks have it (`delivery.feed_small`): set again before, it is the
    same write.
    """
    write_id, at = uuid.uuid4().hex[:16], datetime.now(UTC)
    labels, history = ledger.tables.labels, ledger.tables.history
    state: dict[str, Any] = dict.fromkeys(STATE, "")
    state |= {"labels": json.dumps([label], ensure_ascii=False), "probabilities": "[1.0]"}
    state |= {"source": PERSON, "rule": None, "model": person, "label_write_id": write_id}
    state["taxonomy_version"] = None
    typed = [sa.literal(state[name], labels.c[name].type).label(name) for name in STATE]
    names = [sa.literal(value, sa.Text) for value in (product_id, label)]
    one, when = sa.literal(1.0, sa.Double), sa.literal(at, labels.c.updated_at.type)
    with ledger.transaction() as connection:
        old = connection.execute(sa.select(labels).where(labels.c.product_id == product_id)).first()
        if old and _is_begun(ledger, connection, old, label, person):
            return str(old.label_write_id)
        before = _last_change(connection, history)
        was = [sa.literal(old.label if old else None, sa.Text)]
        was.append(sa.literal(old.probability if old else None, sa.Double))
        story = sa.select(names[0], was[0], names[1], was[1], one, *typed, sa.literal(write_id))
        columns = ["product_id", "old_label", "new_label", "old_probability", "new_probability"]
        columns += [*STATE, "write_id", "changed_at"]
        connection.execute(history.insert().from_select(columns, story.add_columns(when)))
        merge.put(connection, labels, sa.select(*names, one, *typed, when).where(sa.true()))
        counts = {"changed": 1} if old else {"inserted": 1}
        _note(ledger, connection, write_id, PERSON, person, counts, before)
    return write_id


def _is_begun(
    ledger: Ledger, connection: sa.Connection, old: sa.Row[Any], label: str, person: str
) -> bool:
    """Tell whether a person has set this very label, and the sinks do not have it yet."""
    writes = ledger.tables.writes.c
    state = sa.select(writes.state).where(writes.write_id == old.label_write_id)
    same = (old.source, old.label, old.model) == (PERSON, label, person)
    return same and connection.execute(state).scalar() == OPEN


def undo(ledger: Ledger, write_id: str) -> dict[str, Any]:
    """Put back what a write changed, where nothing newer came since; one transaction.

    What it had inserted is taken away, what it had changed is again as it was before, the write
    that it had come from included. Returns how many labels were put back, removed, and left alone
    as something newer has come; of the undo before, where the sinks do not have that yet
    (`open_undos`) and no label is the write's any more.
    """
    with ledger.transaction() as connection:
        _check_undoable(ledger, connection, write_id)
        labels = ledger.tables.labels.c
        mine = sa.select(labels.product_id).where(labels.label_write_id == write_id).limit(1)
        begun = _open_undos(ledger, connection, write_id)
        if not begun or connection.execute(mine).first() is not None:
            begun.append(_undo(ledger, connection, write_id))
        return _told(ledger, connection, write_id, begun[-1])


def open_undos(ledger: Ledger, write_id: str) -> list[str]:
    """Return the undos of a write that the sinks do not have yet, in their order."""
    return ledger.in_transaction(lambda connection: _open_undos(ledger, connection, write_id))


def _open_undos(ledger: Ledger, connection: sa.Connection, write_id: str) -> list[str]:
    writes = ledger.tables.writes.c
    query = sa.select(writes.write_id).where(
        writes.source == _UNDO,
        writes.state == OPEN,
        writes.work.startswith(f"{_UNDO}:{write_id}:", autoescape=True),
    )
    return list(connection.execute(query.order_by(writes.started_at)).scalars())


def _undo(ledger: Ledger, connection: sa.Connection, write_id: str) -> str:
    undo_id, at = uuid.uuid4().hex[:16], datetime.now(UTC)
    before = _last_change(connection, ledger.tables.history)
    _note_history(ledger, connection, write_id, undo_id, at)
    counts = _restore(ledger, connection, undo_id)
    writes = ledger.tables.writes
    done = writes.update().where(writes.c.write_id == write_id).values(state="undone")
    connection.execute(done)
    _note(ledger, connection, undo_id, _UNDO, write_id, counts, before)
    return undo_id


def _told(ledger: Ledger, connection: sa.Connection, write_id: str, undo_id: str) -> dict[str, Any]:
    """Return what an undo did."""
    history = ledger.tables.history.c
    count = sa.select(sa.func.count()).where(history.write_id == write_id)
    changed = int(connection.execute(count).scalar_one())
    done = counts_of(connection, ledger.tables, undo_id)
    back, removed = done["changed"], done["inserted"]
    newer = changed - back - removed
    said = {"write_id": undo_id, "undone": write_id, "store": ledger.url}
    return {"put_back": back, "removed": removed, "left_as_newer": newer, **said}


def _check_undoable(ledger: Ledger, connection: sa.Connection, write_id: str) -> None:
    found = require_write(connection, ledger.tables, write_id, ledger.url)
    if found.source == _UNDO:
        raise UsageError(
            f"write {write_id} is an undo itself; to write again what it took back, run "
            "`aisle write-labels` again"
        )


def _note_history(
    ledger: Ledger, connection: sa.Connection, write_id: str, undo_id: str, at: datetime
) -> None:
    """Write the history of the undo: of each label that still is the write's, the state before.

    The state before a change is the row before it in the product's history.
    """
    labels, history = ledger.tables.labels, ledger.tables.history
    mine, prior = history.alias("mine"), history.alias("prior")
    previous = (
        sa.select(sa.func.max(prior.c.id))
        .where(prior.c.product_id == mine.c.product_id, prior.c.id < mine.c.id)
        .scalar_subquery()
    )
    before = history.alias("before")
    rows = (
        sa.select(
            mine.c.product_id,
            labels.c.label,
            before.c.new_label,
            labels.c.probability,
            before.c.new_probability,
            *(before.c[name] for name in STATE),
            sa.literal(undo_id, sa.Text),
            sa.literal(at, labels.c.updated_at.type),
        )
        .select_from(
            mine.join(labels, labels.c.product_id == mine.c.product_id).outerjoin(
                before, before.c.id == previous
            )
        )
        .where(mine.c.write_id == write_id, labels.c.label_write_id == write_id)
        .order_by(mine.c.id)
    )
    columns = ["product_id", "old_label", "new_label", "old_probability", "new_probability"]
    columns += [*STATE, "write_id", "changed_at"]
    connection.execute(history.insert().from_select(columns, rows))


def _restore(ledger: Ledger, connection: sa.Connection, undo_id: str) -> Counts:
    """Bring the labels to what the history of the undo says."""
    labels, history = ledger.tables.labels, ledger.tables.history
    mine = history.c.write_id == undo_id
    columns = history.c["product_id", "new_label", "new_probability", *STATED, *ORIGIN]
    back = sa.select(*columns, history.c.changed_at).where(mine, history.c.new_label.is_not(None))
    gone = sa.select(history.c.product_id).where(mine, history.c.new_label.is_(None))
    count = sa.select(sa.func.count())
    changed = connection.execute(count.select_from(back.subquery())).scalar_one()
    merge.put(connection, labels, back)
    removed = connection.execute(labels.delete().where(labels.c.product_id.in_(gone))).rowcount
    return {"changed": changed, "inserted": removed}


def _last_change(connection: sa.Connection, history: sa.Table) -> int:
    last = sa.select(sa.func.coalesce(sa.func.max(history.c.id), 0))
    return int(connection.execute(last).scalar_one())


def _note(
    ledger: Ledger,
    connection: sa.Connection,
    write_id: str,
    source: str,
    work: str,
    counts: Counts,
    before: int,
) -> None:
    """Note a write of one chunk, whose changes the sinks get as those of any other."""
    row = {"write_id": write_id, "work": f"{source}:{work}:{write_id}", "dump_id": ""}
    row |= {"source": source, "state": OPEN, "attempt": 1, "batch_rows": 1}  # type: ignore[dict-item]
    connection.execute(ledger.tables.writes.insert(), row | {"started_at": datetime.now(UTC)})
    chunk = dict.fromkeys((*VERDICTS, "refused"), 0) | counts
    after = _last_change(connection, ledger.tables.history)
    span = {"write_id": write_id, "chunk": 0, "first_change": before, "last_change": after}
    connection.execute(ledger.tables.chunks.insert(), chunk | span)


def _plain(row: sa.Row[Any]) -> dict[str, Any]:
    """Return a row as JSON can hold it."""
    plain = dict(row._mapping)
    for name in ("labels", "probabilities"):
        if isinstance(plain[name], str):
            plain[name] = json.loads(plain[name])
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in plain.items()}
