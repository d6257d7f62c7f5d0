"""What the label commands read, and what they say where there is nothing to read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import servers
from chain import aisle, one_line
from test_label_commands import MONDAY, TUESDAY, Office

from configs.stores import StoreSettings
from pipelines.stored_margins import last_change, read_margins

NOBODY = 65534


@contextmanager
def as_nobody() -> Iterator[None]:
    """Go on as a user whom permissions hold; root is held by none."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def office() -> Iterator[Office]:
    """An office that others can look into."""
    with servers.reachable_folder() as folder:
        office = Office(folder)
        office.predict("monday", MONDAY)
        office.predict("tuesday", TUESDAY)
        yield office


@pytest.mark.parametrize("writable", ["nothing", "the folder"])
def test_a_store_that_cannot_be_written_is_read(
    office: Office, tmp_path: Path, writable: str
) -> None:
    assert office("write-labels", "--dump-id", "monday").status == 0
    store, pages = office.root / "out" / "labels.db", office.root / "pages"
    pages.mkdir(mode=0o777)
    pages.chmod(0o777)
    store.chmod(0o444)
    store.parent.chmod(0o777 if writable == "the folder" else 0o555)
    before = sorted(store.parent.iterdir())
    with as_nobody():
        told = office("labels", "--product", "p1")
        compared = office("diff", "--dump-id", "tuesday", "--output", pages)
        judged = office("gate", "--dump-id", "tuesday")
        letters = office("dead-letters")
        margins = list(read_margins(f"sqlite:///{store}", StoreSettings()))
        newest = last_change(f"sqlite:///{store}", StoreSettings())
        refused = office("write-labels", "--dump-id", "tuesday")
    assert told.figures["label"]["label"] == "Pets", told.err
    assert compared.figures["counts"]["changed"] == 4
    assert judged.status == 0
    assert letters.figures["dead_letters"] == 0
    assert (len(margins), newest[0]) == (10, "10")
    one_line(refused, "writable")
    assert sorted(store.parent.iterdir()) == before
    store.parent.chmod(0o755)


def test_a_store_is_read_while_another_writes(office: Office) -> None:
    assert office("write-labels", "--dump-id", "monday").status == 0
    with closing(sqlite3.connect(office.root / "out" / "labels.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM labels")
        assert office("labels", "--product", "p1").figures["label"]["label"] == "Pets"
        assert office("gate", "--dump-id", "tuesday").figures["counts"]["changed"] == 4


def test_a_store_of_an_older_aisle_is_read(office: Office) -> None:
    assert office("write-labels", "--dump-id", "monday").status == 0
    with closing(sqlite3.connect(office.root / "out" / "labels.db")) as store:
        store.execute("ALTER TABLE labels DROP COLUMN rule")
        store.execute("ALTER TABLE label_history DROP COLUMN taxonomy_version")
    assert office("labels", "--product", "p1").figures["label"]["label"] == "Pets"
    assert office("diff", "--dump-id", "monday").figures["counts"]["unchanged"] == 10


def test_reading_makes_no_store_and_says_that_there_is_none(office: Office) -> None:
    typo, missing = office.root / "typo", "there is no label store"
    for command in (
        ["labels", "--product", "1"],
        ["undo", "--write", "1"],
        ["dead-letters"],
        ["dead-letters", "--replay"],
    ):
        own = ["--config", office.root / "c.yaml", "--prefix", typo]
        one_line(aisle(*command, *own), missing, f"sqlite:///{typo}/labels.db", "--prefix")
    assert not typo.exists()
    figures = office("diff", "--dump-id", "monday").figures
    assert (figures["counts"]["inserted"], figures["gate"]) == (10, "passes")
    assert figures["store"] == f"sqlite:///{office.root}/out/labels.db"
    assert office("gate", "--dump-id", "monday").status == 0
    assert not (office.root / "out" / "labels.db").exists()


def test_an_empty_database_is_no_store_and_stays_empty(office: Office) -> None:
    store = office.root / "empty.db"
    store.touch()
    options = ["--store", f"sqlite:///{store}"]
    one_line(office("labels", "--product", "1", *options), "there is no label store")
    counts = office("diff", "--dump-id", "monday", *options).figures["counts"]
    assert (counts["inserted"], store.stat().st_size) == (10, 0)


def test_dead_letters_are_shown_with_product_and_reason(office: Office) -> None:
    assert office("write-labels", "--dump-id", "monday").status == 0
    with closing(sqlite3.connect(office.root / "out" / "labels.db")) as store:
        store.execute("CREATE UNIQUE INDEX one_hash ON labels (title_hash) WHERE label = 'Toys'")
    said = office("write-labels", "--dump-id", "tuesday")
    assert said.figures["refused"] == 3
    shown = office("dead-letters", "--write", said.figures["write_id"])
    assert [letter["product_id"] for letter in shown.figures["letters"]] == ["p1", "p2", "p3"]
    table = shown.out[: shown.out.rindex("{")]
    for word in ("p1", "p3", "UNIQUE constraint"):
        assert word in table
    one_line(office("dead-letters", "--write", "NOSUCH"), "knows no write 'NOSUCH'")
    one_line(office("dead-letters", "--replay", "--write", "NOSUCH"), "knows no write 'NOSUCH'")
