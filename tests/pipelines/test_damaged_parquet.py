"""Parquet that is damaged is a reject of the catalogue, and one line for a dump; no traceback."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import PassingFault, UsageError
from configs.settings import Settings
from pipelines import check_dump as looks
from pipelines import parquet_rows
from pipelines.check_dump import check_dump
from tests.pipelines.reading import TAGS, read

ROWS, GROUP = 400, 100
SOURCE = {"format": "parquet"}


def parquet(folder: Path, damaged_group: int | None = None) -> Path:
    """Write a file in which no byte of one group of rows is what it was."""
    names = [f"Bed {number * 7919 % ROWS}" for number in range(ROWS)]
    table = pa.table({"id": [f"{n}" for n in range(ROWS)], "title": names, "tags": ["a"] * ROWS})
    content = io.BytesIO()
    pq.write_table(table, content, row_group_size=GROUP)
    whole = bytearray(content.getvalue())
    if damaged_group is not None:
        column = pq.ParquetFile(content).metadata.row_group(damaged_group).column(1)
        begin = column.data_page_offset
        whole[begin + 30 : begin + 90] = b"\xff" * 60
    (folder / "shop.parquet").write_bytes(whole)
    return folder / "shop.parquet"


@pytest.fixture(autouse=True)
def group_by_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_rows, "_ROWS_AT_ONCE", GROUP)


def test_what_stands_before_a_damaged_page_is_read_and_the_rest_is_a_reject(tmp_path: Path) -> None:
    parquet(tmp_path, damaged_group=2)
    rows, rejects = read(tmp_path, SOURCE, TAGS)
    assert [line for line, _, _ in rows] == list(range(1, 2 * GROUP + 1))
    ((line, reason),) = [(bad.line, bad.reason) for bad in rejects]
    assert (line, reason[:21]) == (0, "not read to its end: ")


def test_a_damaged_footer_is_a_reject_of_the_file(tmp_path: Path) -> None:
    path = parquet(tmp_path)
    whole = bytearray(path.read_bytes())
    size = int.from_bytes(whole[-8:-4], "little")
    whole[-8 - size : -8 - size + 20] = b"\xff" * 20
    path.write_bytes(whole)
    rows, rejects = read(tmp_path, SOURCE, TAGS)
    assert rows == []
    assert [(bad.line, bad.reason[:16]) for bad in rejects] == [(0, "not such a file:")]


def test_what_the_disk_says_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet(tmp_path)

    def failing(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", failing)
    with pytest.raises(OSError, match="Input/output error"):
        read(tmp_path, SOURCE, TAGS)


@pytest.mark.parametrize("group", [0, 3])
def test_a_dump_with_a_damaged_page_is_not_fit(tmp_path: Path, group: int) -> None:
    path = parquet(tmp_path, damaged_group=group)
    found = check_dump(Settings.model_validate({"name": "shop"}), str(path), {})
    assert (found["fit"], found["rows"]) == (False, group * GROUP)
    assert found["reason"].startswith(f"--dump {path}: ")
    assert found["reason"].endswith("; get it again")


def test_a_fault_that_may_pass_says_nothing_of_a_dump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any) -> None:
        raise PassingFault("gs://shop: Cloud Storage does not answer")

    monkeypatch.setattr(looks, "find_dump_files", down)
    with pytest.raises(UsageError, match="does not answer"):
        check_dump(Settings.model_validate({"name": "shop"}), str(parquet(tmp_path)), {})
