"""Whole runs by the real scheduler, started as `make airflow` starts it.

One start for all: ten good dumps and a bad one lie in the inbox. While the first is being labelled
everything is killed (SIGKILL) and started again; then runs are started by hand, which go wrong in
one way each. The last test presses Ctrl-C.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow_house import PRODUCTS, Airflow, drop, harmed, stored
from busy_house import NAMES, Run, dump_runs, named
from served_house import Served, until
from servers import PASSWORD, Postgres

pytestmark = pytest.mark.system


def test_what_is_typed_wrong_is_refused_before_a_run_starts(served: Served) -> None:
    for conf, word in (
        ({"rows": 0}, "rows"),
        ({"models": ["forest"]}, "forest"),
        ({"runner": ["FnApiRunner"]}, "runner"),
    ):
        status, answer = served.answer("retrain", conf)
        assert status == 400
        assert word in answer["detail"]


def test_a_missing_config_stops_the_run_with_one_line_and_no_further_try(
    served: Served, runs: dict[str, Run]
) -> None:
    assert served.ended(runs["no config"]) == "failed"
    assert served.tasks(runs["no config"])["check_input[-1]"] == ("failed", 1)
    assert "config /no/such.yaml: cannot be read" in served.log(runs["no config"])


def test_a_missing_interpreter_stops_the_run_with_one_line_and_no_further_try(
    served: Served, runs: dict[str, Run]
) -> None:
    assert served.ended(runs["no python"]) == "failed"
    assert served.tasks(runs["no python"])["preprocess[-1]"] == ("failed", 1)
    assert "schedule.python /no/such/python: No such file" in served.log(runs["no python"])


def test_a_store_that_is_down_is_tried_again_until_it_is_up(
    served: Served, runs: dict[str, Run], shop_database: Postgres, tmp_path: Path
) -> None:
    dump, task = drop(tmp_path / "patient.csv", named("patient")), "score.diff[0]"
    config = harmed(served.house, tmp_path, store={"url": shop_database.url})
    run = served.trigger("score_dump", dump=str(dump), config=str(config))
    until(lambda: served.tasks(run).get(task, ("", 0))[1] > 1, served.house, "second try")
    shop_database.start()
    assert served.ended(run) == "success"
    log = served.log(run)
    assert "aisle diff: exit status 75" in log
    assert PASSWORD not in log
    with psycopg.connect(shop_database.dsn) as connection:
        found = connection.execute("SELECT product_id FROM label_history").fetchall()
    assert sorted(name for (name,) in found) == sorted(dict(named("patient")))


def test_killed_in_the_middle_ten_dumps_are_scored_each_once_as_if_undisturbed(
    served: Served, runs: dict[str, Run], undisturbed: tuple[Airflow, list[Any], str]
) -> None:
    house, expected = served.house, undisturbed[1]
    every = len(NAMES) + 1  # the bad one too
    until(lambda: [s for _, s in dump_runs(house)] == ["success"] * every, house, "ended runs")
    for name in NAMES:
        labels, changes = stored(house, f"{name}-")
        assert labels == [(f"{name}-{key}", *rest) for key, *rest in expected]
        assert changes == [row[0] for row in labels]
    archived = (house.prefix / "archive").glob("night*/night*.csv")
    assert sorted(path.stem for path in archived) == NAMES

    again = drop(house.prefix / "inbox" / "night3.csv", named("night3"))
    until(lambda: not again.exists(), house, "taking of the same dump once more")
    assert len(dump_runs(house)) == every
    assert stored(house, "night3-")[1] == sorted(dict(named("night3")))


def test_a_bad_dump_is_quarantined_with_its_reason(served: Served, runs: dict[str, Run]) -> None:
    house = served.house
    (reason,) = until(
        lambda: list((house.prefix / "quarantine").glob("bad.csv-*/reason.json")), house, "reason"
    )
    assert "no column" in json.loads(reason.read_text())["reason"]
    assert reason.with_name("bad.csv").read_text().startswith("name,price")


def test_a_promoted_model_labels_all_products_anew_in_chunks(
    served: Served, runs: dict[str, Run]
) -> None:
    sql = "SELECT dag_id, run_id FROM dag_run WHERE dag_id = 'backfill'"
    (run,) = until(lambda: served.query(sql), served.house, "run of backfill")
    assert run[1].startswith("asset_triggered__")
    assert served.ended(run) == "success"
    assert served.tasks(run)["label.write_labels[1]"][0] == "success"
    assert [name for name, *_ in stored(served.house, "all-")[0]] == sorted(dict(named("all")))


def test_a_dump_that_changes_while_it_is_read_is_quarantined_and_not_written(
    served: Served, runs: dict[str, Run]
) -> None:
    assert served.ended(runs["growing"]) == "success"
    assert served.tasks(runs["growing"])["score.write_labels[0]"][0] == "skipped"
    (reason,) = (served.house.prefix / "quarantine").glob("growing.csv-*/reason.json")
    assert "it changed while it was read" in reason.read_text()
    assert "dump quarantined" in served.log(runs["growing"])
    assert stored(served.house, "growing-") == ([], [])


def test_a_gate_that_stays_shut_keeps_the_champion_and_the_run_succeeds(
    served: Served, runs: dict[str, Run], undisturbed: tuple[Airflow, list[Any], str]
) -> None:
    run, champion = runs["worse"], Path("champion.json")
    assert served.ended(run) == "success"
    tasks = served.tasks(run)
    assert tasks["each_model.train[0]"][0] == tasks["each_model.train[1]"][0] == "success"
    assert (tasks["keep[-1]"][0], tasks["promote[-1]"][0]) == ("success", "skipped")
    before = (undisturbed[0].prefix / champion).read_bytes()
    assert (served.house.prefix / champion).read_bytes() == before
    log = served.log(run)
    assert "the gate stays shut: accuracy is" in log
    assert "(promotion.max_drop)" in log
    assert '\\"records\\": 240' in log or '"records": 240' in log


def test_an_event_of_the_inbox_asset_names_a_dump(served: Served, runs: dict[str, Run]) -> None:
    sql = "SELECT dag_id, run_id FROM dag_run WHERE dag_id = 'score_dump' AND run_id LIKE 'asset%'"
    (run,) = until(lambda: served.query(sql), served.house, "run of score_dump")
    assert served.ended(run) == "success"
    assert len(stored(served.house, "told-")[0]) == len(PRODUCTS)


def test_it_says_where_it_is_and_ctrl_c_ends_all_of_it(
    served: Served, runs: dict[str, Run]
) -> None:
    for run in runs.values():
        served.ended(run)
    assert served.words[0] == f"Airflow:   http://localhost:{served.house.port}\n"
    assert served.words[2].startswith("password:  ")
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(300) == 0
    assert served.processes() == []
