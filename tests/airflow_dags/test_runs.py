"""Whole runs by `dag.test()`; those of the real scheduler are in `test_scheduler.py`."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import threading
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path
from typing import Any

from airflow_house import PRODUCTS, Airflow, Retrained, drop, harmed, stored
from full_disks import fill


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


def test_a_full_disk_stops_the_run_with_one_line_and_keeps_the_dump(
    retrained: Retrained, small_disk: Path, tmp_path: Path
) -> None:
    house = replace(retrained[0], prefix=small_disk / "aisle")
    champion = json.loads((retrained[0].prefix / "champion.json").read_text())["champion"]
    export = f"runs/{champion['run_id']}/exports/{champion['model']}"
    shutil.copytree(retrained[0].prefix / export, house.prefix / export)
    shutil.copy(retrained[0].prefix / "champion.json", house.prefix)
    dump = drop(tmp_path / "late.csv", PRODUCTS)
    fill(small_disk)
    answer, log = house.run("score_dump", dump=str(dump))
    assert answer["state"] == "failed"
    assert answer["tasks"]["score.predict[0]"] == "failed"
    assert f"{os.strerror(ENOSPC)}; free some space or choose another --prefix" in log
    assert log.count(" -m aisle predict ") == 1
    assert dump.exists()


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
