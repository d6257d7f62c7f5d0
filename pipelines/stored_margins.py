"""How sure the labels in the store are, and whose they are: read only, and of SQL stores only."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from configs.stores import StoreSettings
from pipelines.sinks.doors import NoStoreError, read_ledger
from pipelines.sinks.engine import one_line, parse_url

_ROWS = 10_000


def read_margins(store_url: str, settings: StoreSettings) -> Iterator[tuple[str, str, float]]:
    """Yield each product's id, its model's fingerprint, and its label's margin.

    A store that is not there has no labels yet. Raises `UsageError` where it cannot be read.
    """
    url = parse_url(store_url)
    columns: list[sa.ColumnClause] = [sa.column("product_id"), sa.column("model_fingerprint")]
    query = sa.select(*columns, sa.column("probabilities", sa.JSON)).select_from(
        sa.table(settings.labels_table)
    )
    try:
        with (
            read_ledger(url, settings) as ledger,
            one_line(url),
            ledger.engine.connect().execution_options(yield_per=_ROWS) as connection,
        ):
            for row in connection.execute(query):
                yield row[0], row[1], margin(row[2])
    except NoStoreError:
        return


def last_change(store_url: str, settings: StoreSettings) -> list[str]:
    """Name the newest change in a store: any other change, another name. Nothing without one."""
    try:
        with read_ledger(parse_url(store_url), settings) as ledger:
            history = ledger.tables.history.c
            newest = sa.select(history.id, history.write_id, history.changed_at)
            newest = newest.order_by(history.id.desc()).limit(1)
            with ledger.transaction() as connection:
                return [str(value) for row in connection.execute(newest) for value in row]
    except NoStoreError:
        return []


def margin(probabilities: list[float]) -> float:
    """Return by how much the label's probability, the first, leads the next one below it.

    What is likelier than a label that is a node of a tree stands above it, and does not question
    it: of `[0.6, 0.9, 0.2]` the margin is 0.4.
    """
    first, *others = [*probabilities, 0.0]
    return first - max((other for other in others if other <= first), default=0.0)
