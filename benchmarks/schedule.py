"""What Airflow adds: a run of the DAG `retrain` beside the same commands, one after another.

First the commands alone, each timed as a whole process, make and promote a model. Then a whole
Airflow is started as `make airflow` does, and its DAG learns from the same files anew. The model
that it makes meets a champion; so `compare` and `promote` are timed alone afterwards, on what the
DAG made, with the first champion back in its place. Needs .venv-airflow (`make airflow`).
Example: .venv/bin/python benchmarks/schedule.py --input DIR --json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import yaml

from benchmarks.command import (
    RUN_ID,
    aisle,
    check,
    finish,
    make_parser,
    print_json,
    scratch_folder,
    show,
    take_rows,
)
from benchmarks.measure import ROOT, RunFailed, last_json
from configs.errors import UsageError

AIRFLOW = Path(os.environ.get("AISLE_AIRFLOW_PYTHON") or ROOT / ".venv-airflow/bin/python")
STAGES = ("preprocess", "train", "evaluate", "compare", "promote")
LONGEST_START_SECONDS = 180
Seconds = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    args = make_parser(__doc__).parse_args(arguments)
    check(args)
    if not AIRFLOW.exists():
        raise UsageError(f"{AIRFLOW}: no such file; run `make .venv-airflow/.installed` first")
    with scratch_folder(args) as folder:
        source, rows = take_rows(args.input, args.rows, folder / "cut")
        config = _own_config(args.config, folder / "config.yaml")
        prefix = folder / "home" / "aisle"
        alone = first_champion(config, prefix, source)
        with serving(folder / "home", config) as page:
            run = page.run("retrain", {"input": str(source)})
        alone |= against_champion(config, prefix)
    figures = {"records": rows, **summarise(alone, run)}
    _show(figures, args)
    return 0


def first_champion(config: Path, prefix: Path, source: Path) -> Seconds:
    """Make a model and promote it; return the seconds of the stages up to its evaluation."""
    made, figures = {}, {}
    for stage in STAGES[:3]:
        options = ["--input", str(source)] if stage == "preprocess" else []
        made[stage], figures[stage] = timed(aisle(stage, config, prefix, *options))
    promote(config, prefix, figures["train"]["model"])
    return made


def against_champion(config: Path, prefix: Path) -> Seconds:
    """Put the first champion back, and let the DAG's model meet it again by the commands alone."""
    (run_id,) = [folder.name for folder in (prefix / "runs").iterdir() if folder.name != RUN_ID]
    model = next((prefix / "runs" / run_id / "exports").iterdir()).name
    timed(_prefix_only("rollback", prefix))
    compare = aisle("compare", config, prefix, "--model", model, run_id=run_id)
    seconds, _ = timed(compare)
    return {"compare": seconds, "promote": promote(config, prefix, model, run_id)}


def promote(config: Path, prefix: Path, model: str, run_id: str = RUN_ID) -> float:
    return timed([*_prefix_only("promote", prefix), "--run-id", run_id, "--model", model])[0]


def _prefix_only(command: str, prefix: Path) -> list[str]:
    return [sys.executable, "-m", "aisle", command, "--prefix", str(prefix), "--json"]


def timed(words: Sequence[str]) -> tuple[float, dict[str, Any]]:
    """Run a command; return the seconds of the whole process, and its figures."""
    began = time.perf_counter()
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RunFailed(f"{' '.join(words)} ended with status {done.returncode}:\n{done.stderr}")
    return seconds, last_json(done.stdout)


