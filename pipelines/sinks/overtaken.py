"""Which changes are no longer the last of their product: brought late, they hide newer ones."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.exc import DataError

from pipelines.sinks.schema import Tables

_AT_ONCE = 500  # ids in one question


def is_last(history: sa.Table) -> sa.ColumnElement[bool]:
    """Tell in SQL of a row of the history that its product has no newer one."""
    later = history.alias("later")
    newer = sa.select(later.c.id).where(
        later.c.product_id == history.c.product_id, later.c.id > history.c.id
    )
    return ~newer.exists()


def last_changes(
    connection: sa.Connection, tables: Tables, products: Sequence[str]
) -> dict[str, int]:
    """Return the newest change of each of these products."""
    history, found = tables.history.c, dict[str, int]()
    for start in range(0, len(products), _AT_ONCE):
        asked = history.product_id.in_(products[start : start + _AT_ONCE])
        newest = sa.select(history.product_id, sa.func.max(history.id)).where(asked)
        rows = connection.execute(newest.group_by(history.product_id))
        found.update({product: change for product, change in rows})  # noqa: C416  no pairs for mypy
    return found


def changed_since(
    connection: sa.Connection, tables: Tables, product: str, write_id: str, chunk: int
) -> bool:
    """Tell whether a product that was refused in a chunk has a change that came after it.

    What a database cannot even be asked for, as PostgreSQL for an id with a NUL, it has not.
    """
    history, chunks = tables.history.c, tables.chunks.c
    newer = sa.select(history.id).where(
        history.product_id == product,
        history.id > chunks.last_change,
        chunks.write_id == write_id,
        chunks.chunk == chunk,
    )
    try:
        with connection.begin_nested():
            return connection.execute(newer.limit(1)).first() is not None
    except DataError:
        return False
