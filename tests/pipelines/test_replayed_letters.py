"""A dead letter that is replayed hides nothing that came after it, in a sink or in the store."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from label_writes import predict, product, query, sqlite_url, write

from configs.stores import FileSettings, StoreSettings
from pipelines.sinks.changes import Change, Refused
from pipelines.sinks.delivery import deliver
from pipelines.sinks.doors import open_ledger
from pipelines.sinks.engine import parse_url
from pipelines.sinks.files import FileSink
from pipelines.sinks.ledger import Ledger
from pipelines.sinks.replay import dead_letters, replay
from pipelines.sinks.story import set_label, undo


class Picky(FileSink):
    """A folder that will not have what is labelled `Old`."""

    def deliver(self, changes: Sequence[Change], place: str) -> list[Refused]:
        fine = [change for change in changes if change["new_label"] != "Old"]
        super().deliver(fine, place)
        return [Refused(change, "old") for change in changes if change["new_label"] == "Old"]


@pytest.fixture
def ledger(store: Path) -> Iterator[Ledger]:
    with open_ledger(parse_url(sqlite_url(store)), StoreSettings()) as ledger:
        yield ledger


@pytest.fixture
def sink(tmp_path: Path) -> FileSettings:
    return FileSettings(url=f"file://{tmp_path}/out", name="out", format="jsonl")


def sent(sink: FileSettings) -> dict[str, list[str | None]]:
    """Return the labels that a sink got of each product, in their order."""
    found: dict[str, list[str | None]] = {}
    files = Path(sink.url.removeprefix("file://")).glob("labels-*")
    for file in sorted(files, key=lambda file: file.stat().st_mtime_ns):
        for change in map(json.loads, file.open()):
            found.setdefault(change["product_id"], []).append(change["new_label"])
    return found


def written(folder: Path, store: Path, dump_id: str, **labels: str) -> str:
    """Write the labels of a dump; return the id of the write."""
    rows = [product(name, label) for name, label in labels.items()]
    return write(predict(folder / dump_id, rows), sqlite_url(store), dump_id)["write_id"]


def test_a_sink_does_not_get_what_has_changed_since(
    tmp_path: Path, store: Path, ledger: Ledger, sink: FileSettings
) -> None:
    monday = written(tmp_path, store, "monday", a="Old", b="Old", c="Old", d="Old", e="Pets")
    assert deliver(ledger, monday, Picky(sink)) == {"delivered": 1, "refused": 4}
    tuesday = written(tmp_path, store, "tuesday", a="New")
    for write_id in (tuesday, set_label(ledger, "b", "Games", "ann")):
        deliver(ledger, write_id, FileSink(sink))
    written(tmp_path, store, "wednesday", c="New")  # the sink does not have that yet
    assert replay(ledger, [FileSink(sink)]) == {"replayed": 1, "overtaken": 3, "left": 0}
    assert sent(sink) == {"e": ["Pets"], "a": ["New"], "b": ["Games"], "d": ["Old"]}
    assert dead_letters(ledger) == []
    assert deliver(ledger, monday, FileSink(sink)) == {"delivered": 2, "refused": 0}
    assert replay(ledger, [FileSink(sink)]) == {"replayed": 0, "overtaken": 0, "left": 0}


def test_a_sink_does_not_get_what_was_undone(
    tmp_path: Path, store: Path, ledger: Ledger, sink: FileSettings
) -> None:
    written(tmp_path, store, "monday", a="Pets")
    tuesday = written(tmp_path, store, "tuesday", a="Old")
    deliver(ledger, tuesday, Picky(sink))
    deliver(ledger, undo(ledger, tuesday)["write_id"], FileSink(sink))
    assert replay(ledger, [FileSink(sink)]) == {"replayed": 0, "overtaken": 1, "left": 0}
    assert sent(sink) == {"a": ["Pets"]}


@pytest.fixture
def refused(tmp_path: Path, store: Path) -> str:
    """Write a dump of which the store refuses `a`, `b` and `c`, until an index is gone."""
    written(tmp_path, store, "sunday", z="Pets")
    query(store, "CREATE UNIQUE INDEX one_title ON labels (title_hash) WHERE label = 'Pets'")
    rows = [product(name, title_hash=f"9{name}") for name in "xy"]
    folder = predict(tmp_path / "monday", [*rows, *map(product, "abc")])
    completed = Path(folder, "COMPLETED")
    manifest = json.loads(completed.read_text())
    manifest["figures"]["taxonomy_version"] = "tree-1"
    completed.write_text(json.dumps(manifest))
    figures = write(folder, sqlite_url(store), "monday")
    assert (figures["inserted"], figures["refused"]) == (2, 3)
    return figures["write_id"]


def labels(store: Path) -> dict[str, str]:
    return dict(query(store, "SELECT product_id, label FROM labels WHERE product_id IN ('a', 'b')"))


def test_the_store_keeps_what_is_newer_and_the_counts_add_up(
    tmp_path: Path, store: Path, refused: str, ledger: Ledger, sink: FileSettings
) -> None:
    written(tmp_path, store, "tuesday", b="New")
    query(store, "DROP INDEX one_title")
    assert replay(ledger, [FileSink(sink)]) == {"replayed": 2, "overtaken": 1, "left": 0}
    assert labels(store) == {"a": "Pets", "b": "New"}
    assert sent(sink).keys() == {"x", "y", "a", "c"}
    assert dead_letters(ledger) == []
    counts = ledger.counts(refused)
    assert (counts["inserted"], counts["unchanged"], counts["refused"]) == (4, 1, 0)


def test_of_two_letters_of_a_product_the_newer_one_counts(
    tmp_path: Path, store: Path, refused: str, ledger: Ledger
) -> None:
    """Even where it is not asked for, or still refused: the older one would hide it later."""
    query(store, "CREATE UNIQUE INDEX no_toys ON labels (title_hash) WHERE label = 'Toys'")
    written(tmp_path, store, "tuesday", a="Toys", b="Toys")
    query(store, "DROP INDEX one_title")
    assert labels(store) == {"a": "Toys"}
    assert replay(ledger, [], refused) == {"replayed": 1, "overtaken": 2, "left": 0}
    assert labels(store) == {"a": "Toys"}
    query(store, "DROP INDEX no_toys")
    assert replay(ledger, []) == {"replayed": 1, "overtaken": 0, "left": 0}
    assert labels(store) == {"a": "Toys", "b": "Toys"}


def test_a_replayed_row_has_all_that_its_write_says_of_it(
    store: Path, refused: str, ledger: Ledger
) -> None:
    query(store, "DROP INDEX one_title")
    replay(ledger, [])
    columns = "taxonomy_version, dump_id, label_write_id"
    for table in ("labels", "label_history"):
        found = query(store, f"SELECT DISTINCT {columns} FROM {table} WHERE product_id <> 'z'")
        assert found == [("tree-1", "monday", refused)]
