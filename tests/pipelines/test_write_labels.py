"""Writing labels: every change once, with its history, whatever interrupts or refuses it."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from configs.errors import UsageError
from configs.stores import StoreSettings
from pipelines.sinks import merge
from pipelines.sinks.schema import PROVENANCE
from pipelines.stage import Manifest
from pipelines.write_labels import example_query, write_labels

HERE = Path(__file__).parent
INJECTION = "'; DROP TABLE labels; --"
KILLED_AT_A_STEP = """
import os, signal, sys
from test_write_labels import every_hundred_steps, write
folder, url, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
def stop(step):
    if step == last:
        os.kill(os.getpid(), signal.SIGKILL)
with every_hundred_steps(stop):
    write(folder, url, batch_rows=1000)
"""


def product(name: str, label: str = "Pets", probability: float = 0.9, **other: str) -> dict:
    """Return a row of predictions with two labels."""
    lists = {"labels": [label, "Toys"], "probabilities": [probability, 0.05]}
    row = {"id": name, "title_hash": "9f", "label": label, "probability": probability, **lists}
    return row | {column: f"{column}-1" for column in PROVENANCE} | other


def predict(folder: Path, *parts: list[dict], finished: bool = True) -> str:
    """Write the parts of a predictions folder as `aisle predict` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, rows in enumerate(parts):
        table = pa.Table.from_pylist(rows)
        for name, kind in (
            ("probability", pa.float32()),
            ("probabilities", pa.list_(pa.float32())),
        ):
            place = table.column_names.index(name)
            table = table.set_column(place, name, table[name].cast(kind))
        pq.write_table(table, folder / f"part-{number:05d}-of-{len(parts):05d}.parquet")
    if finished:
        manifest = Manifest("predict", folder.name, "config", "0.1.0")
        (folder / "COMPLETED").write_text(json.dumps(asdict(manifest)))
    return str(folder)


def write(folder: str, url: str, dump_id: str = "monday", **settings: Any) -> dict[str, Any]:
    return write_labels(folder, store_url=url, dump_id=dump_id, settings=StoreSettings(**settings))


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def query(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def whole(path: Path) -> str:
    """Return all labels and all of their history, as SQL."""
    tables = ('INSERT INTO "labels"', 'INSERT INTO "label_history"')
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(line for line in connection.iterdump() if line.startswith(tables))


def timeless(path: Path) -> str:
    """Return everything that is in a store but the times."""
    return re.sub(r"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}'", "TIME", whole(path))


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


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "folder" / "labels.db"


def test_first_write_inserts_every_row_with_its_history(tmp_path: Path, store: Path) -> None:
    folder = predict(tmp_path / "p", [product("a")], [product("b", "Garden", 0.25)])
    figures = write(folder, sqlite_url(store))
    counts = {"predictions": 2, "inserted": 2, "changed": 0, "unchanged": 0, "batches": 2}
    figures.pop("write_id")
    counts |= {"kept": 0, "held": 0, "refused": 0, "done_before": False}
    assert figures == counts | {"store": sqlite_url(store)}
    columns = ", ".join(PROVENANCE)
    assert query(
        store, f"SELECT product_id, title_hash, dump_id, source, {columns} FROM labels"
    ) == [
        (name, "9f", "monday", "model", *(f"{column}-1" for column in PROVENANCE))
        for name in ("a", "b")
    ]
    assert query(
        store,
        "SELECT h.old_label, h.old_probability, h.new_label = l.label, h.labels = l.labels, "
        "h.new_probability = l.probability, h.probabilities = l.probabilities, "
        "h.changed_at = l.updated_at FROM label_history h JOIN labels l USING (product_id)",
    ) == 2 * [(None, None, 1, 1, 1, 1, 1)]
    assert query(store, "SELECT probability, labels, probabilities FROM labels")[1] == (
        *(0.25, '["Garden", "Toys"]'),
        json.dumps([0.25, pa.scalar(0.05, pa.float32()).as_py()]),
    )


def test_the_same_predictions_twice_change_nothing_at_all(tmp_path: Path, store: Path) -> None:
    rows = [product(f"p{n}", probability=random.Random(n).random()) for n in range(50)]
    folder = predict(tmp_path / "p", rows)
    write(folder, sqlite_url(store))
    before = whole(store)
    assert write(folder, sqlite_url(store), dump_id="tuesday")["unchanged"] == 50
    assert whole(store) == before


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"label": "Garden"}, True),
        ({"probability": 0.9000001}, True),
        ({"labels": ["Pets", "Music"]}, True),
        ({"probabilities": [0.9, 0.04]}, True),
        ({"model_fingerprint": "model-2"}, True),
        ({"run_id": "r2", "config_fingerprint": "c2", "transform_fingerprint": "t2"}, False),
        ({"title_hash": "aa"}, False),
    ],
)
def test_label_probability_lists_and_model_make_a_change(
    tmp_path: Path, store: Path, change: dict, counts: bool
) -> None:
    write(predict(tmp_path / "1", [product("a"), product("b")]), sqlite_url(store))
    before = whole(store)
    changed = predict(tmp_path / "2", [product("a") | change, product("b")])
    assert write(changed, sqlite_url(store))["changed"] == counts
    assert (whole(store) == before) is not counts
    assert query(store, "SELECT count(*) FROM label_history") == [(3 if counts else 2,)]


