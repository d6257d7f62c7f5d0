"""Predictions for the tests of the stores, and a look into a store of SQLite."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from configs.stores import StoreSettings
from pipelines.sinks.schema import PROVENANCE
from pipelines.stage import Manifest
from pipelines.write_labels import write_labels


def product(name: str, label: str = "Pets", probability: float = 0.9, **other: str) -> dict:
    """Return a row of predictions with two labels."""
    lists = {"labels": [label, "Toys"], "probabilities": [probability, 0.05]}
    row = {"id": name, "title_hash": "9f", "label": label, "probability": probability, **lists}
    return row | {column: f"{column}-1" for column in PROVENANCE} | other


def predict(folder: Path, *parts: list[dict], finished: bool = True) -> str:
    """Write the parts of a predictions folder as `aisle predict` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, rows in enumerate(parts):
        table = pa.Table.from_pylist(rows)
        for name, kind in (
            ("probability", pa.float32()),
            ("probabilities", pa.list_(pa.float32())),
        ):
            place = table.column_names.index(name)
            table = table.set_column(place, name, table[name].cast(kind))
        pq.write_table(table, folder / f"part-{number:05d}-of-{len(parts):05d}.parquet")
    if finished:
        figures = {"predictions": sum(map(len, parts))} if parts else {}
        manifest = Manifest("predict", folder.name, "config", "0.1.0", figures)
        (folder / "COMPLETED").write_text(json.dumps(asdict(manifest)))
    return str(folder)


def write(folder: str, url: str, dump_id: str = "monday", **settings: Any) -> dict[str, Any]:
    return write_labels(folder, store_url=url, dump_id=dump_id, settings=StoreSettings(**settings))


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def query(path: Path, sql: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def whole(path: Path) -> str:
    """Return all labels and all of their history, as SQL."""
    tables = ('INSERT INTO "labels"', 'INSERT INTO "label_history"')
    with closing(sqlite3.connect(path)) as connection:
        return "\n".join(line for line in connection.iterdump() if line.startswith(tables))


def timeless(path: Path) -> str:
    """Return everything that is in a store but the times."""
    return re.sub(r"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}'", "TIME", whole(path))
