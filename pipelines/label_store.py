"""The SQL label store: one row for each product, one history row for each change of its label.

Any database that SQLAlchemy speaks; SQLite by default. All SQL is built by SQLAlchemy Core: a
value is always a parameter. No error and no figure shows a URL with its password.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from configs.errors import PassingFault, UsageError
from configs.settings import StoreSettings

Row = dict[str, Any]

PROVENANCE = ("run_id", "model", "model_fingerprint", "config_fingerprint", "transform_fingerprint")
COMPARED = ("label", "probability", "labels", "probabilities", "model_fingerprint")
SOURCE = "model"
BUSY_SECONDS = 30
_IDS_PER_SELECT = 500  # SQLite before 3.32 takes no more than 999 parameters
_UPSERTS: dict[str, Callable[[sa.Table], Any]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_MENDS = {
    "locked": "wait until no other program writes to it, then run again",
    "readonly": "make the file writable, or set store.url",
    "is full": "free some space, then run again",
    "NOT NULL": "run `aisle predict` again with --force",
    "column": "if the table is another program's, set store.labels_table and store.history_table",
}


class Counts(NamedTuple):
    """What became of the rows of a batch."""

    inserted: int
    changed: int
    unchanged: int


class LabelStore:
    """The two tables in one database; nothing but `write` changes a row of them."""

    def __init__(self, engine: sa.Engine, settings: StoreSettings) -> None:
        metadata = sa.MetaData()
        self.labels = sa.Table(settings.labels_table, metadata, *_labels_columns())
        self.history = sa.Table(settings.history_table, metadata, *_history_columns())
        self.url = shown(engine.url)
        self._engine = engine
        with _one_line(engine.url):
            metadata.create_all(engine)

    def write(self, rows: Sequence[Row], *, dump_id: str, write_id: str) -> Counts:
        """Write a batch in one transaction: insert new products, update changed ones.

        A row has `product_id` (once in a batch), `title_hash`, the columns `COMPARED` and those of
        `PROVENANCE`. It is changed when it differs from the stored row in a column of `COMPARED`,
        probabilities to the last bit; an unchanged row stays as it is, provenance and time too.
        Raises `UsageError` if the database refuses; then nothing of the batch is stored.
        """
        stamp = {"dump_id": dump_id, "source": SOURCE, "updated_at": datetime.now(UTC)}
        with _one_line(self._engine.url), self._engine.begin() as connection:
            stored = self._stored(connection, [row["product_id"] for row in rows])
            pairs = [(stored.get(row["product_id"]), {**row, **stamp}) for row in rows]
            new = [row for old, row in pairs if old is None]
            changed = [row for old, row in pairs if old is not None and _differs(old, row)]
            put_rows(connection, self.labels, inserted=new, changed=changed)
            story = [_change(stored.get(row["product_id"]), row, write_id) for row in new + changed]
            _execute(connection, self.history.insert(), story)
        return Counts(len(new), len(changed), len(rows) - len(story))

    def _stored(self, connection: sa.Connection, ids: list[str]) -> dict[str, sa.Row[Any]]:
        """Read the rows of `ids`, locked until the transaction ends where the database can."""
        query = (
            sa.select(*self.labels.c["product_id", *COMPARED])
            .where(self.labels.c.product_id.in_(sa.bindparam("ids", expanding=True)))
            .with_for_update()
        )
        stored: dict[str, sa.Row[Any]] = {}
        for start in range(0, len(ids), _IDS_PER_SELECT):
            some = {"ids": ids[start : start + _IDS_PER_SELECT]}
            stored.update((row.product_id, row) for row in connection.execute(query, some))
        return stored


@contextmanager
def open_store(url: sa.URL, settings: StoreSettings) -> Iterator[LabelStore]:
    """Open the store at `url`; make its tables, and the folder and file of SQLite, if need be."""
    if settings.labels_table.casefold() == settings.history_table.casefold():
        raise UsageError(
            f"store.labels_table and store.history_table are both {settings.labels_table!r}; "
            "expected two names; set one of them"
        )
    engine = _engine(url)
    try:
        yield LabelStore(engine, settings)
    finally:
        engine.dispose()


def is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def shown(url: sa.URL) -> str:
    """Return the URL as people may see it: no password, no options (they can hold one too)."""
    return url.set(query={}).render_as_string(hide_password=True)


def put_rows(
    connection: sa.Connection, labels: sa.Table, *, inserted: list[Row], changed: list[Row]
) -> None:
    """Upsert where the dialect can in one statement; update, then insert where it cannot."""
    others = [column.name for column in labels.c if not column.primary_key]
    if upsert := _UPSERTS.get(connection.dialect.name):
        statement = upsert(labels)
        replaced = {name: statement.excluded[name] for name in others}
        statement = statement.on_conflict_do_update(index_elements=["product_id"], set_=replaced)
        _execute(connection, statement, inserted + changed)
        return
    same = labels.c.product_id == sa.bindparam("key")
    update = labels.update().where(same).values({name: sa.bindparam(name) for name in others})
    keyed = [{"key": row["product_id"], **{name: row[name] for name in others}} for row in changed]
    _execute(connection, update, keyed)
    _execute(connection, labels.insert(), inserted)


def _execute(connection: sa.Connection, statement: sa.Executable, rows: list[Row]) -> None:
    if rows:
        connection.execute(statement, rows)


def _differs(old: sa.Row[Any], row: Row) -> bool:
    return any(getattr(old, name) != row[name] for name in COMPARED)


def _change(old: sa.Row[Any] | None, row: Row, write_id: str) -> Row:
    """Return the history row of a change: the old label, and all of the new row."""
    change = dict(row)
    change["changed_at"] = change.pop("updated_at")
    for name in ("label", "probability"):
        change[f"new_{name}"] = change.pop(name)
        change[f"old_{name}"] = getattr(old, name, None)
    return {**change, "write_id": write_id}


def _labels_columns() -> list[sa.Column[Any]]:
    return [
        _product_id(primary_key=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("probability", sa.Double, nullable=False),
        *_shared_columns(),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    ]


def _history_columns() -> list[sa.Column[Any]]:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return [
        sa.Column("id", number, primary_key=True, autoincrement=True),
        _product_id(index=True),
        sa.Column("old_label", sa.Text),
        sa.Column("new_label", sa.Text, nullable=False),
        sa.Column("old_probability", sa.Double),
        sa.Column("new_probability", sa.Double, nullable=False),
        *_shared_columns(),
        sa.Column("write_id", sa.String(32), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    ]


def _product_id(*, primary_key: bool = False, index: bool = False) -> sa.Column[Any]:
    """MySQL cannot index a text without a length, and by default takes `a` and `A` for the same."""
    exact = mysql.VARCHAR(255, collation="utf8mb4_bin")
    text = sa.Text().with_variant(exact, "mysql", "mariadb")
    return sa.Column("product_id", text, primary_key=primary_key, index=index, nullable=False)


def _shared_columns() -> list[sa.Column[Any]]:
    lists = [sa.Column(name, sa.JSON, nullable=False) for name in ("labels", "probabilities")]
    texts = ("title_hash", *PROVENANCE, "dump_id", "source")
    return [*lists, *(sa.Column(name, sa.Text, nullable=False) for name in texts)]


def _engine(url: sa.URL) -> sa.Engine:
    wait = {"timeout": BUSY_SECONDS} if is_sqlite(url) and "timeout" not in url.query else {}
    readable = json.JSONEncoder(ensure_ascii=False).encode
    try:
        engine = sa.create_engine(
            url, connect_args=wait, hide_parameters=True, json_serializer=readable
        )
    except (ArgumentError, ImportError, TypeError, ValueError) as error:
        raise UsageError(
            f"{shown(url)}: {url.drivername} cannot be used ({_words(error, url)}); expected a "
            "database whose driver is installed; install it or set store.url"
        ) from error
    if is_sqlite(url):
        _prepare_sqlite(engine)
    with _one_line(url, (SQLAlchemyError, OSError, TypeError)), engine.connect():
        return engine


def _prepare_sqlite(engine: sa.Engine) -> None:
    """Make the folder; let others read during a write; lock before the first read.

    A transaction that reads first and then writes may be refused at once, whatever the timeout;
    `BEGIN IMMEDIATE` waits (https://sqlite.org/lang_transaction.html).
    """
    if not (path := str(engine.url.database)).startswith("file:"):
        with _one_line(engine.url, (OSError,)):
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _one_line(url: sa.URL, kinds: tuple[type[Exception], ...] = (DBAPIError,)) -> Iterator[None]:
    try:
        yield
    except kinds as error:
        words = _words(error, url)
        mend = next((mend for sign, mend in _MENDS.items() if sign in words), "set store.url")
        # a driver says so of a server that is down, a lock, a full disk: what may pass
        kind = PassingFault if isinstance(error, OperationalError) else UsageError
        raise kind(
            f"{shown(url)}: {words}; expected a database that can be read and written; {mend}"
        ) from error


def _words(error: Exception, url: sa.URL) -> str:
    """Return what the driver said, on one line, without SQL, values and password."""
    words = " ".join(str(getattr(error, "orig", error)).split())
    return words.replace(str(url.password), "***") if url.password else words
