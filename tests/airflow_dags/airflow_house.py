"""An Airflow home for the tests: its database, a prefix with the tiny catalogue, one champion.

The database is a PostgreSQL of the tests: with SQLite the scheduler's tests, a dozen runs side by
side, failed now and then of a lock that Airflow held for a minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.sql import SQL, Identifier
from servers import Postgres, postgres, reachable_folder

from airflow_dags.serve import HOME, airflow_environment
from configs.artifacts import PREFIX_VARIABLE
from configs.settings import Settings

AIRFLOW = Path(os.environ.get("AISLE_AIRFLOW_PYTHON") or HOME / ".venv-airflow/bin/python")
WALK = Path(__file__).with_name("walk.py")
SCHEDULE = {
    "python": sys.executable,
    "retries": 4,
    "retry_seconds": 1.0,
    "max_retry_seconds": 4.0,
    "quiet_seconds": 0.5,
    "poll_seconds": 0.5,
    "chunk_rows": 2,
    "scored_at_once": 3,
}
PRODUCTS = [("w1", "Acme leather strap watch"), ("t1", "cotton bath towel set"), ("b1", "bed rail")]
Retrained = tuple["Airflow", dict[str, Any], str]


@dataclass(frozen=True)
class Airflow:
    """An Airflow that lives in one folder and one database, prefix and config of its DAGs."""

    folder: Path
    config: Path
    prefix: Path
    database: str | None
    port: int = 8080

    @property
    def environment(self) -> dict[str, str]:
        own = airflow_environment(self.folder, self.config, self.port, self.database)
        return {**own, PREFIX_VARIABLE: str(self.prefix)}

    def walk(self, *arguments: str) -> tuple[dict[str, Any], str]:
        """Run walk.py; return its answer and all that was logged."""
        done = subprocess.run(
            [AIRFLOW, WALK, *arguments],
            env=self.environment,
            cwd=HOME,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr

    def run(self, dag_id: str, **conf: object) -> tuple[dict[str, Any], str]:
        """Run a DAG whole by `dag.test()`."""
        return self.walk("run", dag_id, json.dumps(conf))


def drop(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    """Drop a dump as one should: write it elsewhere, then move it in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}")
    part.write_text("\n".join(["id,title", *(",".join(row) for row in rows), ""]))
    part.rename(path)
    return path


def stored(house: Airflow, start: str = "") -> tuple[list[Any], list[str]]:
    """Return (id, label, probability) of products whose id begins so, and the ids of changes."""
    with contextlib.closing(sqlite3.connect(house.prefix / "labels.db")) as connection:
        labels = connection.execute("SELECT product_id, label, probability FROM labels").fetchall()
        changes = connection.execute("SELECT product_id FROM label_history").fetchall()
    mine = [name for (name,) in changes if name.startswith(start)]
    return sorted(row for row in labels if row[0].startswith(start)), sorted(mine)


def harmed(house: Airflow, folder: Path, harm: str = "", **sections: Mapping[str, object]) -> Path:
    """Write a config whose interpreter is a script that runs the line `harm` first; return it.

    `sections` are laid over those of the house's own config.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "python"
    script.write_text(f'#!/bin/bash\n{harm}\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    document = yaml.safe_load(house.config.read_text())
    document["schedule"] |= {"python": str(script)}
    for name, section in sections.items():
        document[name] = {**document.get(name, {}), **section}
    config = folder / "harmed.yaml"
    config.write_text(yaml.safe_dump(document))
    return config


def write_config(path: Path, settings: Settings) -> Path:
    document = settings.model_dump(mode="json", exclude_defaults=True)
    document["evaluation"] = {"baselines": {"rows": 200}}
    document["schedule"] = SCHEDULE
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def new_database(server: Postgres, name: str, copy_of: str = "template1") -> str:
    """Make a database like another, to which nobody is connected; return its URL."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        words = SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(words.format(Identifier(name), Identifier(copy_of)))
    return server.url.removesuffix("postgres") + name


@pytest.fixture(scope="session")
def airflow_server() -> Iterator[Postgres]:
    """Give a PostgreSQL for what Airflow itself remembers."""
    with reachable_folder() as folder:
        yield from postgres(folder)


@pytest.fixture(scope="session")
def airflow_installed() -> None:
    if not AIRFLOW.exists():
        pytest.skip(f"Airflow is not installed ({AIRFLOW}); make .venv-airflow/.installed does it")


@pytest.fixture(scope="session")
def airflow_alone(
    tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings, airflow_installed: None
) -> Airflow:
    """Give an Airflow that has no database: to load DAGs it needs none."""
    root = tmp_path_factory.mktemp("alone")
    config = write_config(root / "config.yaml", tiny_settings)
    return Airflow(root / "home", config, root / "home" / "aisle", None)


@pytest.fixture(scope="session")
def airflow(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_catalogue: Path,
    tiny_settings: Settings,
    airflow_installed: None,
    airflow_server: Postgres,
) -> Airflow:
    """Give an Airflow with a database and the tiny catalogue, and nothing learned yet."""
    root = tmp_path_factory.mktemp("airflow")
    config = write_config(root / "config.yaml", tiny_settings)
    database = new_database(airflow_server, "trained")
    made = Airflow(root / "home", config, root / "home" / "aisle", database)
    shutil.copytree(tiny_catalogue, made.prefix / "catalogue")
    (made.prefix / "inbox").mkdir()
    migrate = [AIRFLOW, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=made.environment, check=True, capture_output=True, timeout=300)
    return made


@pytest.fixture(scope="session")
def retrained(airflow: Airflow) -> Retrained:
    """Give the Airflow after its first run of `retrain`, that run's states and its log."""
    answer, log = airflow.run("retrain")
    return airflow, answer, log


@pytest.fixture(scope="session")
def undisturbed(retrained: Retrained) -> tuple[Airflow, list[Any], str]:
    """Give the Airflow after one whole run of `score_dump`, the labels it wrote, and its log."""
    airflow, _, _ = retrained
    dump = drop(airflow.folder / "dropped" / "monday.csv", PRODUCTS)
    answer, log = airflow.run("score_dump", dump=str(dump))
    assert answer["state"] == "success", log[-5000:]
    return airflow, stored(airflow)[0], log
