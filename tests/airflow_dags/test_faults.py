"""What goes wrong: no inbox, alerts, a full disk. (What the scheduler meets: test_scheduler.py.)"""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest
from airflow_house import PRODUCTS, Airflow, Retrained, drop, harmed


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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB of its own; it is unmounted at the end."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "aisle-test", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no full disk can be made here: {error}")
    if done.returncode:
        pytest.skip(f"no full disk can be made here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_stops_the_run_with_one_line_and_keeps_the_dump(
    retrained: Retrained, small_disk: Path, tmp_path: Path
) -> None:
    house = replace(retrained[0], prefix=small_disk / "aisle")
    champion = json.loads((retrained[0].prefix / "champion.json").read_text())["champion"]
    export = f"runs/{champion['run_id']}/exports/{champion['model']}"
    shutil.copytree(retrained[0].prefix / export, house.prefix / export)
    shutil.copy(retrained[0].prefix / "champion.json", house.prefix)
    dump = drop(tmp_path / "late.csv", PRODUCTS)
    _fill(small_disk)
    answer, log = house.run("score_dump", dump=str(dump))
    assert answer["state"] == "failed"
    assert answer["tasks"]["score.predict[0]"] == "failed"
    assert f"{os.strerror(ENOSPC)}; free some space or choose another --prefix" in log
    assert log.count(" -m aisle predict ") == 1
    assert dump.exists()


def _fill(disk: Path) -> None:
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError as error:
            assert error.errno == ENOSPC  # noqa: PT017  what fills the disk, not what is tested
