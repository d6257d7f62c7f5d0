"""How sure the labels in the store are, and whose they are: read only, and of SQL stores only."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from configs.errors import PassingFault
from configs.stores import StoreSettings
from pipelines.sinks.engine import parse_url, shown, words

_ROWS = 10_000


def read_margins(store_url: str, settings: StoreSettings) -> Iterator[tuple[str, str, float]]:
    """Yield each product's id, its model's fingerprint, and its label's margin.

    A store without the table has no labels yet. Raises `PassingFault` where it cannot be read.
    """
    url = parse_url(store_url)
    engine = sa.create_engine(url, hide_parameters=True)
    columns: list[sa.ColumnClause] = [sa.column("product_id"), sa.column("model_fingerprint")]
    query = sa.select(*columns, sa.column("probabilities", sa.JSON)).select_from(
        sa.table(settings.labels_table)
    )
    try:
        if not sa.inspect(engine).has_table(settings.labels_table):
            return
        with engine.connect().execution_options(yield_per=_ROWS) as connection:
            for row in connection.execute(query):
                yield row[0], row[1], margin(row[2])
    except DBAPIError as error:
        said = words(error, url)
        raise PassingFault(f"{shown(url)}: {said}; expected a store that can be read") from error
    finally:
        engine.dispose()


def margin(probabilities: list[float]) -> float:
    """Return by how much the best probability leads the second."""
    first, second, *_ = [*probabilities, 0.0, 0.0]
    return first - second
