"""The label store on a real PostgreSQL: what it holds, refuses, and takes back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import servers
import sqlalchemy as sa
from label_writes import predict, product, sqlite_url, write
from shelf import Shelf, many, opened, oracle

from configs.errors import PassingFault, UsageError
from pipelines.sinks.ledger import Ledger
from pipelines.sinks.replay import dead_letters, replay
from pipelines.sinks.story import set_label, story_of, undo

INJECTION = "'; DROP TABLE labels; --"
HUGE = "x" * (8 << 20)


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
        assert replay(ledger, []) == {"replayed": 0, "overtaken": 0, "left": 3}
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
        assert replay(ledger, []) == {"replayed": 11, "overtaken": 0, "left": 0}
        assert dead_letters(ledger) == []
        assert replay(ledger, []) == {"replayed": 0, "overtaken": 0, "left": 0}
    assert shelf.rows("labels") == shelf.rows("label_history") == 101
    assert undone(shelf, figures["write_id"]) == {"removed": 100, "put_back": 0}


def undone(shelf: Shelf, write_id: str) -> dict[str, int]:
    with opened(shelf.url) as ledger:
        figures = undo(ledger, write_id)
    assert figures["left_as_newer"] == 0
    return {name: figures[name] for name in ("removed", "put_back")}


def test_what_no_waiting_mends_is_refused_for_good(tmp_path: Path, shelf: Shelf) -> None:
    """And nothing is made beside a table of another program."""
    folder = predict(tmp_path / "1", [product("a")])
    shelf.query("CREATE TABLE labels (shelf text)")
    for url, words in (
        (shelf.url.replace(servers.PASSWORD, "wrong"), "correct the user or the password"),
        (shelf.url.replace(shelf.name, "nosuch"), "make it, or correct store.url"),
        (shelf.url.replace("shop:", "nobody:"), "correct the user or the password"),
        (shelf.url, "the table labels is another program's, as it has no column product_id"),
    ):
        with pytest.raises(UsageError, match=words) as refusal:
            write(folder, url)
        assert not isinstance(refusal.value, PassingFault)
        assert "\n" not in str(refusal.value)
        assert servers.PASSWORD not in str(refusal.value)
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    assert shelf.query(tables) == [("labels",)]


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
