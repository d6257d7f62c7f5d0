"""The label store on a real PostgreSQL: what goes wrong there, and what must be in it after all.

The oracle is the same writes into SQLite, undisturbed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import servers
import sqlalchemy as sa
from psycopg import sql
from test_write_labels import predict, product, sqlite_url, write

from configs.errors import PassingFault, UsageError
from configs.stores import StoreSettings
from pipelines.sinks.engine import parse_url
from pipelines.sinks.ledger import Ledger, open_ledger
from pipelines.sinks.replay import dead_letters, replay
from pipelines.sinks.story import set_label, story_of, undo

HERE = Path(__file__).parent
INJECTION = "'; DROP TABLE labels; --"
HUGE = "x" * (8 << 20)
LABELS = "SELECT product_id, label, probability, labels, probabilities, source FROM labels"
HISTORY = (
    "SELECT product_id, old_label, new_label, old_probability, new_probability, write_id "
    "FROM label_history"
)
QUICK = {"first_seconds": 0.05, "longest_seconds": 0.5, "give_up_seconds": 60.0}
WRITE_IN_A_PROCESS = """
import sys
from test_write_labels import write
write(sys.argv[1], sys.argv[2], batch_rows=500, retry={"give_up_seconds": 60.0})
"""


@dataclass
class Shelf:
    """A database of its own on the server."""

    server: servers.Postgres
    name: str

    @property
    def url(self) -> str:
        return self.server.url.replace("/postgres", f"/{self.name}")

    @property
    def dsn(self) -> str:
        return self.server.dsn.replace("/postgres", f"/{self.name}")

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(text)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def write(self, folder: str, dump_id: str = "monday", **settings: Any) -> dict[str, Any]:
        return write(folder, self.url, dump_id, **{"retry": QUICK, **settings})

    def rows(self, name: str) -> int:
        return self.query(f"SELECT count(*) FROM {name}")[0][0]

    def contents(self) -> list[list[tuple[Any, ...]]]:
        as_text = LABELS.replace("labels, prob", "labels::text, prob", 1)
        as_text = as_text.replace("probabilities,", "probabilities::text,")
        return [sorted(self.query(as_text)), sorted(self.query(HISTORY), key=repr)]


@pytest.fixture
def shelf(postgres: servers.Postgres) -> Shelf:
    name = f"shelf{random.Random().getrandbits(48):x}"
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return Shelf(postgres, name)


def oracle(path: Path) -> list[list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        found = [connection.execute(text).fetchall() for text in (LABELS, HISTORY)]
    return [sorted(found[0]), sorted(found[1], key=repr)]


def opened(url: str, **settings: Any) -> Any:
    return open_ledger(parse_url(url), StoreSettings(**settings))


def many(folder: Path, rows: int, of: int = 7, label: str = "c") -> str:
    return predict(folder, [product(f"p{n}", f"{label}{n % of}", n / rows) for n in range(rows)])


def test_it_ends_as_sqlite_does(tmp_path: Path, shelf: Shelf) -> None:
    odd = [INJECTION, "a", "A", " a", "日本", "\\N", "\\.", "a\tb\nc\\", "%s", ":x", ""]
    first = predict(tmp_path / "1", [product(name, label=f'{name}"') for name in odd])
    second = predict(tmp_path / "2", [product(odd[0], "Toys", run_id="r2"), product("new")])
    path = tmp_path / "oracle.db"
    for folder, dump in ((first, "monday"), (second, "tuesday"), (second, "tuesday")):
        figures = shelf.write(folder, dump)
        expected = write(folder, sqlite_url(path), dump)
        assert figures["store"] == shelf.url.replace(servers.PASSWORD, "***")
        assert {**figures, "store": ""} == {**expected, "store": ""}
    assert shelf.contents() == oracle(path)
    story = "SELECT run_id, dump_id FROM label_history WHERE product_id LIKE '''; DROP%' ORDER BY 1"
    assert shelf.query(story) == [("r2", "tuesday"), ("run_id-1", "monday")]


def test_what_postgres_cannot_hold_is_a_dead_letter_and_all_else_is_there(
    tmp_path: Path, shelf: Shelf
) -> None:
    """A NUL, no id, and an id of 8 MB whose index entry is too large; an 8 MB label is fine."""
    huge = os.urandom(4 << 20).hex()
    rows = [product(f"p{n}") for n in range(40)]
    rows[3]["id"], rows[17]["id"] = "a\0b", None
    large = ([product(huge)], [product("long", HUGE)])
    figures = shelf.write(predict(tmp_path / "1", rows, *large))
    assert (figures["inserted"], figures["refused"]) == (39, 3)
    assert shelf.query("SELECT length(label) FROM labels WHERE product_id = 'long'") == [(8 << 20,)]
    with opened(shelf.url) as ledger:
        letters = dead_letters(ledger)
        assert [letter["payload"]["id"] for letter in letters] == ["a\0b", None, huge]
        for letter, word in zip(letters, ("0x00", "null value", "index row"), strict=True):
            assert word in letter["reason"]
        assert replay(ledger, []) == {"replayed": 0, "left": 3}
    assert shelf.rows("label_history") == 39


def test_a_clash_of_a_unique_key_is_a_dead_letter_until_it_is_mended(
    tmp_path: Path, shelf: Shelf
) -> None:
    shelf.write(predict(tmp_path / "0", [product("old", title_hash="1")]))
    shelf.query("CREATE UNIQUE INDEX one_title ON labels (title_hash)")
    rows = [product(f"p{n}", title_hash=f"{n % 90}") for n in range(100)]
    figures = shelf.write(predict(tmp_path / "1", rows), "tuesday")
    assert (figures["inserted"], figures["refused"]) == (89, 11)
    assert shelf.rows("labels") == shelf.rows("label_history") == 90
    shelf.query("DROP INDEX one_title")
    with opened(shelf.url) as ledger:
        assert "one_title" in dead_letters(ledger)[0]["reason"]
        assert replay(ledger, []) == {"replayed": 11, "left": 0}
        assert dead_letters(ledger) == []
        assert replay(ledger, []) == {"replayed": 0, "left": 0}
    assert shelf.rows("labels") == shelf.rows("label_history") == 101
    assert undone(shelf, figures["write_id"]) == {"removed": 100, "put_back": 0}


def undone(shelf: Shelf, write_id: str) -> dict[str, int]:
    with opened(shelf.url) as ledger:
        figures = undo(ledger, write_id)
    assert figures["left_as_newer"] == 0
    return {name: figures[name] for name in ("removed", "put_back")}


class Interrupted:
    """Does something once, when a write has brought so many rows."""

    def __init__(self, act: Callable[[], object], after: int) -> None:
        self._act, self._left = act, after

    def __call__(self, rows: int) -> None:
        self._left -= rows
        if self._left <= 0 < self._left + rows:
            self._act()


def interrupted(
    folder: str, shelf: Shelf, act: Callable[[], object], after: int, **settings: Any
) -> dict[str, Any]:
    from pipelines.write_labels import write_labels

    return write_labels(
        folder,
        store_url=shelf.url,
        dump_id="monday",
        settings=StoreSettings(**{"retry": QUICK, "batch_rows": 500, **settings}),
        on_progress=Interrupted(act, after),
    )


def restart(server: servers.Postgres) -> Callable[[], object]:
    def act() -> None:
        server.stop(signal.SIGQUIT)
        threading.Thread(target=server.start).start()

    return act


def cut_all(shelf: Shelf) -> Callable[[], object]:
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return lambda: shelf.query(kill)


@pytest.mark.parametrize("fault", ["the server crashes and comes back", "all connections are cut"])
def test_a_passing_fault_in_the_middle_is_not_seen_in_the_store(
    fault: str, tmp_path: Path, shelf: Shelf
) -> None:
    folder = many(tmp_path / "p", 4000)
    act = restart(shelf.server) if "crashes" in fault else cut_all(shelf)
    figures = interrupted(folder, shelf, act, 1500)
    assert (figures["inserted"], figures["batches"]) == (4000, 8)
    write(folder, sqlite_url(tmp_path / "oracle.db"))
    assert shelf.contents() == oracle(tmp_path / "oracle.db")


def test_a_server_that_stays_away_is_one_line_and_the_rest_is_written_later(
    tmp_path: Path, shelf: Shelf
) -> None:
    folder = many(tmp_path / "p", 4000)
    soon = {"first_seconds": 0.05, "give_up_seconds": 0.5}
    with pytest.raises(PassingFault) as refusal:
        interrupted(folder, shelf, shelf.server.stop, 1500, retry=soon)
    line = str(refusal.value)
    assert line.startswith("postgresql+psycopg://shop:***@127.0.0.1")
    assert "\n" not in line
    assert servers.PASSWORD not in line
    shelf.server.start()
    assert shelf.rows("labels") == 1500
    assert shelf.write(folder)["inserted"] == 4000
    write(folder, sqlite_url(tmp_path / "oracle.db"))
    assert shelf.contents() == oracle(tmp_path / "oracle.db")


def test_a_table_that_another_locks_for_ten_seconds_is_waited_for(
    tmp_path: Path, shelf: Shelf
) -> None:
    """Longer than one attempt waits for a lock: it is asked for again."""
    folder = many(tmp_path / "p", 1000)
    holders: list[threading.Thread] = []
    locked = threading.Event()

    def hold() -> None:
        with psycopg.connect(shelf.dsn) as connection:
            connection.execute("LOCK TABLE labels IN ACCESS EXCLUSIVE MODE")
            locked.set()
            connection.execute("SELECT pg_sleep(10)")

    def act() -> None:
        holders.append(threading.Thread(target=hold))
        holders[0].start()
        assert locked.wait(10)

    assert interrupted(folder, shelf, act, 500, lock_seconds=2)["inserted"] == 1000
    holders[0].join()
    write(folder, sqlite_url(tmp_path / "oracle.db"))
    assert shelf.contents() == oracle(tmp_path / "oracle.db")


def test_killed_at_ten_random_moments_and_run_again_is_as_if_run_once(
    tmp_path: Path, shelf: Shelf
) -> None:
    folder = many(tmp_path / "p", 20_000)
    path = f"{HERE}{os.pathsep}{HERE.parent}{os.pathsep}{HERE.parents[1]}"
    command = [sys.executable, "-c", WRITE_IN_A_PROCESS, folder, shelf.url]
    chance, killed = random.Random(20_190_401), 0
    for _ in range(10):
        before = _written(shelf)
        child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path})
        stop = before + chance.randint(0, 3) * 500
        servers.wait_until(
            lambda child=child, stop=stop: child.poll() is not None or _written(shelf) > stop,
            "some rows more",
        )
        child.kill()
        killed += child.wait() == -signal.SIGKILL
        assert _written(shelf) % 500 == 0
    assert killed == 10
    assert 0 < _written(shelf) < 20_000
    assert shelf.write(folder, batch_rows=777)["inserted"] == 20_000
    write(folder, sqlite_url(tmp_path / "oracle.db"))
    assert shelf.contents() == oracle(tmp_path / "oracle.db")


def _written(shelf: Shelf) -> int:
    there = shelf.query("SELECT to_regclass('labels') IS NOT NULL")[0][0]
    return shelf.rows("labels") if there else 0


def test_two_writers_of_the_same_dump_wait_for_each_other(tmp_path: Path, shelf: Shelf) -> None:
    folder = many(tmp_path / "p", 10_000)
    with opened(shelf.url):
        pass
    results: list[dict[str, Any]] = []
    writers = [
        threading.Thread(target=lambda: results.append(shelf.write(folder, batch_rows=500)))
        for _ in range(2)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [figures["predictions"] for figures in results] == [10_000, 10_000]
    write(folder, sqlite_url(tmp_path / "oracle.db"))
    assert shelf.contents() == oracle(tmp_path / "oracle.db")


@pytest.fixture
def small_disk(server_folder: Path) -> Iterator[Path]:
    """A disk of 40 MB of its own, which the server may write to."""
    folder = server_folder / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m,mode=777", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system of its own can be mounted here: needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_the_rest_is_written_later(
    tmp_path: Path, shelf: Shelf, small_disk: Path
) -> None:
    folder = many(tmp_path / "p", 3000)
    (small_disk / "space").mkdir()
    (small_disk / "space").chmod(0o777)
    if not os.geteuid():
        shutil.chown(small_disk / "space", "postgres")
    space = f"space{shelf.name}"
    with psycopg.connect(shelf.server.dsn, autocommit=True) as connection:
        location = sql.Literal(str(small_disk / "space"))
        make = sql.SQL("CREATE TABLESPACE {} LOCATION {}")
        connection.execute(make.format(sql.Identifier(space), location))
        move = sql.SQL("ALTER DATABASE {} SET TABLESPACE {}")
        connection.execute(move.format(sql.Identifier(shelf.name), sql.Identifier(space)))

    def fill() -> None:
        with open(small_disk / "filler", "wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    with pytest.raises(UsageError, match=r"No space left on device.*free some space"):
        interrupted(folder, shelf, fill, 1000)
    (small_disk / "filler").unlink()
    assert shelf.rows("labels") == shelf.rows("label_history") < 3000
    assert shelf.write(folder)["inserted"] == 3000
    write(folder, sqlite_url(tmp_path / "oracle.db"))
    assert shelf.contents() == oracle(tmp_path / "oracle.db")
    for statement in ("DROP DATABASE {} WITH (FORCE)", "DROP TABLESPACE {}"):
        name = shelf.name if "DATABASE" in statement else space
        with psycopg.connect(shelf.server.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def test_a_person_wins_and_an_undo_leaves_what_is_newer(tmp_path: Path, shelf: Shelf) -> None:
    first = shelf.write(many(tmp_path / "1", 10, label="a"))["write_id"]
    second = shelf.write(many(tmp_path / "2", 10, label="b"), "tuesday")["write_id"]
    with opened(shelf.url) as ledger:
        set_label(ledger, "p3", "by hand", "ann")
        figures = undo(ledger, second)
        assert (figures["put_back"], figures["left_as_newer"]) == (9, 1)
        assert _label(ledger, "p2") == ("a2", first)
        assert _label(ledger, "p3")[0] == "by hand"
        assert undo(ledger, first)["removed"] == 9
        with pytest.raises(UsageError, match="is an undo itself"):
            undo(ledger, figures["write_id"])
    assert shelf.query("SELECT product_id, source, model FROM labels") == [("p3", "person", "ann")]


def _label(ledger: Ledger, product_id: str) -> tuple[str, str]:
    row = story_of(ledger, product_id)["label"]
    return row["label"], row["label_write_id"]


def test_the_engine_is_asked_only_with_parameters(tmp_path: Path, shelf: Shelf) -> None:
    """No text of a row stands in a statement."""
    said: list[str] = []

    def listen(_: Any, __: Any, statement: str, *more: Any) -> None:
        said.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", listen)
    try:
        shelf.write(predict(tmp_path / "1", [product(INJECTION, INJECTION)]))
        with opened(shelf.url, gate={"untouchable": [INJECTION]}) as ledger:
            set_label(ledger, INJECTION, INJECTION, INJECTION)
            story_of(ledger, INJECTION)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", listen)
    assert said
    assert not [statement for statement in said if "DROP" in statement]
    assert shelf.rows("labels") == 1
