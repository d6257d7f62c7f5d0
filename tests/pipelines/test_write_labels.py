"""Writing labels: every change once, with its history, whatever interrupts or refuses it."""

from __future__ import annotations

import json
import random
import shlex
from pathlib import Path

import pyarrow as pa
import pytest
from label_writes import predict, product, query, sqlite_url, timeless, whole, write

from configs.stores import StoreSettings
from pipelines.sinks import merge
from pipelines.sinks.schema import PROVENANCE
from pipelines.write_labels import example_query, write_labels

INJECTION = "'; DROP TABLE labels; --"


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


def test_the_example_query_shows_the_labels(tmp_path: Path) -> None:
    store = tmp_path / "it's here" / "labels.db"
    write(predict(tmp_path / "p", [product("a", probability=0.5)]), sqlite_url(store))
    tool, path, sql = shlex.split(example_query(sqlite_url(store), StoreSettings()))
    assert (tool, query(Path(path), sql)) == ("sqlite3", [("a", "Pets", 0.5)])
    other = example_query("postgresql://u:s3cret@h/shop", StoreSettings(labels_table="mine"))
    assert other == "SELECT product_id, label, probability FROM mine LIMIT 10"
