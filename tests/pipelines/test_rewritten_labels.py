"""When a write is done: the same predictions and settings, and no label changed since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from label_writes import predict, product, query, sqlite_url, whole, write

from configs.stores import StoreSettings
from pipelines.label_diff import diff_labels
from pipelines.sinks.delivery import opened
from pipelines.sinks.doors import open_ledger
from pipelines.sinks.engine import parse_url
from pipelines.sinks.replay import dead_letters, replay
from pipelines.sinks.story import set_label, undo
from pipelines.write_labels import write_labels

IDS = [f"p{n}" for n in range(10)]


def labelled(folder: Path, label: str = "Pets") -> str:
    """Write predictions of ten products in two parts."""
    rows = [product(name, label, 0.5 + n / 20) for n, name in enumerate(IDS)]
    return predict(folder, rows[:6], rows[6:])


def take_back(store: Path, write_id: str) -> dict[str, Any]:
    with open_ledger(parse_url(sqlite_url(store)), StoreSettings()) as ledger:
        return undo(ledger, write_id)


def by_hand(store: Path, product_id: str, label: str) -> None:
    with open_ledger(parse_url(sqlite_url(store)), StoreSettings()) as ledger:
        set_label(ledger, product_id, label, "ann")


def held(store: Path) -> list[tuple[str, str]]:
    return query(store, "SELECT product_id, label FROM labels ORDER BY product_id")


def done(store: Path, folder: str, dump_id: str = "monday", **settings: Any) -> None:
    """Assert that a write has nothing left to do, as `aisle diff` says too."""
    before = whole(store)
    found = diff_labels(
        folder,
        store_url=sqlite_url(store),
        dump_id=dump_id,
        settings=StoreSettings(**settings),
    )
    assert (found["counts"]["inserted"], found["counts"]["changed"]) == (0, 0)
    figures = write(folder, sqlite_url(store), dump_id, **settings)
    assert figures["done_before"]
    assert (figures["inserted"], figures["changed"], figures["batches"]) == (0, 0, 0)
    assert whole(store) == before


def test_what_was_undone_is_written_again_even_after_a_forced_write(
    tmp_path: Path, store: Path
) -> None:
    folder, url = labelled(tmp_path / "p"), sqlite_url(store)
    first = write(folder, url)
    forced = write_labels(
        folder, store_url=url, dump_id="monday", settings=StoreSettings(), force=True
    )
    assert forced["unchanged"] == 10
    done(store, folder)
    assert take_back(store, first["write_id"])["removed"] == 10
    assert write(folder, url)["inserted"] == 10
    done(store, folder)


def test_what_was_undone_is_written_by_another_dump_that_says_the_same(
    tmp_path: Path, store: Path
) -> None:
    monday, tuesday = labelled(tmp_path / "1"), labelled(tmp_path / "2")
    first = write(monday, sqlite_url(store))
    assert write(tuesday, sqlite_url(store), "tuesday")["unchanged"] == 10
    done(store, monday)
    take_back(store, first["write_id"])
    assert write(tuesday, sqlite_url(store), "tuesday")["inserted"] == 10
    done(store, tuesday, "tuesday")


def test_predictions_made_as_before_are_written_over_those_that_came_between(
    tmp_path: Path, store: Path
) -> None:
    """As where the rules of the analysts are taken back."""
    plain, ruled = labelled(tmp_path / "plain"), labelled(tmp_path / "ruled", "Toys")
    for folder, expected in ((plain, "Pets"), (ruled, "Toys"), (plain, "Pets")):
        write(folder, sqlite_url(store))
        assert held(store) == [(name, expected) for name in IDS]
        done(store, folder)
    last = query(store, "SELECT write_id FROM labels_writes ORDER BY started_at DESC")[0][0]
    assert take_back(store, last)["put_back"] == 10
    assert held(store) == [(name, "Toys") for name in IDS]


def test_a_gate_that_is_opened_lets_through_what_it_held(tmp_path: Path, store: Path) -> None:
    folder, url = labelled(tmp_path / "p"), sqlite_url(store)
    gate = {"min_probability_others": 0.68}
    assert write(folder, url, gate=gate)["held"] == 4
    done(store, folder, gate=gate)
    assert write(folder, url)["inserted"] == 4
    done(store, folder)


def test_only_what_shapes_the_labels_makes_a_write_another(tmp_path: Path, store: Path) -> None:
    folder = labelled(tmp_path / "p")
    write(folder, sqlite_url(store), gate={"max_changed_share": 0.5})
    done(store, folder, batch_rows=3, lock_seconds=5)
    later = {"min_probability": {"*": 0.0, "Pets": 0.6}}
    assert write(folder, sqlite_url(store), gate=later)["held"] == 2
    turned = {"min_probability": {"Pets": 0.6, "*": 0.0}}
    assert write(folder, sqlite_url(store), gate=turned)["held"] == 0


def test_a_person_is_overwritten_where_that_is_wanted_and_only_there(
    tmp_path: Path, store: Path
) -> None:
    folder, url = labelled(tmp_path / "p"), sqlite_url(store)
    write(folder, url)
    by_hand(store, "p3", "Games")
    assert write(folder, url)["kept"] == 1
    done(store, folder)
    assert write(folder, url, overwrite_persons=True)["changed"] == 1
    assert dict(held(store))["p3"] == "Pets"
    done(store, folder, overwrite_persons=True)


def test_the_dump_that_is_written_last_holds(tmp_path: Path, store: Path) -> None:
    old, new = labelled(tmp_path / "1"), labelled(tmp_path / "2", "Toys")
    write(old, sqlite_url(store))
    write(new, sqlite_url(store), "tuesday")
    assert write(old, sqlite_url(store))["changed"] == 10
    done(store, old)


def sent(folder: Path) -> list[str]:
    return [line for file in folder.glob("labels-*") for line in file.open()]


def cut_off(folder: str, url: str, after: int, **settings: Any) -> None:
    """Write as one that is ended when so many rows are there."""

    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_labels(
            folder,
            store_url=url,
            dump_id="monday",
            settings=StoreSettings(batch_rows=after, **settings),
            on_progress=stop,
        )


def test_a_write_that_was_cut_off_is_taken_up_where_it_was(tmp_path: Path, store: Path) -> None:
    folder, url = labelled(tmp_path / "p"), sqlite_url(store)
    cut_off(folder, url, 3)
    figures = write(folder, url)
    assert (figures["inserted"], figures["unchanged"], figures["batches"]) == (10, 0, 4)
    assert query(store, "SELECT count(*) FROM labels_writes") == [(1,)]


def test_a_write_that_was_cut_off_and_overtaken_ends_whole(tmp_path: Path, store: Path) -> None:
    """Its sinks get what it had changed before, then the rest, each once."""
    folder, url = labelled(tmp_path / "p"), sqlite_url(store)
    sinks = [{"url": f"file://{tmp_path}/out", "format": "jsonl"}]
    cut_off(folder, url, 3, sinks=sinks)
    other = predict(tmp_path / "o", [product("p1", "Toys")])
    write(other, url, "other", sinks=sinks)
    assert write(folder, url, sinks=sinks)["inserted"] == 7
    assert held(store) == [(name, "Pets") for name in IDS]
    done(store, folder, sinks=sinks)
    assert query(store, "SELECT count(*) FROM label_history") == [(12,)]
    assert len(sent(tmp_path / "out")) == 12


def test_a_cut_off_write_under_other_settings_leaves_nothing_undelivered(
    tmp_path: Path, store: Path
) -> None:
    folder, url = labelled(tmp_path / "p"), sqlite_url(store)
    sinks = [{"url": f"file://{tmp_path}/out", "format": "jsonl"}]
    cut_off(folder, url, 3, sinks=sinks, gate={"untouchable": ["Toys"]})
    write(folder, url, sinks=sinks)
    assert len(sent(tmp_path / "out")) == 10
    assert query(store, "SELECT state FROM labels_writes ORDER BY started_at") == [
        ("superseded",),
        ("finished",),
    ]


def test_a_new_sink_of_a_finished_write_is_fed_and_that_is_not_nothing(
    tmp_path: Path, store: Path
) -> None:
    folder, url = labelled(tmp_path / "p"), sqlite_url(store)
    write(folder, url)
    sinks = [{"url": f"file://{tmp_path}/out", "name": "out"}]
    figures = write(folder, url, sinks=sinks)
    assert (figures["unchanged"], figures["sinks"]["out"]["delivered"]) == (10, 10)
    assert not figures["done_before"]
    done(store, folder, sinks=sinks)


def test_what_was_replayed_is_refused_no_more(tmp_path: Path, store: Path) -> None:
    """In the store, by a unique index that goes; the sinks get those rows too."""
    url = sqlite_url(store)
    write(predict(tmp_path / "0", [product("old", title_hash="1")]), url)
    query(store, "CREATE UNIQUE INDEX one_title ON labels (title_hash)")
    folder = predict(tmp_path / "1", [product(f"n{n}", title_hash=f"{n}") for n in range(4)])
    sinks = [{"url": f"file://{tmp_path}/out", "name": "out", "format": "jsonl"}]
    assert write(folder, url, "tuesday", sinks=sinks)["refused"] == 1
    query(store, "DROP INDEX one_title")
    settings = StoreSettings.model_validate({"sinks": sinks})
    with open_ledger(parse_url(url), settings) as ledger, opened(settings.all_sinks) as open_sinks:
        assert len(dead_letters(ledger)) == 1
        assert replay(ledger, open_sinks) == {"replayed": 1, "overtaken": 0, "left": 0}
    assert len(sent(tmp_path / "out")) == 4
    figures = write(folder, url, "tuesday", sinks=sinks)
    assert (figures["predictions"], figures["refused"], figures["unchanged"]) == (4, 0, 4)
    assert figures["sinks"]["out"] == {"delivered": 4, "refused": 0}
