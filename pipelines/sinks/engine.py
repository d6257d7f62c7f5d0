"""The door to a SQL database: its URL, its engine, and what its driver says, on one line.

No error and no figure shows a URL with its password.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from configs.errors import PassingFault, UsageError
from configs.stores import SINK_SCHEMES, scheme_of
from pipelines import storage

BUSY_SECONDS = 30
_BUSY_STEP_SECONDS = 0.02
CONNECT_SECONDS = 10
_DISK = ("disk is full", "disk I/O error", os.strerror(errno.ENOSPC))
_MENDS = {
    "locked": "wait until no other program writes to it, then run again",
    "readonly": "make the file and its folder writable, or set store.url",
    "unable to open": "see that the file and its folder can be read and written, or set store.url",
    "password authentication failed": "correct the user or the password in store.url",
    "permission denied": "have it granted to the user in store.url",
    "is full": "free some space, then run again",
    "disk I/O error": "free some space, or see to the disk, then run again",
    "No space left": "free some space, then run again",
    "column": "if the table is another program's, set store.labels_table and store.history_table",
    "does not exist": "make it, or correct store.url",
    "lock timeout": "wait until no other program locks it, then run again",
}
# How servers turn one away for good where their driver gives no code: while it connects
_LASTING = (
    "password authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "Access denied",
    "Unknown database",
)
_LASTING_STATES = ("28", "3D")  # PostgreSQL: who may come in, and which databases there are
_SQLITE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
# A class of https://www.postgresql.org/docs/15/errcodes-appendix.html, or a code of it
_PASSING = ("08", "40001", "40P01", "53300", "55P03", "57P")


def parse_url(url: str) -> sa.URL:
    """Read a store's URL; refuse what is none, or keeps nothing. Never repeats unread text."""
    if scheme_of(url) in SINK_SCHEMES:
        raise UsageError(
            f"store.url: {scheme_of(url)} is a sink, which keeps no history; name it in "
            "store.sinks, and a SQL database in store.url"
        )
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UsageError(
            "store.url: not a database URL; expected for example sqlite:////data/labels.db or "
            "postgresql+psycopg://user:password@host:5432/database"
        ) from error
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    path = parsed.database or ":memory:"
    if is_sqlite(parsed) and (path == ":memory:" or storage.is_remote(path)):
        raise UsageError(
            f"{shown(parsed)}: not a file on this machine; expected for example "
            "sqlite:////data/labels.db; set store.url to a SQL database; sinks go to store.sinks"
        )
    return parsed


def is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def is_postgres(url: sa.URL) -> bool:
    return url.get_backend_name() == "postgresql"


def shown(url: sa.URL) -> str:
    """Return the URL as people may see it: no password, no options (they can hold one too)."""
    return url.set(query={}).render_as_string(hide_password=True)


def sqlite_path(url: sa.URL) -> str:
    """Return the path of SQLite's file, which may be written as a URI (https://sqlite.org/uri.html).

    >>> sqlite_path(parse_url("sqlite:///file:/data/labels.db?mode=ro&uri=true"))
    '/data/labels.db'
    """
    path = str(url.database or "")
    return unquote(urlsplit(path).path) if path.startswith("file:") else path


def is_there(url: sa.URL) -> bool:
    """Tell whether there may be a database: of SQLite, whether there is a file."""
    return not is_sqlite(url) or os.path.exists(sqlite_path(url))


def connect(url: sa.URL, lock_seconds: int = BUSY_SECONDS, *, reading: bool = False) -> sa.Engine:
    """Return an engine of a database that answers; make the folder and file of SQLite.

    With `reading` nothing is made, and a file of SQLite may be one that cannot be written.
    """
    try:
        engine = sa.create_engine(
            url, connect_args=_waits(url), hide_parameters=True, pool_pre_ping=not is_sqlite(url)
        )
    except (ArgumentError, ImportError, TypeError, ValueError) as error:
        raise UsageError(
            f"{shown(url)}: {url.drivername} cannot be used ({words(error, url)}); expected a "
            "database whose driver is installed; install it or set store.url"
        ) from error
    if is_sqlite(url):
        _refuse_a_folder(url)
        _read_sqlite(engine) if reading else _prepare_sqlite(engine)
    if is_postgres(url):
        _prepare_postgres(engine, lock_seconds)
    with one_line(url, (SQLAlchemyError, OSError, TypeError)), engine.connect():
        return engine


