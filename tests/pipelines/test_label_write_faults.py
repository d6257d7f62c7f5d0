"""Writing labels that is interrupted or refused: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from label_writes import predict, product, query, sqlite_url, timeless, whole, write

from configs.errors import PassingFault, UsageError
from configs.stores import StoreSettings
from pipelines.label_diff import diff_labels

HERE = Path(__file__).parent
KILLED_AT_A_STEP = """
import os, signal, sys
from label_writes import write
from test_label_write_faults import every_hundred_steps
folder, url, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
def stop(step):
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)
with every_hundred_steps(stop):
    write(folder, url, batch_rows=1000)
"""


@contextmanager
def on_connect(listener: Callable[[sqlite3.Connection], object]) -> Iterator[None]:
    """Hand every new SQLite connection of SQLAlchemy to `listener`."""

    def connected(connection: sqlite3.Connection, _: object) -> None:
        listener(connection)

    sa.event.listen(sa.Engine, "connect", connected)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "connect", connected)


@contextmanager
def every_hundred_steps(visit: Callable[[int], None]) -> Iterator[None]:
    """Call `visit` with 1, 2, 3... from inside SQLite, at every hundredth step of its machine."""
    steps = iter(range(1, sys.maxsize))
    with on_connect(lambda c: c.set_progress_handler(lambda: visit(next(steps)), 100)):
        yield


def test_killed_at_random_moments_and_run_again_is_as_if_run_once(
    tmp_path: Path, store: Path
) -> None:
    folder = predict(tmp_path / "p", [product(f"p{n}", f"c{n % 500}") for n in range(50_000)])
    steps: list[int] = []
    with every_hundred_steps(steps.append):
        write(folder, sqlite_url(tmp_path / "undisturbed.db"), batch_rows=1000)
    url, moments = sqlite_url(store), random.Random(20_190_401)
    path = f"{HERE}{os.pathsep}{HERE.parents[1]}"
    for _ in range(4):
        last = str(moments.randint(1, len(steps) // 5))
        command = [sys.executable, "-c", KILLED_AT_A_STEP, folder, url, last]
        child = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, check=False)
        assert child.returncode == -signal.SIGKILL
        labels, history = (_count(store, table) for table in ("labels", "label_history"))
        assert labels == history
        assert labels % 1000 == 0
        assert labels < 50_000
    write(folder, url, batch_rows=1000)
    assert timeless(store) == timeless(tmp_path / "undisturbed.db")


def _count(path: Path, table: str) -> int:
    """Return the rows of a table, none if a kill came before the tables were made."""
    made = query(path, f"SELECT name FROM sqlite_master WHERE name = '{table}'")
    return query(path, f"SELECT count(*) FROM {table}")[0][0] if made else 0


def test_a_full_disk_is_one_line_and_the_rest_is_written_later(tmp_path: Path, store: Path) -> None:
    folder = predict(tmp_path / "p", [product(f"p{n}") for n in range(2000)])
    with (
        on_connect(lambda connection: connection.execute("PRAGMA max_page_count = 100")),
        pytest.raises(UsageError, match=r"disk is full.*free some space"),
    ):
        write(folder, sqlite_url(store), batch_rows=100)
    assert 0 < _count(store, "labels") < 2000
    assert write(folder, sqlite_url(store), batch_rows=100)["predictions"] == 2000
    write(folder, sqlite_url(tmp_path / "undisturbed.db"), batch_rows=100)
    assert timeless(store) == timeless(tmp_path / "undisturbed.db")


def refused(folder: str, url: str, **settings: Any) -> str:
    """Return the line with which a write is refused, after a check that it is one."""
    with pytest.raises(UsageError) as refusal:
        write(folder, url, **settings)
    assert isinstance(refusal.value, PassingFault) == ("is locked" in str(refusal.value))
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_unfinished_missing_and_empty_folders_are_refused(tmp_path: Path, store: Path) -> None:
    unfinished = predict(tmp_path / "unfinished", [product("a")], finished=False)
    assert "is not finished; run `aisle predict`" in refused(unfinished, sqlite_url(store))
    assert "is not there; run `aisle predict`" in refused(str(tmp_path / "x"), sqlite_url(store))
    assert "found no part-*.parquet" in refused(predict(tmp_path / "empty"), sqlite_url(store))
    assert not store.exists()


def test_a_part_that_is_missing_is_refused_by_the_counts(tmp_path: Path, store: Path) -> None:
    folder = predict(tmp_path / "p", [product("a"), product("b")], [product("c")])
    (tmp_path / "p" / "part-00001-of-00002.parquet").unlink()
    line = refused(folder, sqlite_url(store))
    assert "found 2 predictions in 1 parts, expected the 3 that COMPLETED tells of" in line
    with pytest.raises(UsageError, match="found 2 predictions"):
        diff_labels(folder, store_url=sqlite_url(store), dump_id="monday", settings=StoreSettings())
    assert not store.exists()


def test_a_part_that_lacks_a_column_or_is_no_parquet_is_named(tmp_path: Path, store: Path) -> None:
    row = product("b")
    del row["title_hash"]
    folder = predict(tmp_path / "p", [product("a")], [row])
    line = refused(folder, sqlite_url(store))
    assert "part-00001-of-00002.parquet: no column title_hash; expected id, title_hash" in line
    (tmp_path / "p" / "part-00001-of-00002.parquet").write_bytes(b"PAR1 not")
    line = refused(folder, sqlite_url(store))
    assert "part-00001-of-00002.parquet: cannot be read as Parquet" in line
    assert not store.exists()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("labels.db", "not a database URL; expected for example sqlite:///"),
        ("postgresql://user:s3cret@host:port/shop", "not a database URL"),
        ("sqlite://", "not a file on this machine"),
        ("sqlite:///gs://bucket/labels.db", "not a file on this machine"),
        ("nosuch://user:s3cret@host/shop", "nosuch://user:***@host/shop: nosuch cannot be used"),
        ("mssql+pymssql://u:s3cret@h/shop?password=s3cret", "u:***@h/shop: mssql+pymssql cannot"),
        ("sqlite:////dev/null/labels.db", "File exists: '/dev/null'"),
        ("sqlite:////", "sqlite:////: is a folder; expected a file, for example sqlite:////labels"),
    ],
)
def test_a_store_that_cannot_be_is_refused_without_its_password(
    tmp_path: Path, url: str, says: str
) -> None:
    line = refused(predict(tmp_path / "p", [product("a")]), url)
    assert says in line
    assert "s3cret" not in line


def test_files_that_cannot_be_written_are_refused(tmp_path: Path, store: Path) -> None:
    folder, url = predict(tmp_path / "1", [product("a")]), sqlite_url(store)
    changed = predict(tmp_path / "2", [product("a", "Garden")])
    write(folder, url)
    before = whole(store)
    assert "make the file and its folder writable" in refused(
        changed, f"sqlite:///file:{store}?mode=ro&uri=true"
    )
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "is locked" in refused(changed, f"{url}?timeout=0")
    assert "are both 'x'" in refused(changed, url, labels_table="x", history_table="x")
    query(tmp_path / "other.db", "CREATE TABLE labels (shelf)")
    line = refused(changed, sqlite_url(tmp_path / "other.db"))
    assert "the table labels is another program's, as it has no column product_id" in line
    assert query(tmp_path / "other.db", "SELECT name FROM sqlite_master") == [("labels",)]
    (tmp_path / "text.db").write_text("not a database " * 100)
    assert "file is not a database" in refused(changed, sqlite_url(tmp_path / "text.db"))
    assert query(store, "SELECT product_id, label FROM labels") == [("a", "Pets")]
    assert before == whole(store)