class Page:
    """Speaks to Airflow's API server as its user."""

    def __init__(self, address: str, password: str) -> None:
        self._address, self._token = address, ""
        said = {"username": "admin", "password": password}
        self._token = self._ask("/auth/token", said)["access_token"]
        last = time.monotonic() + LONGEST_START_SECONDS
        while not self._is_up():  # what is measured is a run, not the start of Airflow
            if time.monotonic() > last:
                raise RunFailed(f"Airflow is not up after {LONGEST_START_SECONDS} s")
            time.sleep(1)

    def run(self, dag_id: str, conf: dict[str, Any]) -> dict[str, Any]:
        """Run a DAG to its end; return what is said of the run, and of each task in `tasks`."""
        runs = f"/api/v2/dags/{dag_id}/dagRuns"
        run = self._wait_for_dag(runs, {"logical_date": None, "conf": conf})
        own = f"{runs}/{run['dag_run_id']}"
        while run["state"] not in ("success", "failed"):
            time.sleep(1)
            run = self._ask(own)
        tasks = self._ask(f"{own}/taskInstances")["task_instances"]
        if run["state"] == "failed":
            raise RunFailed(f"{dag_id} failed: {[t['task_id'] for t in tasks if t['end_date']]}")
        return {**run, "tasks": tasks}

    def _is_up(self) -> bool:
        """Tell whether all parts are up, and a first task has run."""
        health = self._ask("/api/v2/monitor/health")
        parts = ("scheduler", "triggerer", "dag_processor")
        watched = self._ask("/api/v2/dags/~/dagRuns/~/taskInstances?state=deferred")
        return all(health[part]["status"] == "healthy" for part in parts) and bool(
            watched["total_entries"]
        )

    def _wait_for_dag(self, runs: str, body: dict[str, Any]) -> dict[str, Any]:
        """Start a run, as soon as the DAG was parsed."""
        while True:
            try:
                return self._ask(runs, body)
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise RunFailed(error.read().decode()) from error
                time.sleep(1)

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(self._address + path, data, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
            return found


@contextlib.contextmanager
def serving(home: Path, config: Path) -> Iterator[Page]:
    """Start a whole Airflow that lives in `home`; end all of it."""
    (home / "aisle").mkdir(parents=True, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(AIRFLOW), "-m", "airflow_dags.serve", "--folder", str(home)]
    words += ["--config", str(config), "--port", str(port), "--titles", "0"]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(3)]
        if not said[2]:
            raise RunFailed(f"Airflow did not start; see {home / 'airflow.log'}")
        yield Page(f"http://127.0.0.1:{port}", said[2].split()[1])
    finally:
        process.terminate()
        process.wait()


def summarise(alone: Seconds, run: dict[str, Any]) -> dict[str, Any]:
    """Lay the commands' seconds beside those of the DAG's tasks and of the whole run."""
    tasks = {task["task_id"].split(".")[-1]: task["duration"] or 0.0 for task in run["tasks"]}
    began, ended = (datetime.fromisoformat(run[f"{end}_date"]) for end in ("start", "end"))
    whole, stages = (ended - began).total_seconds(), sum(alone.values())
    return {
        "alone": {name: round(seconds, 1) for name, seconds in alone.items()},
        "tasks": {name: round(seconds, 1) for name, seconds in tasks.items()},
        "stages_seconds": round(stages, 1),
        "run_seconds": round(whole, 1),
        "added_share": round(whole / stages - 1, 4),
    }


def _own_config(config: Path, target: Path) -> Path:
    """Write the config with this interpreter in it."""
    document = yaml.safe_load(config.read_text())
    document["schedule"] = {**document.get("schedule", {}), "python": sys.executable}
    target.write_text(yaml.safe_dump(document))
    return target


def _show(figures: dict[str, Any], args: argparse.Namespace) -> None:
    names = [*STAGES, *(name for name in figures["tasks"] if name not in STAGES)]
    rows = [
        [name, *(f"{figures[kind].get(name, 0.0):.1f}" for kind in ("alone", "tasks"))]
        for name in names
    ]
    rows.append(["all", f"{figures['stages_seconds']:.1f}", f"{figures['run_seconds']:.1f}"])
    title = f"{figures['records']:,} records; Airflow adds {figures['added_share']:.1%}"
    show(title, ["", "alone s", "in the DAG s"], rows, args.json)
    print_json(figures, args.json)


if __name__ == "__main__":
    finish(main)