def is_passing(error: BaseException) -> bool:
    """Tell whether a database may have got over it when asked again: it is down, or locked."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_PASSING)
    remote = type(error.orig).__module__.startswith("psycopg")
    return error.connection_invalidated or (remote and _may_pass(error))


def _may_pass(error: BaseException) -> bool:
    """Tell whether the same command may do later: the server is down, or something is locked."""
    if not isinstance(error, OperationalError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return _is_busy(error.orig)
    state = str(getattr(error.orig, "sqlstate", None) or "")
    said = str(error.orig)
    return not state.startswith(_LASTING_STATES) and not any(
        sign in said for sign in (*_DISK, *_LASTING)
    )


@contextmanager
def one_line(url: sa.URL, kinds: tuple[type[Exception], ...] = (DBAPIError,)) -> Iterator[None]:
    """Turn what a driver raises into one line that says where, what, and what to do."""
    try:
        yield
    except kinds as error:
        said = words(error, url)
        mend = next((mend for sign, mend in _MENDS.items() if sign in said), "set store.url")
        kind = PassingFault if _may_pass(error) else UsageError
        raise kind(
            f"{shown(url)}: {said}; expected a database that can be read and written; {mend}"
        ) from error


def words(error: Exception, url: sa.URL) -> str:
    """Return what the driver said, on one line, without SQL, values and password."""
    said = " ".join(str(getattr(error, "orig", error)).split())[:500]
    return said.replace(str(url.password), "***") if url.password else said


def _waits(url: sa.URL) -> dict[str, Any]:
    if is_sqlite(url) and "timeout" not in url.query:
        return {"timeout": BUSY_SECONDS}
    if is_postgres(url) and "connect_timeout" not in url.query:
        return {"connect_timeout": CONNECT_SECONDS}
    return {}


def _prepare_postgres(engine: sa.Engine, lock_seconds: int) -> None:
    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{lock_seconds}s"])
        connection.commit()


def _prepare_sqlite(engine: sa.Engine) -> None:
    """Make the folder; let others read during a write; lock before the first read.

    A transaction that reads first and then writes may be refused at once, whatever the timeout;
    `BEGIN IMMEDIATE` waits (https://sqlite.org/lang_transaction.html).
    """
    path = sqlite_path(engine.url)
    if os.path.exists(path) and not _can_be_written(path):
        # SQLite would make two files beside it that its owner cannot write
        raise UsageError(f"{shown(engine.url)}: cannot be written; {_MENDS['readonly']}")
    if not str(engine.url.database).startswith("file:"):
        with one_line(engine.url, (OSError,)):
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        _log_ahead(connection)

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Have a file of SQLite keep a write-ahead log, which lasts; wait while another locks it.

    SQLite itself does not wait here, whatever the timeout: the first writers of a new file, who
    all change its log, would be refused at once
    (https://sqlite.org/wal.html).
    """
    (milliseconds,) = connection.execute("PRAGMA busy_timeout").fetchone()
    until = time.monotonic() + milliseconds / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() >= until:
                raise
        time.sleep(_BUSY_STEP_SECONDS)


def _is_busy(error: sqlite3.Error) -> bool:
    return (error.sqlite_errorcode & 0xFF) in _SQLITE_BUSY


def _read_sqlite(engine: sa.Engine) -> None:
    """Open the file as it is; let others write meanwhile."""
    path = os.path.abspath(sqlite_path(engine.url))
    how = "immutable=1" if _is_at_rest(path) else "mode=rw"  # rw makes no file

    @sa.event.listens_for(engine, "do_connect")
    def _name(_: Any, __: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        arguments[0] = f"file:{quote(path)}?{how}"
        options["uri"] = True

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _: Any) -> None:
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def _is_at_rest(path: str) -> bool:
    """Tell whether we cannot write a file of SQLite, and nobody is writing it.

    Such a one is read as a file that does not change: beside any other SQLite makes two more, even
    to read (https://sqlite.org/wal.html, "Read-Only Databases").
    """
    ours = _can_be_written(path) and _can_be_written(os.path.dirname(path))
    log = f"{path}-wal"
    return not ours and not (os.path.exists(log) and os.path.getsize(log))


def _can_be_written(path: str) -> bool:
    return os.access(path, os.W_OK, effective_ids=True)


def _refuse_a_folder(url: sa.URL) -> None:
    if os.path.isdir(path := sqlite_path(url)):
        raise UsageError(
            f"{shown(url)}: is a folder; expected a file, for example "
            f"{shown(url.set(database=os.path.join(path, 'labels.db')))}; set store.url"
        )
