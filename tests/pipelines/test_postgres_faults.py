"""What goes wrong on a real PostgreSQL, and what must be in it after all.

The oracle is the same writes into SQLite, undisturbed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import servers
from label_writes import predict, product, sqlite_url, write
from psycopg import sql
from shelf import QUICK, Shelf, many, opened, oracle

from configs.errors import PassingFault, UsageError
from configs.stores import StoreSettings
from pipelines.sinks.replay import dead_letters

HERE = Path(__file__).parent
WRITE_IN_A_PROCESS = """
import sys
from label_writes import write
of_one = {"batch_rows": 500, "rows_per_second": 4000.0, "retry": {"give_up_seconds": 300.0}}
write(sys.argv[1], sys.argv[2], **of_one)
"""


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


def test_a_table_that_another_locks_for_three_seconds_is_waited_for(
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
            connection.execute("SELECT pg_sleep(3)")

    def act() -> None:
        holders.append(threading.Thread(target=hold))
        holders[0].start()
        assert locked.wait(servers.LONGEST_WAIT_SECONDS)

    assert interrupted(folder, shelf, act, 500, lock_seconds=1)["inserted"] == 1000
    holders[0].join()
    write(folder, sqlite_url(tmp_path / "oracle.db"))
    assert shelf.contents() == oracle(tmp_path / "oracle.db")


def test_killed_at_ten_random_moments_and_run_again_is_as_if_run_once(
    tmp_path: Path, shelf: Shelf
) -> None:
    """What PostgreSQL cannot hold is among the rows: its dead letters are complete, and single."""
    good = [product(f"p{n}", f"c{n % 7}", n / 20_000) for n in range(20_000) if n % 4000]
    bad = [product(f"p\0{n}") for n in range(5)]
    folder = predict(tmp_path / "p", good[:9_000] + bad + good[9_000:])
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
        if _written(shelf):
            assert (_written(shelf) + shelf.rows("labels_dead_letters")) % 500 == 0
    assert killed == 10
    assert 0 < _written(shelf) < 19_995
    figures = shelf.write(folder, batch_rows=777)
    assert (figures["inserted"], figures["refused"]) == (19_995, 5)
    with opened(shelf.url) as ledger:
        assert sorted(letter["payload"]["id"] for letter in dead_letters(ledger)) == [
            row["id"] for row in bad
        ]
    write(predict(tmp_path / "oracle" / "p", good), sqlite_url(tmp_path / "oracle.db"))
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
