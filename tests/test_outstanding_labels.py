"""What an undo or a person has changed reaches the sinks: if not at once, when it is said again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from test_label_commands import Office


class Sink:
    """A folder that labels go to; a file in its place makes every delivery fail."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._aside = folder, folder.with_name("aside")

    def fails(self) -> None:
        self.folder.rename(self._aside)
        self.folder.touch()

    def works(self) -> None:
        self.folder.unlink()
        self._aside.rename(self.folder)

    def sent(self) -> dict[str, list[str | None]]:
        """Return the labels that came here of each product, in their order."""
        found: dict[str, list[str | None]] = {}
        for file in sorted(self.folder.iterdir(), key=lambda file: file.stat().st_mtime_ns):
            for change in map(json.loads, file.open()):
                found.setdefault(change["product_id"], []).append(change["new_label"])
        return found


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink(tmp_path / "sink")


@pytest.fixture
def office(tmp_path: Path, sink: Sink) -> Office:
    """An office whose store feeds the sink, with two labels written."""
    url = f"file://{sink.folder}"
    office = Office(tmp_path, sinks=[{"url": url, "name": "sink", "format": "jsonl"}])
    office.predict("monday", {"a": ("Pets", 0.9), "b": ("Pets", 0.9)})
    office.predict("tuesday", {"a": ("Pets", 0.9), "b": ("Toys", 0.9)})
    return office


def states(office: Office) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(office.root / "out" / "labels.db")) as store:
        found = store.execute("SELECT source, state FROM labels_writes ORDER BY started_at")
        return found.fetchall()


def write(office: Office, dump_id: str) -> str:
    return office("write-labels", "--dump-id", dump_id).figures["write_id"]


def failed(office: Office, sink: Sink, *command: object) -> str:
    """Run a command, twice, while nothing can be delivered; return what it said at first."""
    sink.fails()
    first, second = office(*command), office(*command)
    assert (first.status, second.status) == (2, 2)
    assert first.err.splitlines()[-1].endswith(second.err.splitlines()[-1])
    sink.works()
    return first.err


def test_an_undo_that_no_sink_got_is_taken_up_by_the_next(office: Office, sink: Sink) -> None:
    write_id = write(office, "monday")
    failed(office, sink, "undo", "--write", write_id)
    figures = office("undo", "--write", write_id).figures
    assert (figures["put_back"], figures["removed"], figures["left_as_newer"]) == (0, 2, 0)
    assert figures["sinks"] == {"sink": {"delivered": 2, "refused": 0}}
    assert sink.sent() == {"a": ["Pets", None], "b": ["Pets", None]}
    assert states(office) == [("model", "undone"), ("undo", "finished")]
    assert office("undo", "--write", write_id).figures["sinks"]["sink"]["delivered"] == 0


def test_what_changed_before_an_undo_is_taken_up_stays_in_the_sink(
    office: Office, sink: Sink
) -> None:
    write_id = write(office, "monday")
    failed(office, sink, "undo", "--write", write_id)
    office("labels", "--product", "a", "--label", "Games", "--person", "ann")
    figures = office("undo", "--write", write_id).figures
    assert figures["sinks"] == {"sink": {"delivered": 1, "refused": 0}}
    assert sink.sent() == {"a": ["Pets", "Games"], "b": ["Pets", None]}


def test_an_undo_is_made_beside_one_that_is_taken_up_where_labels_came_back(
    office: Office, sink: Sink
) -> None:
    """Undoing Tuesday brings Monday's label of `b` back, after Monday was undone in part."""
    monday, tuesday = write(office, "monday"), write(office, "tuesday")
    failed(office, sink, "undo", "--write", monday)
    assert office("undo", "--write", tuesday).figures["put_back"] == 1
    assert office("undo", "--write", monday).figures["removed"] == 1
    assert sink.sent() == {"a": ["Pets", None], "b": ["Pets", "Toys", "Pets", None]}
    assert "open" not in dict(map(reversed, states(office)))


def test_a_label_that_no_sink_got_is_delivered_when_it_is_set_again(
    office: Office, sink: Sink
) -> None:
    write(office, "monday")
    set_it = ("labels", "--product", "a", "--label", "Games", "--person", "ann")
    told = failed(office, sink, *set_it)
    assert "'Games' is set, but no other product has this label" in told
    changes = office(*set_it).figures["changes"]
    assert [change["new_label"] for change in changes] == ["Pets", "Games"]
    assert sink.sent() == {"a": ["Pets", "Games"], "b": ["Pets"]}
    assert states(office) == [("model", "finished"), ("person", "finished")]
