"""A Flink cluster for the tests, started once, and Prism where its binary is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.flink import FlinkCluster
from cluster.jars import find_jars
from cluster.prism import find_prism
from configs.errors import UsageError


def flink_cluster(folder: Path) -> Iterator[FlinkCluster]:
    """Give a Flink cluster of one task manager; without Java or Maven skip, but fail in CI."""
    try:
        jars = find_jars()
    except UsageError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no Flink here: {error}")
    with FlinkCluster(folder / "flink", jars, task_managers=1) as cluster:
        yield cluster


def prism_binary() -> str:
    """Return the path of Prism; without it skip."""
    try:
        return find_prism()
    except UsageError as error:
        pytest.skip(str(error))
