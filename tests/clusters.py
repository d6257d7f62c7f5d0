"""A Flink cluster for the tests, started once, and Prism where its binary is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.flink import FlinkCluster
from cluster.jars import HERE, find_jars
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


def prism_binary() -> str | None:
    """Return the path of Prism: $AISLE_PRISM, what `make prism` built, or `prism` on the path."""
    built = HERE / "target" / "prism"
    return os.environ.get("AISLE_PRISM") or (
        str(built) if built.exists() else shutil.which("prism")
    )
