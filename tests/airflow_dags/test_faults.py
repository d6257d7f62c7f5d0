"""What goes wrong while a DAG runs: a dump that changes, a store that is down, no inbox, alerts.

`schedule.python` names a script that does the harm and then runs the real interpreter.
"""

from __future__ import annotations

import http.server
import json
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from airflow_house import Airflow
from test_dags import PRODUCTS, drop, stored

Retrained = tuple[Airflow, dict[str, Any], str]


def harmed(airflow: Airflow, folder: Path, shell: str, **schedule: object) -> Airflow:
    """Return the Airflow with a config whose interpreter is a script with `shell` before it."""
    script = folder / "python"
    script.write_text(f'#!/bin/bash\n{shell}\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    document = yaml.safe_load(airflow.config.read_text())
    document["schedule"] |= {"python": str(script), **schedule}
    document["store"] = {"url": f"sqlite:///{airflow.prefix}/labels.db?timeout=0.1"}
    config = folder / "harmed.yaml"
    config.write_text(yaml.safe_dump(document))
    return replace(airflow, config=config)


def test_a_dump_that_changes_while_it_is_read_is_quarantined_and_not_written(
    retrained: Retrained, tmp_path: Path
) -> None:
    dump = drop(tmp_path / "growing.csv", [("g1", "bath towel")])
    harm = f'[ "$3" = predict ] && echo "g2,watch" >> {dump}'
    airflow = harmed(retrained[0], tmp_path, harm)
    answer, _ = airflow.run("score_dump", dump=str(dump))
    assert answer["state"] == "success", answer
    assert answer["tasks"]["score.write_labels[0]"] == "skipped"
    (reason,) = (airflow.prefix / "quarantine").glob("growing.csv-*/reason.json")
    assert "it changed while it was read" in reason.read_text()


def test_a_store_that_is_locked_for_a_while_is_tried_again(
    retrained: Retrained, tmp_path: Path
) -> None:
    dump = drop(tmp_path / "patient.csv", [(f"patient-{name}", title) for name, title in PRODUCTS])
    lock = tmp_path / "lock.py"
    database = retrained[0].prefix / "labels.db"
    lock.write_text(
        "import sqlite3, subprocess, sys\n"
        f"held = sqlite3.connect({str(database)!r}, isolation_level=None)\n"
        "held.execute('BEGIN EXCLUSIVE')\n"
        "sys.exit(subprocess.run([sys.executable, *sys.argv[1:]]).returncode)\n"
    )
    once = tmp_path / "locked"
    harm = (
        f'[ "$3" = write-labels ] && [ ! -e {once} ] && touch {once} '
        f'&& exec {sys.executable} {lock} "$@"'
    )
    airflow = harmed(retrained[0], tmp_path, harm)
    answer, log = airflow.run("score_dump", dump=str(dump))
    assert answer["state"] == "success", answer
    assert "aisle write-labels: exit status 75" in log
    assert "locked" in log
    labels, _ = stored(airflow)
    assert len([row for row in labels if row[0].startswith("patient-")]) == len(PRODUCTS)


def test_a_missing_inbox_fails_the_watcher_with_one_line_and_posts_an_alert(
    airflow: Airflow, tmp_path: Path
) -> None:
    posted: list[dict[str, Any]] = []
    with _webhook(posted) as url:
        inbox = str(tmp_path / "none")
        harmed_one = harmed(airflow, tmp_path, "", inbox=inbox, webhook=url, retries=1)
        answer, log = harmed_one.run("watch_inbox")
    assert answer["state"] == "failed"
    assert f"inbox {inbox}: no such folder; make it, or set schedule.inbox" in log
    (alert,) = posted
    assert alert["event"] == "task failed"
    assert alert["task"] == "wait_for_a_dump"
    assert inbox in alert["reason"]


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
