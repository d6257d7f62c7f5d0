"""Read a catalogue below a folder with settings of a test: rows and rejects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from configs.settings import Settings
from pipelines.category_files import find_category_files, read_category_file
from transforms.csv_records import RejectedRow
from transforms.labels import BETWEEN_LABELS

Row = tuple[int, list[str], str]
TAGS = {"source": "columns", "columns": ["tags"], "label_separator": ",", "separator": ">"}


def read(
    root: Path, source: dict[str, Any], categories: dict[str, Any]
) -> tuple[list[Row], list[RejectedRow]]:
    """Return (line, categories, title) of each row, and the rejects."""
    settings = Settings(name="shop", source={"files": "*", **source}, categories=categories)
    rows, rejects = [], []
    for file in find_category_files(str(root), settings)[0]:
        for batch, bad in read_category_file(file, settings.source, settings.categories):
            for _, line, category, title in (row.values() for row in batch.to_pylist()):
                rows.append((line, category.split(BETWEEN_LABELS), title))
            rejects += bad
    return rows, sorted(rejects, key=lambda bad: bad.line)


def reject(line: int, reason: str, raw: bytes, name: str = "shop.tsv") -> RejectedRow:
    return RejectedRow(name, line, reason, raw)
