"""An Airflow home for the tests: its database, a prefix with the tiny catalogue, one champion."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_dags.serve import HOME, airflow_environment
from configs.settings import Settings

AIRFLOW = Path(os.environ.get("AISLE_AIRFLOW_PYTHON") or HOME / ".venv-airflow/bin/python")
WALK = Path(__file__).with_name("walk.py")
SCHEDULE = {
    "python": sys.executable,
    "retries": 4,
    "retry_seconds": 1.0,
    "max_retry_seconds": 2.0,
    "quiet_seconds": 0.5,
    "poll_seconds": 0.5,
}


@dataclass(frozen=True)
class Airflow:
    """An Airflow that lives in one folder, and the prefix and config of its DAGs."""

    folder: Path
    config: Path
    port: int

    @property
    def prefix(self) -> Path:
        return self.folder / "aisle"

    @property
    def environment(self) -> dict[str, str]:
        return airflow_environment(self.folder, self.config, self.port)

    def walk(self, *arguments: str) -> tuple[dict[str, Any], str]:
        """Run walk.py; return its answer and all that was logged."""
        done = subprocess.run(
            [AIRFLOW, WALK, *arguments],
            env=self.environment,
            cwd=HOME,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr

    def run(self, dag_id: str, **conf: object) -> tuple[dict[str, Any], str]:
        """Run a DAG whole by `dag.test()`."""
        return self.walk("run", dag_id, json.dumps(conf))


def write_config(path: Path, settings: Settings, **more: Mapping[str, object]) -> Path:
    document = settings.model_dump(mode="json", exclude_defaults=True)
    document["evaluation"] = {"linear_baseline": False}
    document["schedule"] = SCHEDULE
    path.write_text(yaml.safe_dump({**document, **more}), encoding="utf-8")
    return path


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="session")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, tiny_catalogue: Path, tiny_settings: Settings
) -> Airflow:
    """Give an Airflow with a database and the tiny catalogue, and nothing learned yet."""
    if not AIRFLOW.exists():
        pytest.skip(f"Airflow is not installed ({AIRFLOW}); make .venv-airflow/.installed does it")
    root = tmp_path_factory.mktemp("airflow")
    config = write_config(root / "config.yaml", tiny_settings)
    made = Airflow(root / "home", config, free_port())
    shutil.copytree(tiny_catalogue, made.prefix / "catalogue")
    (made.prefix / "inbox").mkdir()
    migrate = [AIRFLOW, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=made.environment, check=True, capture_output=True, timeout=120)
    return made


@pytest.fixture(scope="session")
def retrained(airflow: Airflow) -> tuple[Airflow, dict[str, Any], str]:
    """Give the Airflow after its first run of `retrain`, that run's states and its log."""
    answer, log = airflow.run("retrain")
    return airflow, answer, log
