"""Real servers, each started once for all tests that need it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import search_nodes
import servers


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """Give a folder that the servers' own users can reach, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="aisle-servers-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[servers.Postgres]:
    yield from servers.postgres(server_folder)


@pytest.fixture(scope="session")
def rabbit(server_folder: Path) -> Iterator[servers.Rabbit]:
    yield from servers.rabbit(server_folder)


@pytest.fixture(scope="session", params=search_nodes.PRODUCTS)
def search(server_folder: Path, request: pytest.FixtureRequest) -> Iterator[search_nodes.Search]:
    yield from search_nodes.search(server_folder, request.param)
