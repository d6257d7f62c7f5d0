"""Real servers, each started once for all tests that need it."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import search_nodes
import servers
from full_disks import mounted
from psycopg import sql
from shelf import Shelf


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    with servers.reachable_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres(server_folder: Path) -> Iterator[servers.Postgres]:
    yield from servers.postgres(server_folder)


@pytest.fixture(scope="session")
def rabbit(server_folder: Path) -> Iterator[servers.Rabbit]:
    yield from servers.rabbit(server_folder)


@pytest.fixture(scope="session", params=search_nodes.PRODUCTS)
def search(server_folder: Path, request: pytest.FixtureRequest) -> Iterator[search_nodes.Search]:
    yield from search_nodes.search(server_folder, request.param)


@pytest.fixture
def shelf(postgres: servers.Postgres) -> Shelf:
    name = f"shelf{random.Random().getrandbits(48):x}"
    with psycopg.connect(postgres.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return Shelf(postgres, name)


@pytest.fixture
def small_disk(server_folder: Path) -> Iterator[Path]:
    """A disk of 40 MB of its own, which the server may write to."""
    folder = Path(tempfile.mkdtemp(prefix="disk-", dir=server_folder))
    with mounted(folder, "size=40m,mode=777", servers.missing) as disk:
        yield disk


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return where a store of SQLite may be made, in folders that are not there yet."""
    return tmp_path / "deep" / "folder" / "labels.db"
