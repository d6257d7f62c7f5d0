"""Of a large file that is sorted by category, a config is suggested by more than its beginning."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.loading import load_settings
from pipelines.suggest.config import suggest_config
from tests.pipelines.suggestions import products, table

COUNT = 30_000
HEADER = ["id", "title", "category"]


def sorted_rows() -> list[list[str]]:
    """Return products, those without a second level first."""
    found = sorted(products(COUNT), key=lambda each: each.path)
    rows = [[each.id, f"{each.title},\nnew", " > ".join(each.path)] for each in found]
    return [[*row[:2], "Gifts"] if n < COUNT // 8 else row for n, row in enumerate(rows)]


def as_table(path: Path, rows: list[list[str]]) -> None:
    path.with_suffix(".csv").write_text(table([HEADER, *rows]))


def as_json_lines(path: Path, rows: list[list[str]]) -> None:
    lines = (json.dumps(dict(zip(HEADER, row, strict=True))) for row in rows)
    path.with_suffix(".jsonl").write_text("\n".join(lines))


def as_parquet(path: Path, rows: list[list[str]]) -> None:
    columns = zip(*rows, strict=True)
    pq.write_table(
        pa.table(dict(zip(HEADER, columns, strict=True))),
        path.with_suffix(".parquet"),
        row_group_size=2000,
    )


@pytest.mark.parametrize("write", [as_table, as_json_lines, as_parquet])
def test_what_stands_further_on_counts(
    tmp_path: Path, write: Callable[[Path, list[list[str]]], None]
) -> None:
    root, out = tmp_path / "in", tmp_path / "shop.yaml"
    root.mkdir()
    write(root / "all", sorted_rows())
    found = suggest_config(str(root), str(out))
    assert load_settings(out).categories.separator == ">"
    assert found["rejected"] == 0
    if write is not as_parquet:
        assert found["main_classes_in_these"] == 4


def test_letters_further_on_tell_the_encoding(tmp_path: Path) -> None:
    root, out = tmp_path / "in", tmp_path / "shop.yaml"
    root.mkdir()
    rows = sorted_rows()
    late = [[row[0], row[1] + " größer über süß", row[2]] for row in rows[COUNT // 2 :]]
    content = table([HEADER, *rows[: COUNT // 2], *late]).encode("cp1252")
    (root / "all.csv").write_bytes(content)
    found = suggest_config(str(root), str(out))
    assert found["encoding"] == "cp1252"
