"""The DAGs load, and each runs whole through `dag.test()`, with real commands on real files."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import yaml
from airflow_house import Airflow

PRODUCTS = [("w1", "Acme leather strap watch"), ("t1", "cotton bath towel set"), ("b1", "bed rail")]


def drop(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["id,title", *(",".join(row) for row in rows), ""]))
    return path


def stored(airflow: Airflow) -> tuple[list[Any], int]:
    """Return the labels, and how many changes the history has."""
    with contextlib.closing(sqlite3.connect(airflow.prefix / "labels.db")) as connection:
        labels = connection.execute("SELECT product_id, label, probability FROM labels").fetchall()
        changes = connection.execute("SELECT count(*) FROM label_history").fetchone()[0]
    return sorted(labels), changes


def test_every_dag_loads_in_under_a_second_and_says_whose_it_is(airflow: Airflow) -> None:
    answer, _ = airflow.walk("load")
    assert answer["errors"] == {}
    assert set(answer["dags"]) == {"retrain", "score_dump", "watch_inbox", "backfill"}
    assert all(seconds < 1 for seconds in answer["seconds"].values()), answer["seconds"]
    assert answer["heavy"] == []
    for said in answer["dags"].values():
        assert said["owner"] == ["aisle"]
        assert said["tags"] == ["aisle"]
        assert said["doc"]
        assert said["timeouts"]
        assert set(said["retries"]) == {4}


def test_retrain_promotes_the_first_model(retrained: tuple[Airflow, dict[str, Any], str]) -> None:
    airflow, answer, log = retrained
    assert answer["state"] == "success", answer
    assert answer["tasks"]["promote[-1]"] == "success"
    assert answer["tasks"]["keep[-1]"] == "skipped"
    champion = json.loads((airflow.prefix / "champion.json").read_text())["champion"]
    assert (airflow.prefix / "runs" / champion["run_id"] / "exports" / champion["model"]).is_dir()
    assert '"stage": "train"' in log


def test_score_dump_labels_a_dump_once(retrained: tuple[Airflow, dict[str, Any], str]) -> None:
    airflow, _, _ = retrained
    dump = drop(airflow.folder / "dropped" / "monday.csv", PRODUCTS)
    answer, _ = airflow.run("score_dump", dump=str(dump))
    assert answer["state"] == "success", answer
    labels, changes = stored(airflow)
    assert [row[0] for row in labels if row[0] in dict(PRODUCTS)] == ["b1", "t1", "w1"]
    assert not dump.exists()
    assert list((airflow.prefix / "archive").glob("monday.csv-*/monday.csv"))

    again = drop(airflow.folder / "dropped" / "monday.csv", PRODUCTS)
    answer, _ = airflow.run("score_dump", dump=str(again))
    assert answer["state"] == "success", answer
    assert stored(airflow) == (labels, changes)


def test_a_bad_dump_is_quarantined_with_its_reason(
    retrained: tuple[Airflow, dict[str, Any], str],
) -> None:
    airflow, _, _ = retrained
    bad = airflow.folder / "dropped" / "bad.csv"
    bad.parent.mkdir(exist_ok=True)
    bad.write_text("name,price\nwatch,3\n")
    answer, log = airflow.run("score_dump", dump=str(bad))
    assert answer["state"] == "success", answer
    assert answer["tasks"]["score.predict[0]"] == "skipped"
    (reason,) = (airflow.prefix / "quarantine").glob("bad.csv-*/reason.json")
    assert "no column" in json.loads(reason.read_text())["reason"]
    assert not bad.exists()
    assert "dump quarantined" in log


def test_a_missing_config_stops_the_run_with_one_line_and_no_further_try(
    retrained: tuple[Airflow, dict[str, Any], str],
) -> None:
    airflow, _, _ = retrained
    answer, log = airflow.run("retrain", config="/no/such.yaml")
    assert answer["state"] == "failed"
    assert answer["tasks"]["check_input[-1]"] == "failed"
    assert "config /no/such.yaml: cannot be read" in log
    assert "try_number=2" not in log


def test_a_deleted_champion_stops_scoring_with_one_line(
    retrained: tuple[Airflow, dict[str, Any], str],
) -> None:
    airflow, _, _ = retrained
    champion, aside = airflow.prefix / "champion.json", airflow.prefix / "aside.json"
    shutil.move(champion, aside)
    try:
        dump = drop(airflow.folder / "dropped" / "tuesday.csv", PRODUCTS)
        answer, log = airflow.run("score_dump", dump=str(dump))
        assert answer["state"] == "failed"
        assert "no model was promoted yet; run `aisle promote`" in log
        assert log.count("running ") == 1  # what somebody must mend is not tried again
        assert dump.exists()
    finally:
        shutil.move(aside, champion)


def test_a_gate_that_stays_shut_keeps_the_champion_and_the_run_succeeds(
    retrained: tuple[Airflow, dict[str, Any], str], tmp_path: Path
) -> None:
    airflow, _, _ = retrained
    before = (airflow.prefix / "champion.json").read_bytes()
    document = yaml.safe_load(airflow.config.read_text())
    # one step over few titles: worse than what the champion learned
    document["models"]["bag_of_ngrams"] |= {"epochs": 1, "learning_rate": 1e-6}
    document["models"]["bag_of_ngrams"] |= {"dense_learning_rate": 1e-6}
    config = tmp_path / "worse.yaml"
    config.write_text(yaml.safe_dump(document))
    answer, log = airflow.run("retrain", config=str(config))
    assert answer["state"] == "success", answer
    assert answer["tasks"]["keep[-1]"] == "success"
    assert answer["tasks"]["promote[-1]"] == "skipped"
    assert (airflow.prefix / "champion.json").read_bytes() == before
    assert "the gate stays shut: accuracy is" in log
    assert "(promotion.max_drop)" in log


def test_backfill_labels_all_products_in_chunks(
    retrained: tuple[Airflow, dict[str, Any], str], tmp_path: Path
) -> None:
    airflow, _, _ = retrained
    products = drop(tmp_path / "products.csv", [(f"all-{key}", title) for key, title in PRODUCTS])
    document = yaml.safe_load(airflow.config.read_text())
    document["schedule"]["chunk_rows"] = 2
    config = tmp_path / "chunks.yaml"
    config.write_text(yaml.safe_dump(document))
    answer, _ = airflow.run("backfill", products=str(products), config=str(config))
    assert answer["state"] == "success", answer
    assert answer["tasks"]["label.write_labels[1]"] == "success"
    labels, _ = stored(airflow)
    assert len([row for row in labels if row[0].startswith("all-")]) == len(PRODUCTS)
