"""Open the label store: to write, making what is not there; to read, making nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa

from configs.errors import UsageError
from configs.stores import StoreSettings
from pipelines.sinks.engine import connect, is_there, shown
from pipelines.sinks.ledger import Ledger
from pipelines.sinks.schema import make_tables, missing_columns, tables_of


@contextmanager
def open_ledger(url: sa.URL, settings: StoreSettings) -> Iterator[Ledger]:
    """Open the store at `url`; make its tables, and the folder and file of SQLite, if need be."""
    tables_of(settings)
    engine = connect(url, settings.lock_seconds)
    try:
        ledger = Ledger(engine, settings)
        with ledger.transaction() as connection:
            make_tables(connection, ledger.tables)
        yield ledger
    finally:
        engine.dispose()


class NoStoreError(UsageError):
    """There are no labels yet."""


def require_store(url: sa.URL) -> None:
    """Raise `NoStoreError` where there is no file of SQLite."""
    if not is_there(url):
        raise _no_store(url)


def _no_store(url: sa.URL) -> NoStoreError:
    return NoStoreError(
        f"{shown(url)}: there is no label store; `aisle write-labels` makes it; if there should be "
        "one, see to --prefix, --store or store.url"
    )


@contextmanager
def read_ledger(url: sa.URL, settings: StoreSettings) -> Iterator[Ledger]:
    """Open the store at `url` to read it: nothing is made, and it need not be writable.

    Only the tables of an older Aisle get the columns they lack. Raises `NoStoreError` where no
    label was ever written.
    """
    tables_of(settings)
    require_store(url)
    engine = connect(url, settings.lock_seconds, reading=True)
    try:
        ledger = Ledger(engine, settings)
        with ledger.transaction() as connection:
            lacking = missing_columns(connection, ledger.tables)
            if len(lacking.get(ledger.tables.labels, ())) == len(ledger.tables.labels.c):
                raise _no_store(url)
            if lacking:
                make_tables(connection, ledger.tables)
        yield ledger
    finally:
        engine.dispose()


@contextmanager
def read_ledger_or_none(url: sa.URL, settings: StoreSettings) -> Iterator[Ledger]:
    """Open a store to read it; in the place of one that is not there give an empty one."""
    with ExitStack() as stack:
        try:
            ledger = stack.enter_context(read_ledger(url, settings))
        except NoStoreError:
            ledger = stack.enter_context(open_ledger(sa.make_url("sqlite://"), settings))
        yield ledger
