"""The DAGs load, and run whole through `dag.test()`, with real commands on real files."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from airflow_house import AIRFLOW, PRODUCTS, WALK, Airflow, Retrained, drop, stored

from airflow_dags.serve import HOME


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
        assert said["webhook"]
        assert set(said["retries"]) == {4}
        assert set(said["waits_grow_by"]) == {2.0}
    at_once = {name: said["runs_at_once"] for name, said in answer["dags"].items()}
    assert at_once == {"retrain": 1, "watch_inbox": 1, "backfill": 1, "score_dump": 3}


def test_the_files_that_are_copied_to_another_airflow_load_there_without_a_config(
    airflow: Airflow, tmp_path: Path
) -> None:
    for folder in ("airflow_dags", "configs"):
        shutil.copytree(HOME / folder, tmp_path / folder)
    (tmp_path / "pipelines").mkdir()
    for name in ("__init__.py", "storage.py", "inbox.py"):
        shutil.copy(HOME / "pipelines" / name, tmp_path / "pipelines")
    environment = {**airflow.environment, "PYTHONPATH": str(tmp_path), "AISLE_CONFIG": "none.yaml"}
    command = [AIRFLOW, WALK, "load"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["errors"] == {}
    assert len(answer["dags"]) == 4


def test_retrain_promotes_the_first_model(retrained: Retrained) -> None:
    airflow, answer, log = retrained
    assert answer["state"] == "success", answer
    assert answer["tasks"]["promote[-1]"] == "success"
    assert answer["tasks"]["keep[-1]"] == "skipped"
    champion = json.loads((airflow.prefix / "champion.json").read_text())["champion"]
    assert (airflow.prefix / "runs" / champion["run_id"] / "exports" / champion["model"]).is_dir()
    assert '"stage": "train"' in log
    assert f'"run": "{answer["run_id"]}"' in log


def test_score_dump_labels_a_dump_and_archives_it(
    undisturbed: tuple[Airflow, list[Any], str],
) -> None:
    airflow, labels, log = undisturbed
    assert '"dump_id": "monday.csv-' in log
    assert [row[0] for row in labels] == stored(airflow)[1] == sorted(dict(PRODUCTS))
    assert not (airflow.folder / "dropped" / "monday.csv").exists()
    assert len(list((airflow.prefix / "archive").glob("monday.csv-*/monday.csv"))) == 1


def test_a_deleted_champion_stops_scoring_with_one_line(retrained: Retrained) -> None:
    airflow, _, _ = retrained
    champion, aside = airflow.prefix / "champion.json", airflow.prefix / "aside.json"
    shutil.move(champion, aside)
    try:
        dump = drop(airflow.folder / "dropped" / "tuesday.csv", PRODUCTS)
        answer, log = airflow.run("score_dump", dump=str(dump))
        assert answer["state"] == "failed"
        assert "no model was promoted yet; run `aisle promote`" in log
        assert log.count(" -m aisle champion ") == 1  # what somebody must mend is not tried again
        assert dump.exists()
    finally:
        shutil.move(aside, champion)
