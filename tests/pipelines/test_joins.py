"""Joined tables: a key finds one row, or the record is a reject; an unclear table is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from configs.errors import UsageError
from configs.settings import Settings
from pipelines.category_files import find_category_files, read_category_file
from pipelines.tables import RejectedRow
from tests.pipelines.reading import read as read_shop

JOINED = Settings(
    name="shop",
    source={
        "joins": [
            {"files": "aisles.csv", "by": "aisle_id", "columns": ["aisle"]},
            {"files": "departments/*.csv", "by": "dep", "key": "id", "columns": ["department"]},
        ]
    },
    categories={"source": "columns", "columns": ["department", "aisle"], "separator": " > "},
)
FILES = {
    "aisles.csv": 'aisle_id,aisle\n1,"fish, fresh"\n 2 ,dry goods\n',
    "departments/a.csv": "id,department\nx,meat / seafood\n",
    "departments/b.csv": "department,id\npantry,y\n",
    "products.csv": 'title,aisle_id,dep\nCod,1,x\n"Rice\nlong", 2,y\n',
}
Shop = Callable[..., Path]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Write the files of a shop, some of them other than `FILES`."""

    def write(**other: str | None) -> Path:
        changed = {name.replace("__", "/") + ".csv": text for name, text in other.items()}
        for name, text in {**FILES, **changed}.items():
            if text is not None:
                path = tmp_path / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
        return tmp_path

    return write


def read(root: Path) -> tuple[list[tuple], list[RejectedRow]]:
    rows, rejects = [], []
    for file in find_category_files(str(root), JOINED)[0]:
        for batch, bad in read_category_file(file, JOINED.source, JOINED.categories):
            rows += [tuple(row.values())[1:] for row in batch.to_pylist()]
            rejects += bad
    return rows, rejects


def test_each_record_gets_the_columns_of_the_rows_it_names(shop: Shop) -> None:
    rows, rejects = read(shop())
    assert rejects == []
    assert rows == [
        (2, "meat / seafood > fish, fresh", "Cod"),
        (3, "pantry > dry goods", "Rice\nlong"),
    ]


def test_a_table_that_is_joined_is_no_category_file_but_part_of_the_input(shop: Shop) -> None:
    root = shop()
    files, before, size = find_category_files(str(root), JOINED)
    assert [file.relative for file in files] == ["products.csv"]
    assert size == sum(map(len, FILES.values()))
    shop(aisles="aisle_id,aisle\n1,fish\n2,dry\n")
    assert find_category_files(str(root), JOINED)[1] != before


def test_a_key_that_no_table_has_is_a_reject_with_its_bytes(shop: Shop) -> None:
    rows, rejects = read(shop(products='title,aisle_id,dep\n"Cod, ""x""",7,x\nEel,1,\nTea,2,y\n'))
    assert [row[2] for row in rows] == ["Tea"]
    assert rejects == [
        RejectedRow("products.csv", 2, "its aisle_id is not in aisles.csv", b'"Cod, ""x""",7,x\n'),
        RejectedRow(
            "products.csv", 3, "its dep is not in departments/a.csv and departments/b.csv",
            b"Eel,1,\n",
        ),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("aisles", "aisle_id,aisle\n1,a\n2,b\n1,c\n", ["aisles.csv", "'1' stands 2 times"]),
        ("departments__b", "id,department\nx,meat\n", ["b.csv", "id 'x' stands 2 times"]),
        ("aisles", "id,aisle\n1,a\n", ["aisles.csv", "no column aisle_id", "correct by"]),
        ("aisles", "aisle_id,name\n1,a\n", ["aisles.csv", "no column aisle;"]),
        ("aisles", 'aisle_id,aisle\n1,a\n2,"b\n', ["aisles.csv: line 3", "quoted", "mend"]),
        ("aisles", "aisle_id,aisle\n1,a,b\n", ["aisles.csv: line 2", "3 columns where"]),
        ("aisles", None, ["no file matches 'aisles.csv' of source.joins"]),
    ],
)
def test_a_table_that_leaves_doubt_is_refused_in_one_line(
    shop: Shop, name: str, text: str | None, words: list[str]
) -> None:
    root = shop(**{name: text})
    with pytest.raises(UsageError) as refused:
        find_category_files(str(root), JOINED)
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


def test_a_table_without_a_row_finds_nothing(shop: Shop) -> None:
    rows, rejects = read(shop(aisles="aisle_id,aisle\n"))
    assert (rows, len(rejects)) == ([], 2)


def test_every_record_of_a_file_without_the_key_is_a_reject(shop: Shop) -> None:
    rows, rejects = read(shop(products="title,dep\nCod,x\n"))
    assert rows == []
    reason = "no column aisle_id; its header is ['title', 'dep']"
    assert rejects == [RejectedRow("products.csv", 2, reason, b"Cod,x\n")]


def test_a_table_that_has_changed_is_read_anew_by_the_same_process(shop: Shop) -> None:
    assert [row[1] for row in read(shop())[0]][1] == "pantry > dry goods"
    rows, _ = read(shop(aisles="aisle_id,aisle\n1,fish\n2,rice\n"))
    assert [row[1] for row in rows] == ["meat / seafood > fish", "pantry > rice"]


def test_a_column_of_a_table_may_have_any_name(tmp_path: Path) -> None:
    (tmp_path / "aisles.tbl").write_text("id,key\n1,fish\n")
    (tmp_path / "products.csv").write_text("title,id\nCod,1\n")
    source = {"joins": [{"files": "aisles.tbl", "by": "id", "columns": ["key"]}]}
    rows, rejects = read_shop(
        tmp_path, {"files": "*.csv", **source}, {"source": "columns", "columns": ["key"]}
    )
    assert (rows, rejects) == ([(2, ["fish"], "Cod")], [])
