"""The tree of categories beside the category files: read once, part of the input, looked up."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import UsageError
from configs.settings import Settings
from pipelines import storage
from pipelines.category_files import find_category_files
from pipelines.cleaned_files import entry_names
from pipelines.labelled_records import NO_CATEGORY
from tests.pipelines.reading import read, reject

TREE = "id,parent_id,name\n1,,Home\n7,1.0,Lamps\n12,7.0,Desk lamps\n20,0,Toys\n"
UNKNOWN = "its cat is not in categories.csv"
Found = list[tuple[list[str], str]]


def by_tree(*columns: str, files: str = "categories.csv", **rules: Any) -> dict[str, Any]:
    rules = {"separator": ">", "tree": {"files": files}, **rules}
    return {"source": "columns", "columns": list(columns or ["cat"]), **rules}


def found(root: Path, categories: dict[str, Any], source: dict[str, Any] | None = None) -> Found:
    """Return the categories and the title of each record; there is no reject."""
    rows, rejects = read(root, source or {"files": "products*"}, categories)
    assert rejects == []
    return [(labels, title) for _, labels, title in rows]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "categories.csv").write_text(TREE)
    (tmp_path / "products.csv").write_text("title,cat\nBed,1\nSpot, 12 \nCube,20.0\n")
    return tmp_path


def test_an_id_becomes_the_path_of_names_to_it(root: Path) -> None:
    assert found(root, by_tree()) == [
        (["Home"], "Bed"),
        (["Home>Lamps>Desk lamps"], "Spot"),
        (["Toys"], "Cube"),
    ]


def test_an_id_that_is_not_there_is_a_reject_also_among_others(root: Path) -> None:
    (root / "products.csv").write_text(
        'title,cat\n"Spot, red",13\nBed,1;13\n,13\nCube,;20;\nBib,\n'
    )
    rows, rejects = read(root, {"files": "products*"}, by_tree(label_separator=";"))
    assert rows == [(5, ["Toys"], "Cube")]
    assert rejects == [
        reject(2, UNKNOWN, b'"Spot, red",13\n', "products.csv"),
        reject(3, UNKNOWN, b"Bed,1;13\n", "products.csv"),
        reject(4, UNKNOWN, b",13\n", "products.csv"),
        reject(6, NO_CATEGORY, b"Bib,\n", "products.csv"),
    ]


def test_a_path_is_renamed_replaced_and_loses_its_prefix_as_any_other(root: Path) -> None:
    rules = {
        "rename": [{"find": "Desk lamps", "replace": "Desk>Bright"}],
        "replace": [{"find": "^Toys$", "replace": "Home>Play"}],
        "prefix": "Home>",
    }
    assert found(root, by_tree(**rules)) == [
        (["Home"], "Bed"),
        (["Lamps>Desk>Bright"], "Spot"),
        (["Play"], "Cube"),
    ]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_ids_may_be_numbers_and_lists_of_them_in_other_formats(root: Path, form: str) -> None:
    rows = [
        {"title": "Bed", "cat": [7.0, 20.0], "in": [{"id": 1}]},
        {"title": "Spot", "cat": [12.0, 12.0], "in": [{"id": 7}, {"id": 20}]},
    ]
    if form == "jsonl":
        (root / "shop.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), root / "shop.parquet")
    source = {"files": f"shop.{form}", "format": form}
    assert found(root, by_tree("cat"), source) == [
        (["Home>Lamps", "Toys"], "Bed"),
        (["Home>Lamps>Desk lamps"], "Spot"),
    ]
    assert found(root, by_tree("in.id"), source) == [
        (["Home"], "Bed"),
        (["Home>Lamps", "Toys"], "Spot"),
    ]


def test_the_id_may_come_from_a_join_and_the_table_be_joined_too(root: Path) -> None:
    (root / "shelves.csv").write_text("shelf,cat\na,12\n")
    (root / "products.csv").write_text("title,shelf\nSpot,a\n")
    joins = [
        {"files": "shelves.csv", "by": "shelf", "columns": ["cat"]},
        {"files": "categories.csv", "by": "cat", "key": "id", "columns": ["name"]},
    ]
    source = {"joins": joins, "columns": {"title_join": ["name", "title"]}}
    assert found(root, by_tree(), source) == [(["Home>Lamps>Desk lamps"], "Desk lamps Spot")]


def test_a_tree_may_lie_in_several_packed_files_written_as_the_source_is(root: Path) -> None:
    (root / "categories.csv").unlink()
    (root / "tree").mkdir()
    for number, rows in enumerate(["12;7;Desk lamps\n7;1;Lamps\n", "1;;Möbel\n"]):
        text = f"id;parent_id;name\n{rows}"
        (root / f"tree/{number}.csv.gz").write_bytes(gzip.compress(text.encode("latin-1")))
    (root / "products.csv").write_text("title;cat\nSpot;12\n")
    source = {"files": "products*", "delimiter": ";", "encoding": "latin-1"}
    categories = by_tree(files="tree/*.gz")
    assert found(root, categories, source) == [(["Möbel>Lamps>Desk lamps"], "Spot")]


def test_the_tree_is_no_category_file_but_part_of_the_input(root: Path) -> None:
    settings = Settings(name="shop", categories=by_tree())

    def look() -> tuple[str, list[str]]:
        files, fingerprint, size = find_category_files(str(root), settings)
        assert [file.relative for file in files] == ["products.csv"]
        assert size == sum(path.stat().st_size for path in root.iterdir())
        return fingerprint, entry_names(files, settings)

    before = look()
    assert look() == before
    (root / "categories.csv").write_text(TREE.replace("Toys", "Play"))
    assert look()[0] != before[0]
    assert look()[1] != before[1]


def test_a_tree_that_has_changed_is_read_anew_by_the_same_process(root: Path) -> None:
    assert found(root, by_tree())[-1] == (["Toys"], "Cube")
    (root / "categories.csv").write_text(TREE.replace("Toys", "Play"))
    assert found(root, by_tree())[-1] == (["Play"], "Cube")


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        (None, ["no file matches 'categories.csv' of categories.tree", "categories.tree.files"]),
        ("id,parent,name\n1,,A\n", ["no column parent_id", "correct id, parent or name"]),
        ("id;parent_id;name\n1;;A\n", ["no column id", "source.delimiter"]),
        ('[{"id": 1}]', ["no column id", "delimited text"]),
        ("id,parent_id,name\n1,,A\n2,1\n", ["line 3", "2 columns where the header has 3"]),
        ("id,parent_id,name\n1,,A\n2,3,B\n", ["the parent '3' of '2'"]),
    ],
)
def test_a_table_that_is_no_tree_is_refused_in_one_line(
    root: Path, tree: str | None, words: list[str]
) -> None:
    (root / "categories.csv").unlink()
    if tree is not None:
        (root / "categories.csv").write_text(tree)
    with pytest.raises(UsageError) as refused:
        read(root, {}, by_tree())
    assert "\n" not in str(refused.value)
    for word in ["categories.tree", "categories.csv", *words]:
        assert word in str(refused.value)


def test_an_input_in_which_all_is_the_tree_says_so(root: Path) -> None:
    with pytest.raises(UsageError, match=r"all that matches 'cat\*' is a table of .* set source"):
        read(root, {"files": "cat*"}, by_tree())


def test_the_tree_may_lie_in_a_bucket(bucket: str, root: Path) -> None:
    for path in root.iterdir():
        storage.write_bytes(f"{bucket}/{path.name}", path.read_bytes())
    rows, rejects = read(bucket, {}, by_tree())  # type: ignore[arg-type]
    assert rejects == []
    assert rows[1] == (3, ["Home>Lamps>Desk lamps"], "Spot")
