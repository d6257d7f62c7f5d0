"""One chunk into the tables: stage, judge, write the history, upsert the labels.

All of it is SQL on whole sets, built by SQLAlchemy Core: a value is always a parameter. What is
specific to a database: COPY on PostgreSQL, how the temporary tables are emptied, and the upsert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from pipelines.sinks.rows import PERSON, STAGED, as_dicts, copy_text
from pipelines.sinks.schema import COMPARED, ORIGIN, STATED, Tables

_UPSERTS: dict[str, Callable[[sa.Table], Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def prepare(connection: sa.Connection, tables: Tables) -> None:
    """Make the temporary tables, or empty those that this connection has."""
    for table in (tables.stage, tables.judged):
        connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
        if _is_postgres(connection):
            connection.exec_driver_sql(f"TRUNCATE {table.name}")
        else:
            connection.execute(table.delete())


def stage(connection: sa.Connection, tables: Tables, batch: pa.RecordBatch) -> None:
    """Bring rows with the columns `STAGED` into the stage."""
    if not _is_postgres(connection):
        connection.execute(tables.stage.insert(), as_dicts(batch))
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    copy = f"COPY {tables.stage.name} ({', '.join(STAGED)}) FROM STDIN"
    with _as_sqlalchemy_says(connection), driver.cursor() as cursor, cursor.copy(copy) as pipe:
        pipe.write(copy_text(batch))


def judge(
    connection: sa.Connection,
    tables: Tables,
    *,
    model_fingerprint: str,
    untouchable: Sequence[str],
    overwrite_persons: bool,
) -> dict[str, int]:
    """Put each staged row beside the label that is known; return how many there are of what.

    inserted: no label is known. changed: it differs in a column of `COMPARED`. unchanged: in none.
    kept: a person has set it. held: the gate holds it back.
    """
    new, old = tables.stage, tables.labels
    differs = [
        _as_text(old.c[name]) != new.c[name] for name in COMPARED if name != "model_fingerprint"
    ]
    differs.append(old.c.model_fingerprint != model_fingerprint)
    verdict = sa.case(
        (new.c.held.is_not(None), "held"),
        (old.c.product_id.is_(None), "inserted"),
        (sa.and_(old.c.source == PERSON, sa.literal(not overwrite_persons)), "kept"),
        (sa.and_(sa.or_(*differs), _is_one_of(old.c.label, untouchable)), "held"),
        (sa.or_(*differs), "changed"),
        else_="unchanged",
    )
    columns = [new.c[name] for name in STAGED]
    beside = sa.select(*columns, old.c.label, old.c.probability, verdict).select_from(
        new.outerjoin(old, old.c.product_id == new.c.product_id)
    )
    names = [*STAGED, "old_label", "old_probability", "verdict"]
    connection.execute(tables.judged.insert().from_select(names, beside))
    found = connection.execute(
        sa.select(tables.judged.c.verdict, sa.func.count()).group_by(tables.judged.c.verdict)
    )
    return {verdict: count for verdict, count in found}  # noqa: C416  rows are no pairs for mypy


def count_moved(connection: sa.Connection, tables: Tables) -> int:
    """Return of how many judged rows another label is known than they would write."""
    rows = tables.judged.c
    moved = sa.and_(rows.verdict == "changed", rows.old_label != rows.label)
    return int(connection.execute(sa.select(sa.func.count()).where(moved)).scalar_one())


def apply(
    connection: sa.Connection, tables: Tables, *, write_id: str, origin: dict[str, Any], at: Any
) -> None:
    """Write the history of what was judged new or changed, then the labels."""
    rows = tables.judged
    touched = rows.c.verdict.in_(["inserted", "changed"])
    typed = tables.labels.c
    state: list[sa.ColumnElement[Any]] = [
        sa.cast(rows.c[name], typed[name].type) for name in STATED
    ]
    state += [sa.literal(origin[name], sa.Text).label(name) for name in ORIGIN]
    when = sa.literal(at, typed.updated_at.type)
    story = sa.select(
        *rows.c["product_id", "old_label", "label", "old_probability", "probability"],
        *state,
        sa.literal(write_id, sa.Text),
        when,
    )
    columns = ["product_id", "old_label", "new_label", "old_probability", "new_probability"]
    columns += [*STATED, *ORIGIN, "write_id", "changed_at"]
    story = story.where(touched).order_by(rows.c.place)
    connection.execute(tables.history.insert().from_select(columns, story))
    now = sa.select(*rows.c["product_id", "label", "probability"], *state, when).where(touched)
    put(connection, tables.labels, now.order_by(rows.c.place))


def put(connection: sa.Connection, labels: sa.Table, rows: sa.Select[Any] | Any) -> None:
    """Upsert rows of `product_id`, label, probability, state, time; delete first where we must."""
    names = ["product_id", "label", "probability", *STATED, *ORIGIN, "updated_at"]
    if upsert := _UPSERTS.get(connection.dialect.name):
        statement = upsert(labels).from_select(names, rows)
        replaced = {name: statement.excluded[name] for name in names[1:]}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["product_id"], set_=replaced)
        )
        return
    ids = sa.select(rows.subquery().c.product_id)
    connection.execute(labels.delete().where(labels.c.product_id.in_(ids)))
    connection.execute(labels.insert().from_select(names, rows))


@contextmanager
def _as_sqlalchemy_says(connection: sa.Connection) -> Iterator[None]:
    """Raise what the driver raises as SQLAlchemy would; its own statements do not come by here."""
    base = connection.dialect.dbapi.Error  # type: ignore[union-attr]
    try:
        yield
    except base as error:
        gone = connection.dialect.is_disconnect(error, None, None)
        if gone:
            connection.invalidate(error)
        raise DBAPIError.instance("COPY", None, error, base, True, gone) from error


def _is_postgres(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _as_text(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(column, sa.Text) if isinstance(column.type, sa.Text) else column


def _is_one_of(label: sa.ColumnElement[Any], patterns: Sequence[str]) -> sa.ColumnElement[bool]:
    """Tell in SQL what `rows.matches` tells in Arrow; `substr` as LIKE may fold case."""
    begins = [pattern[:-1] for pattern in patterns if pattern.endswith("*")]
    exact = [pattern for pattern in patterns if not pattern.endswith("*")]
    tests = [sa.func.substr(label, 1, len(start)) == start for start in begins]
    return sa.or_(sa.false(), label.in_(exact), *tests)
