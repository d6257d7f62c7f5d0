"""A database of a test's own on PostgreSQL, and the oracle of it: SQLite, undisturbed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import servers
from label_writes import predict, product, write

from configs.stores import StoreSettings
from pipelines.sinks.doors import open_ledger
from pipelines.sinks.engine import parse_url

LABELS = "SELECT product_id, label, probability, labels, probabilities, source FROM labels"
HISTORY = (
    "SELECT product_id, old_label, new_label, old_probability, new_probability, write_id "
    "FROM label_history"
)
QUICK = {"first_seconds": 0.05, "longest_seconds": 0.5, "give_up_seconds": 300.0}


@dataclass
class Shelf:
    """A database of its own on the server."""

    server: servers.Postgres
    name: str

    @property
    def url(self) -> str:
        return self.server.url.replace("/postgres", f"/{self.name}")

    @property
    def dsn(self) -> str:
        return self.server.dsn.replace("/postgres", f"/{self.name}")

    def query(self, text: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(text)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def write(self, folder: str, dump_id: str = "monday", **settings: Any) -> dict[str, Any]:
        return write(folder, self.url, dump_id, **{"retry": QUICK, **settings})

    def rows(self, name: str) -> int:
        return self.query(f"SELECT count(*) FROM {name}")[0][0]

    def contents(self) -> list[list[tuple[Any, ...]]]:
        as_text = LABELS.replace("labels, prob", "labels::text, prob", 1)
        as_text = as_text.replace("probabilities,", "probabilities::text,")
        return [sorted(self.query(as_text)), sorted(self.query(HISTORY), key=repr)]


def oracle(path: Path) -> list[list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        found = [connection.execute(text).fetchall() for text in (LABELS, HISTORY)]
    return [sorted(found[0]), sorted(found[1], key=repr)]


def opened(url: str, **settings: Any) -> Any:
    return open_ledger(parse_url(url), StoreSettings(**settings))


def many(folder: Path, rows: int, of: int = 7, label: str = "c") -> str:
    return predict(folder, [product(f"p{n}", f"{label}{n % of}", n / rows) for n in range(rows)])
