"""The house at work: an Airflow that was killed and started again, and the runs of the tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow_house import PRODUCTS, Airflow, drop, harmed, new_database
from full_disks import mounted
from served_house import Served, query, serving, until
from servers import Postgres, free_port, postgres, reachable_folder

NAMES = [f"night{number}" for number in range(10)]
Run = tuple[str, str]


def named(name: str) -> list[tuple[str, str]]:
    """Return products of a dump's own, with the titles of all others."""
    return [(f"{name}-{key}", title) for key, title in PRODUCTS]


def dump_runs(house: Airflow) -> list[tuple[str, str]]:
    """Return id and state of the runs that the watcher of the inbox started."""
    sql = "SELECT run_id, state FROM dag_run WHERE dag_id = 'score_dump' AND run_id LIKE 'dump__%'"
    return sorted(query(house, sql))


@pytest.fixture(scope="session")
def house(
    undisturbed: tuple[Airflow, list[Any], str], airflow_server: Postgres, tmp_path_factory: Any
) -> Airflow:
    """Give a copy of the trained house with a port of its own, full inbox, and a list of products.

    The champion was promoted in it, and nothing was labelled anew since.
    """
    trained, _, _ = undisturbed
    folder = tmp_path_factory.mktemp("served") / "home"
    left_out = shutil.ignore_patterns("archive", "labels.db*", "logs", "*.cfg", "dropped")
    shutil.copytree(trained.folder, folder, ignore=left_out)
    database = new_database(airflow_server, "served", copy_of="trained")
    prefix, port = folder / "aisle", free_port()
    copy = replace(trained, folder=folder, prefix=prefix, database=database, port=port)
    drop(copy.prefix / "products" / "all.csv", named("all"))
    for name in NAMES:
        drop(copy.prefix / "inbox" / f"{name}.csv", named(name))
    (copy.prefix / "inbox" / "bad.csv").write_text("name,price\nwatch,3\n")
    return copy


@pytest.fixture(scope="session")
def served(house: Airflow) -> Iterator[Served]:
    """Give the Airflow that was killed in the middle of a prediction, and started again."""
    with serving(house):
        at_work = "runs/*/.work/night*/predict.lock"
        until(lambda: list(house.prefix.glob(at_work)), house, "prediction at work")
    assert len(list((house.prefix / "archive").glob("night*"))) < len(NAMES)
    with serving(house) as running:
        yield running


@pytest.fixture(scope="session")
def shop_database() -> Iterator[Postgres]:
    """A PostgreSQL that is down when the tests begin."""
    with reachable_folder() as folder:
        for server in postgres(folder):
            server.stop()
            yield server


@pytest.fixture(scope="session")
def runs(served: Served, tmp_path_factory: Any) -> dict[str, Run]:
    """Start one run of each kind by hand; they go on beside the dumps."""
    root, house = tmp_path_factory.mktemp("dumps"), served.house
    found = {"no config": served.trigger("retrain", config="/no/such.yaml")}
    no_python = harmed(house, root / "none", schedule={"python": "/no/such/python"})
    found["no python"] = served.trigger("retrain", config=str(no_python))
    slow = {"learning_rate": 1e-6}
    bag = yaml.safe_load(house.config.read_text())["models"]["bag_of_ngrams"]
    sizes = {"bag_of_ngrams": {**bag, **slow, "dense_learning_rate": 1e-6, "epochs": 1}}
    worse = harmed(house, root / "worse", models=sizes)
    families = ["bag_of_ngrams", "dense"]
    found["worse"] = served.trigger("retrain", config=str(worse), rows=240, models=families)
    growing = drop(root / "growing.csv", named("growing"))
    harm = f'[ "$3" = predict ] && echo "g2,watch" >> {growing}'
    changes = harmed(house, root / "changes", harm)
    found["growing"] = served.trigger("score_dump", dump=str(growing), config=str(changes))
    told = drop(root / "told.csv", named("told"))
    _, assets = served.ask("/api/v2/assets?name_pattern=aisle_inbox")
    event = {"asset_id": assets["assets"][0]["id"], "extra": {"dump": str(told)}}
    status, answer = served.ask("/api/v2/assets/events", event)
    assert status == 200, answer
    return found


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk") as folder:
        yield folder
