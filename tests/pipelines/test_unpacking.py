"""Compressed files are read as what is in them; one that is damaged never passes for whole."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.dump import DumpSettings
from configs.errors import UsageError
from configs.settings import Settings
from pipelines.category_files import find_category_files, read_category_file
from pipelines.dumps import find_dump_files, read_dump_file
from pipelines.unpacking import plain_name


def zipped(plain: bytes, *more: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of one file, and of further ones that are empty."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in more:
            archive.writestr(name, b"")
        archive.writestr("folder/pets.csv", plain)
    return buffer.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda plain: gzip.compress(plain, 1),
    "bz2": lambda plain: bz2.compress(plain, 1),
    "xz": lambda plain: lzma.compress(plain, preset=0),
}
UNPACKERS: dict[str, Callable[[], Any]] = {
    "gz": lambda: zlib.decompressobj(wbits=31),
    "bz2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}
ROWS = 60_000


def titles(rows: int = ROWS) -> list[str]:
    chance = random.Random(7)
    return [f"Bed {chance.getrandbits(64):x}" for _ in range(rows)]


def read(root: Path, form: str) -> tuple[list[str], list[tuple[int, str]]]:
    """Return the titles of a folder's category files, and line and reason of each reject."""
    settings = Settings(name="shop", source={"files": "*", "format": form})
    found, rejects = [], []
    for file in find_category_files(str(root), settings)[0]:
        for batch, bad in read_category_file(file, settings.source, settings.categories):
            found += batch.column("title").to_pylist()
            rejects += [(reject.line, reject.reason) for reject in bad]
    return found, rejects


def as_table(rows: list[str]) -> bytes:
    return "\n".join(["title", *rows, ""]).encode()


def as_json(rows: list[str]) -> bytes:
    return b"".join(json.dumps({"title": row}).encode() + b"\n" for row in rows)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_category_file_may_be_the_one_in_an_archive(tmp_path: Path, method: int) -> None:
    rows = titles()
    packed = zipped(as_table(rows), "folder/", "__MACOSX/folder/._pets.csv", method=method)
    (tmp_path / "pets.csv.zip").write_bytes(packed)
    assert read(tmp_path, "table") == (rows, [])


def with_other_start(packed: bytes) -> bytes:
    """Let the directory of an archive be said to begin 8 bytes further than it does."""
    begin = int.from_bytes(packed[-6:-2], "little") + 8
    return packed[:-6] + begin.to_bytes(4, "little") + packed[-2:]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (with_other_start(zipped(b"title\nBed\n")), "is damaged ([Errno 22] Invalid argument)"),
        (zipped(b"title\n", "ü/").replace("ü".encode(), b"\xff\xff"), "is damaged ('utf-8' codec"),
        (zipped(b"title\nBed\n", "another.csv"), "the archive holds 2 files"),
        (zipped(b"title\n" + b"Bed\n" * 999)[:-9], "is damaged (File is not a zip file)"),
        (
            zipped(b"title\nBed\n", method=zipfile.ZIP_STORED).replace(b"Bed", b"Bad"),
            "is damaged (Bad CRC-32",
        ),
    ],
)
def test_an_archive_that_cannot_be_read_is_a_reject_and_a_dump_refused(
    tmp_path: Path, content: bytes, why: str
) -> None:
    (tmp_path / "pets.csv.zip").write_bytes(content)
    found, ((line, reason),) = read(tmp_path, "table")
    assert (found, line) == ([], 0)
    assert why in reason
    with pytest.raises(UsageError, match=re.escape(why)) as refused:
        find_dump_files(str(tmp_path / "pets.csv.zip"), DumpSettings())
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize(("form", "written"), [("table", as_table), ("jsonl", as_json)])
def test_category_files_may_be_compressed(
    tmp_path: Path, ending: str, form: str, written: Callable[[list[str]], bytes]
) -> None:
    rows = titles()
    (tmp_path / f"pets.csv.{ending}").write_bytes(PACKERS[ending](written(rows)))
    assert read(tmp_path, form) == (rows, [])


@pytest.mark.parametrize("ending", PACKERS)
def test_a_file_cut_short_is_a_reject_behind_what_could_be_read(
    tmp_path: Path, ending: str
) -> None:
    rows = [f"{title} {'x' * 200}" for title in titles()]  # several blocks of the reader
    packed = PACKERS[ending](as_table(rows))
    (tmp_path / f"pets.csv.{ending}").write_bytes(packed[: len(packed) * 9 // 10])
    found, rejects = read(tmp_path, "table")
    assert 0 < len(found) < len(rows)
    assert found == rows[: len(found)]
    ((line, reason),) = rejects
    assert line == 0
    assert reason.startswith("not read to its end: the compressed file is damaged (")


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize(("form", "written"), [("table", as_table), ("jsonl", as_json)])
def test_of_a_small_file_cut_short_all_that_can_be_unpacked_is_read(
    tmp_path: Path, ending: str, form: str, written: Callable[[list[str]], bytes]
) -> None:
    rows = titles(rows=2000)  # fewer than the reader takes at once
    packed = PACKERS[ending](written([*rows, *titles(60_000)[2000:]]))
    cut = packed[: len(packed) // 2]
    whole = UNPACKERS[ending]().decompress(cut)  # as far as it goes
    (tmp_path / f"pets.csv.{ending}").write_bytes(cut)
    found, rejects = read(tmp_path, form)
    assert len(found) == whole.count(b"\n") - (form == "table")
    assert found[:2000] == rows
    assert len(rejects) == 1


@pytest.mark.parametrize("ending", PACKERS)
def test_dumps_may_be_compressed_and_a_damaged_one_is_refused_before_any_work(
    tmp_path: Path, ending: str
) -> None:
    lines = [f"{number},{title}" for number, title in enumerate(titles())]
    packed = PACKERS[ending]("\n".join(["id,title", *lines, ""]).encode())
    dump = tmp_path / f"dump.CSV.{ending.upper()}"
    dump.write_bytes(packed)
    (file,) = find_dump_files(str(dump), DumpSettings())
    read_back = [
        f"{key},{title}"
        for batch, rejects in read_dump_file(file, DumpSettings())
        for key, title in zip(*(batch.column(c).to_pylist() for c in ("id", "title")), strict=True)
        if not rejects
    ]
    assert read_back == lines
    dump.write_bytes(packed[:-20])
    with pytest.raises(UsageError, match=r"dump.*: the compressed file is damaged \(.*; get it"):
        find_dump_files(str(dump), DumpSettings())


def test_the_ending_of_a_compressed_file_is_not_that_of_its_format() -> None:
    names = ["a.csv.gz", "a.tsv.XZ", "gz", "a.bz2.csv"]
    assert [plain_name(name) for name in names] == ["a.csv", "a.tsv", "gz", "a.bz2.csv"]