def test_a_changed_label_has_one_history_row_with_old_and_new(tmp_path: Path, store: Path) -> None:
    write(predict(tmp_path / "1", [product("a", probability=0.5), product("b")]), sqlite_url(store))
    second = [product("a", "Garden", 0.75, run_id="run-2"), product("b")]
    write(predict(tmp_path / "2", second), sqlite_url(store), dump_id="tuesday")
    story = "old_label, new_label, old_probability, new_probability, run_id, dump_id"
    assert query(store, f"SELECT {story} FROM label_history WHERE product_id = 'a'") == [
        (None, "Pets", None, 0.5, "run_id-1", "monday"),
        ("Pets", "Garden", 0.5, 0.75, "run-2", "tuesday"),
    ]
    assert query(store, "SELECT label, run_id, dump_id FROM labels WHERE product_id = 'a'") == [
        ("Garden", "run-2", "tuesday")
    ]
    assert query(store, "SELECT count(DISTINCT write_id) FROM label_history") == [(2,)]


@pytest.mark.parametrize(("batch_rows", "batches"), [(1, 7), (3, 3), (7, 1), (8, 1)])
def test_the_size_of_the_batches_is_not_seen_in_the_store(
    tmp_path: Path, store: Path, batch_rows: int, batches: int
) -> None:
    folder = predict(tmp_path / "p", [product(f"p{n}") for n in range(7)])
    write(folder, sqlite_url(tmp_path / "one.db"))
    seen: list[int] = []
    figures = write_labels(
        folder,
        store_url=sqlite_url(store),
        dump_id="monday",
        settings=StoreSettings(batch_rows=batch_rows),
        on_progress=seen.append,
    )
    assert (figures["batches"], len(seen), sum(seen)) == (batches, batches, 7)
    assert timeless(store) == timeless(tmp_path / "one.db")


def test_ids_are_values_of_any_kind(tmp_path: Path, store: Path) -> None:
    ids = [
        INJECTION,
        "a",
        "A",
        " a",
        "\u00c5",
        "A\u030a",
        "日本",
        "😀",
        "\u202e",
        "a\0b",
        "%s",
        ":x",
    ]
    folder = predict(tmp_path / "p", [product(name, label=name) for name in ids])
    write(folder, sqlite_url(store))
    assert query(store, "SELECT product_id, label FROM labels") == [(name, name) for name in ids]
    assert write(folder, sqlite_url(store))["unchanged"] == len(ids)


def test_a_dialect_without_upsert_ends_with_the_same_store(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = predict(tmp_path / "1", [product("a"), product("b")])
    second = predict(tmp_path / "2", [product("b", "Garden"), product("c")])
    for path, upserts in ((store, merge._UPSERTS), (tmp_path / "other.db", {})):
        monkeypatch.setattr(merge, "_UPSERTS", upserts)
        assert write(first, sqlite_url(path))["inserted"] == 2
        assert write(second, sqlite_url(path))["changed"] == 1
    assert timeless(store) == timeless(tmp_path / "other.db")


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
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_unfinished_missing_and_empty_folders_are_refused(tmp_path: Path, store: Path) -> None:
    unfinished = predict(tmp_path / "unfinished", [product("a")], finished=False)
    assert "is not finished; run `aisle predict`" in refused(unfinished, sqlite_url(store))
    assert "is not there; run `aisle predict`" in refused(str(tmp_path / "x"), sqlite_url(store))
    assert "found no part-*.parquet" in refused(predict(tmp_path / "empty"), sqlite_url(store))
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
        ("sqlite:////", "unable to open database file"),
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
    assert "make the file writable" in refused(changed, f"sqlite:///file:{store}?mode=ro&uri=true")
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "is locked" in refused(changed, f"{url}?timeout=0")
    assert "are both 'x'" in refused(changed, url, labels_table="x", history_table="x")
    query(tmp_path / "other.db", "CREATE TABLE labels (shelf)")
    assert "another program's" in refused(changed, sqlite_url(tmp_path / "other.db"))
    (tmp_path / "text.db").write_text("not a database " * 100)
    assert "file is not a database" in refused(changed, sqlite_url(tmp_path / "text.db"))
    assert query(store, "SELECT product_id, label FROM labels") == [("a", "Pets")]
    assert before == whole(store)


def test_the_example_query_shows_the_labels(tmp_path: Path) -> None:
    store = tmp_path / "it's here" / "labels.db"
    write(predict(tmp_path / "p", [product("a", probability=0.5)]), sqlite_url(store))
    tool, path, sql = shlex.split(example_query(sqlite_url(store), StoreSettings()))
    assert (tool, query(Path(path), sql)) == ("sqlite3", [("a", "Pets", 0.5)])
    other = example_query("postgresql://u:s3cret@h/shop", StoreSettings(labels_table="mine"))
    assert other == "SELECT product_id, label, probability FROM mine LIMIT 10"
