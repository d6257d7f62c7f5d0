"""The DAGs load wherever they are copied to, and say whose they are."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from airflow_house import AIRFLOW, WALK, Airflow

from airflow_dags.serve import HOME


def test_every_dag_loads_in_under_a_second_and_says_whose_it_is(airflow_alone: Airflow) -> None:
    answer, _ = airflow_alone.walk("load")
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
    airflow_alone: Airflow, tmp_path: Path
) -> None:
    for folder in ("airflow_dags", "configs"):
        shutil.copytree(HOME / folder, tmp_path / folder)
    (tmp_path / "pipelines").mkdir()
    for name in ("__init__", "storage", "cloud_storage", "listing", "fingerprints", "inbox"):
        shutil.copy(HOME / "pipelines" / f"{name}.py", tmp_path / "pipelines")
    environment = {
        **airflow_alone.environment,
        "PYTHONPATH": str(tmp_path),
        "AISLE_CONFIG": "none.yaml",
    }
    command = [AIRFLOW, WALK, "load"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["errors"] == {}
    assert len(answer["dags"]) == 4
