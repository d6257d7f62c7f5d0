"""Large files are cut: what the parts hold together is what is in the whole file."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines import cloud_storage, cut_files, storage
from pipelines.blocks import Block, MissingColumn
from pipelines.cut_files import line_parts, row_group_parts, table_parts
from pipelines.file_parts import WHOLE, FilePart
from pipelines.object_files import read_object_blocks
from pipelines.parquet_rows import read_parquet_blocks
from pipelines.tables import TableFormat, read_blocks
from transforms.csv_records import STRAY_QUOTE, TOO_LONG

Read = tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]
DIRT = [
    "{n},a title\n",
    "{n},a title\r\n",
    '{n},"quoted, with a comma"\n',
    '{n},"over\nthree\nlines"\n',
    '{n},"12"" ruler"\r',
    '{n},"never closed\n',
    '{n},"wrongly" closed\n',
    "{n},too,many\n",
    "{n}\n",
    "{n},caf\u00e9 \u2028 \u0085\n",
    "\n",
]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut_files, "PART_BYTES", 500)


def gathered(blocks: Iterator[Block]) -> Read:
    """Return (line, raw bytes, values) of each row, and the rejects by line."""
    rows, rejects = [], []
    for block in blocks:
        raw = [b""] * len(block.lines) if block.raw is None else block.raw.to_pylist()
        values = [column.to_pylist() for column in block.columns.values()]
        rows += zip(block.lines.tolist(), raw, *values, strict=True)
        rejects += [tuple(reject) for reject in block.rejects]
    return rows, sorted(rejects)


def all_parts(read: Any, parts: list[FilePart]) -> Read:
    each = [gathered(read(part)) for part in parts]
    rejects = sorted(reject for _, some in each for reject in some)
    return [row for rows, _ in each for row in rows], rejects


def of_table(path: Path, form: TableFormat) -> tuple[list[FilePart], Read, Read]:
    """Return the parts, what they hold together, and what the whole file does."""

    def read(part: FilePart) -> Iterator[Block]:
        return read_blocks(str(path), path.name, {"ad": ["ad"]}, form, part=part)

    parts = table_parts(str(path), path.stat().st_size, form)
    return parts, all_parts(read, parts), gathered(read(WHOLE))


def dirty(seed: int, records: int = 600) -> str:
    chance = random.Random(seed)
    return "".join(chance.choice(DIRT).format(n=n) for n in range(records))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-8-sig"])
def test_parts_of_a_dirty_table_hold_what_it_holds(
    tmp_path: Path, seed: int, encoding: str
) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(("id,ad\n" + dirty(seed)).encode(encoding, "replace"))
    form = TableFormat(encoding=encoding, max_record_bytes=60, keep_raw=True)
    parts, found, whole = of_table(path, form)
    assert len(parts) > 5
    assert parts[0].begin == 0
    assert parts[-1].end is None
    assert all(one.end == other.begin for one, other in pairwise(parts))
    assert found == whole
    assert {reason for _, _, reason, _ in whole[1]} >= {STRAY_QUOTE, "a blank line"}


def test_a_field_of_many_lines_is_cut_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    records = [
        f'{n},"{"line, of a review" * 2}\n' + "and one more\n" * 9 + '"\n' for n in range(300)
    ]
    path.write_text("id,ad\n" + "".join(records))
    parts, found, whole = of_table(path, TableFormat(max_record_bytes=400, keep_raw=True))
    assert len(parts) > 2
    assert found == whole
    assert len(whole[0]) == 300
    assert whole[1] == []


def test_quotes_behind_an_escape_and_quotes_that_are_text(tmp_path: Path) -> None:
    path = tmp_path / "shop.tsv"
    path.write_text("id\tad\n" + "".join(f'{n}\t"5\\" and\n more"\n' for n in range(500)))
    escaped = TableFormat("\t", max_record_bytes=60, escape="\\", keep_raw=True)
    parts, found, whole = of_table(path, escaped)
    assert len(parts) > 3
    assert found == whole
    assert len(whole[0]) == 500
    parts, found, whole = of_table(path, TableFormat("\t", quoted=False, keep_raw=True))
    assert len(parts) > 3
    assert found == whole
    assert len(whole[1]) == 500  # the second line of each


def test_names_that_the_config_says_and_lines_before_them(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("Report\nof May\n" + "".join(f"{n},title {n}\n" for n in range(300)))
    form = TableFormat(header=("id", "ad"), skip_lines=2, max_record_bytes=60)
    parts, found, whole = of_table(path, form)
    assert len(parts) > 3
    assert found == whole
    assert whole[0][0][0] == 3


def test_a_line_longer_than_any_record_is_one_reject(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    lines = [f"{n},title {n}\n" for n in range(200)]
    lines[100] = "100," + "x" * 2500 + "\n"
    path.write_text("id,ad\n" + "".join(lines))
    parts, found, whole = of_table(path, TableFormat(max_record_bytes=60, keep_raw=True))
    assert len(parts) > 2
    assert found == whole
    assert [reason for _, _, reason, _ in whole[1]] == [TOO_LONG]


@pytest.mark.parametrize("encoding", ["utf-16", "shift_jis", "utf-16-le"])
def test_where_a_line_end_is_not_one_byte_a_file_stays_whole(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(("id,ad\n" + "1,a title\n" * 600).encode(encoding))
    assert table_parts(str(path), path.stat().st_size, TableFormat(encoding=encoding)) == [WHOLE]


def test_compressed_and_small_files_stay_whole(tmp_path: Path) -> None:
    packed, small = tmp_path / "shop.csv.gz", tmp_path / "small.csv"
    packed.write_bytes(gzip.compress(random.Random(1).randbytes(5000)))
    small.write_text("id,ad\n" + "1,a title\n" * 20)
    for path in (packed, small):
        assert table_parts(str(path), path.stat().st_size, TableFormat()) == [WHOLE]


def test_parts_of_json_lines_read_the_keys_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "shop.jsonl"
    rows = [{"id": n, "name" if n % 7 == 0 else "title": f"product {n}"} for n in range(300)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no object\n")
    wanted = {"id": ["id"], "title": ["name", "title"]}

    def read(part: FilePart) -> Iterator[Block]:
        form: dict[str, Any] = {"items": None, "encoding": "utf-8", "max_record_bytes": 1000}
        return read_object_blocks(str(path), path.name, wanted, "jsonl", part=part, **form)

    parts = line_parts(str(path), path.stat().st_size, "utf-8")
    assert len(parts) > 5
    assert all_parts(read, parts) == gathered(read(WHOLE))


def test_parts_of_parquet_are_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    table = pa.table({"id": range(3000), "title": [f"product {n}" for n in range(3000)]})
    pq.write_table(table, path, row_group_size=100, compression="none")

    def read(part: FilePart) -> Iterator[Block]:
        wanted = {"id": ["id"], "title": ["title"]}
        return read_parquet_blocks(str(path), path.name, wanted, part=part, keep_raw=True)

    parts = row_group_parts(str(path), path.stat().st_size)
    assert len(parts) > 5
    assert all_parts(read, parts) == gathered(read(WHOLE))
    path.write_bytes(b"PAR1" + b"no such file" * 100)
    assert row_group_parts(str(path), path.stat().st_size) == [WHOLE]


def test_a_column_that_the_header_lacks_is_lacking_in_every_part(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("id,name\n" + "1,a title\n" * 300)
    form = TableFormat(max_record_bytes=30)
    parts = table_parts(str(path), path.stat().st_size, form)
    assert len(parts) > 3
    for part in parts:
        with pytest.raises(MissingColumn):
            next(read_blocks(str(path), path.name, {"ad": ["ad"]}, form, part=part))


def test_parts_of_an_object_in_a_bucket(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_storage, "_WHOLE", 0)  # read in pieces, as a large one is
    path, content = f"{bucket}/large/shop.csv", ("id,ad\n" + dirty(3)).encode()
    storage.write_bytes(path, content)
    form = TableFormat(max_record_bytes=60, keep_raw=True)

    def read(part: FilePart) -> Iterator[Block]:
        return read_blocks(path, "shop.csv", {"ad": ["ad"]}, form, part=part)

    parts = table_parts(path, len(content), form)
    assert len(parts) > 5
    assert all_parts(read, parts) == gathered(read(WHOLE))
