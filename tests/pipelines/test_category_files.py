"""Category files: every record becomes a row or a reject; what names no category is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from configs.errors import UsageError
from configs.settings import Settings
from configs.source import SourceSettings
from pipelines.category_files import find_category_files, first_records, read_category_file
from pipelines.labelled_records import NO_CATEGORY
from transforms.csv_records import NOT_DECODABLE, STRAY_QUOTE, RejectedRow

Row = tuple[int, int, str, str]
BY_NAME = Settings(name="shop", categories={"prefix": "shop_"})
BY_COLUMNS = Settings(
    name="shop",
    categories={"source": "columns", "columns": ["department", "aisle"], "separator": ">"},
)


def read(root: Path, settings: Settings = BY_NAME) -> tuple[list[Row], list[RejectedRow]]:
    """Return (file, line, category, title) of each row, and the rejects."""
    rows, rejects = [], []
    for file in find_category_files(str(root), settings)[0]:
        for batch, bad in read_category_file(file, settings.source, settings.categories):
            rows += [tuple(row.values()) for row in batch.to_pylist()]
            rejects += bad
    return rows, rejects


def test_files_are_numbered_by_path_and_say_their_category(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/shop_baby_toys.csv").write_text("title\nRattle\n")
    (tmp_path / "shop_pets.csv").write_text('x,title\n1,"Dog\nbed"\n2,Bowl\n')
    rows, rejects = read(tmp_path)
    assert rows == [
        (0, 2, "baby_toys", "Rattle"),
        (1, 2, "pets", "Dog\nbed"),
        (1, 4, "pets", "Bowl"),
    ]
    assert rejects == []


@pytest.mark.parametrize("content", [b"", b"title\n", b'"title",x'])
def test_a_file_that_is_empty_or_a_header_alone_holds_no_record(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "shop_a.csv").write_bytes(content)
    (tmp_path / "shop_b.csv").write_bytes(b"title\nBed\n")
    assert read(tmp_path) == (
        [(1, 2, "b", "Bed")],
        [RejectedRow("shop_a.csv", 0, "the file holds no record", b"")],
    )


@pytest.mark.parametrize("header", [b"name", b"", b"caf\xe9"])
def test_every_record_of_a_file_without_the_column_is_a_reject_with_its_bytes(
    tmp_path: Path, header: bytes
) -> None:
    (tmp_path / "shop_a.csv").write_bytes(header + b'\n"Bed, red"\n"x\ncaf\xe9\n')
    rows, rejects = read(tmp_path)
    reason = f"no column title; its header is {[header.decode('utf-8', 'surrogateescape')]}"
    assert rows == []
    assert sorted(rejects, key=lambda bad: bad.line) == [
        RejectedRow("shop_a.csv", 2, reason, b'"Bed, red"\n'),
        RejectedRow("shop_a.csv", 3, STRAY_QUOTE, b'"x\n'),
        RejectedRow("shop_a.csv", 4, reason, b"caf\xe9\n"),
    ]


def test_all_records_of_a_file_of_another_delimiter_are_rejects_for_that_reason(
    tmp_path: Path,
) -> None:
    """However many columns they seem to have: `A bed, red` is no fault of theirs."""
    lines = ["title;price", "A bed, red;1", "A cot;2", '"A bib, blue";3', "A toy, soft;4", ""]
    (tmp_path / "shop_a.csv").write_text("\n".join(lines))
    rows, rejects = read(tmp_path)
    assert rows == []
    (reason,) = {bad.reason for bad in rejects}
    assert reason.startswith("no column title; its header is ['title;price']")
    assert reason.endswith("is ';' its delimiter?")
    assert sorted(bad.line for bad in rejects) == [2, 3, 4, 5]


def test_bytes_that_are_no_character_are_a_reject(tmp_path: Path) -> None:
    (tmp_path / "shop_a.csv").write_bytes(b"title\ncaf\xe9\nBed\n")
    assert read(tmp_path) == (
        [(0, 3, "a", "Bed")],
        [RejectedRow("shop_a.csv", 2, NOT_DECODABLE, b"caf\xe9\n")],
    )


def test_a_category_can_come_from_columns_and_a_row_without_one_is_a_reject(
    tmp_path: Path,
) -> None:
    content = "department,aisle,title\nbaby, toys ,Rattle\n,,Bed\npets>dogs,,Bowl\n"
    (tmp_path / "shop.csv").write_text(content)
    rows, rejects = read(tmp_path, BY_COLUMNS)
    assert rows == [(0, 2, "baby>toys", "Rattle"), (0, 4, "pets>dogs", "Bowl")]
    assert rejects == [RejectedRow("shop.csv", 3, NO_CATEGORY, b",,Bed\n")]


def test_an_input_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file matches"):
        find_category_files(str(tmp_path), BY_NAME)


def test_hidden_files_and_marks_of_open_ones_are_no_category_files(tmp_path: Path) -> None:
    """Excel holds `~$shop_pets.csv` beside a file that it shows; a Mac leaves `._shop_pets.csv`."""
    for folder in ("", "~$open/", ".hidden/"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in ("shop_pets.csv", "~$shop_pets.csv", "._shop_pets.csv"):
            (tmp_path / folder / name).write_text("title\nBowl\n")
    assert read(tmp_path) == ([(0, 2, "pets", "Bowl")], [])
    assert len(find_category_files(str(tmp_path / "~$shop_pets.csv"), BY_NAME)[0]) == 1  # asked for


def test_a_table_of_joins_is_read_without_the_mark_that_it_is_open(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,key\nBowl,1\n")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/names.txt").write_text("key,aisle\n1,pets\n")
    (tmp_path / "tables/~$names.txt").write_bytes(b"\x05Ahlberg" + bytes(99))
    join = {"files": "tables/*.txt", "by": "key", "columns": ["aisle"]}
    categories = {"source": "columns", "columns": ["aisle"]}
    settings = Settings(name="shop", source={"joins": [join]}, categories=categories)
    assert read(tmp_path, settings) == ([(0, 2, "pets", "Bowl")], [])


def test_folders_can_say_the_category_and_a_file_outside_of_them_is_refused(
    tmp_path: Path,
) -> None:
    by_folder = Settings(name="shop", categories={"source": "folders", "separator": "/"})
    by_folder = by_folder.model_copy(update={"source": SourceSettings(files="**/*.csv*")})
    (tmp_path / "home/pots").mkdir(parents=True)
    (tmp_path / "home/pots/part-1.csv").write_text("title\nPot\n")
    (tmp_path / "home/pots/v1.2.csv.gz").write_bytes(gzip.compress(b"title\nPan\n"))
    rows, _ = read(tmp_path, by_folder)
    assert rows == [(0, 2, "home/pots", "Pot"), (1, 2, "home/pots", "Pan")]
    (tmp_path / "stray.csv").write_text("title\nLid\n")
    with pytest.raises(UsageError, match=r"the folder of stray\.csv says no category"):
        read(tmp_path, by_folder)


def test_a_file_whose_name_says_no_category_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop_.csv").write_text("title\nBed\n")
    with pytest.raises(UsageError, match=r"the name of shop_\.csv says no category"):
        find_category_files(str(tmp_path), BY_NAME)


@pytest.mark.parametrize(
    ("count", "kept"), [(1, "0"), (3, "0 1 2"), (4, "0 1 2 3"), (9, "0 1 2 3 4")]
)
def test_the_first_records_are_taken_rejects_among_them(
    tmp_path: Path, count: int, kept: str
) -> None:
    (tmp_path / "shop_a.csv").write_bytes(b"title\nBed 0\nMat \xff 1\nBed 2\nBed 3\nMat \xff 4\n")
    settings = BY_NAME.model_copy(update={"source": SourceSettings(encoding="utf-8")})
    (file,) = find_category_files(str(tmp_path), settings)[0]
    read = read_category_file(file, settings.source, settings.categories)
    found = []
    for batch, rejects in first_records(read, count):
        found += [*batch.column("line").to_pylist(), *(bad.line for bad in rejects)]
    assert sorted(found) == [2 + int(number) for number in kept.split()]
