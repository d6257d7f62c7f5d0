"""The DAGs load wherever they are copied to; what they wait for and whom they tell."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from airflow_house import AIRFLOW, WALK, Airflow, harmed

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
    for name in ("__init__", "storage", "cloud_storage", "listing", "fingerprints", "inbox"):
        shutil.copy(HOME / "pipelines" / f"{name}.py", tmp_path / "pipelines")
    environment = {**airflow.environment, "PYTHONPATH": str(tmp_path), "AISLE_CONFIG": "none.yaml"}
    command = [AIRFLOW, WALK, "load"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["errors"] == {}
    assert len(answer["dags"]) == 4


def test_a_missing_inbox_fails_the_watcher_with_one_line_and_posts_an_alert(
    airflow: Airflow, tmp_path: Path
) -> None:
    posted: list[dict[str, Any]] = []
    inbox = str(tmp_path / "none")
    with _webhook(posted) as url:
        told = {"inbox": inbox, "webhook": url, "retries": 1}
        config = harmed(airflow, tmp_path, schedule=told)
        answer, log = replace(airflow, config=config).run("watch_inbox")
    assert answer["state"] == "failed"
    assert f"inbox {inbox}: no such folder; make it, or set schedule.inbox" in log
    (alert,) = posted
    assert alert["event"] == "task failed"
    assert alert["task"] == "wait_for_a_dump"
    assert inbox in alert["reason"]
    assert "alert: " in log
    assert url not in log  # what a webhook is called by is a secret


class _webhook:
    """A web server that keeps the JSON posted to it."""

    def __init__(self, posted: list[dict[str, Any]]) -> None:
        class Keep(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *words: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keep)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}/alerts"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
