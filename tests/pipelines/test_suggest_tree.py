"""A table of ids, parents and names beside the products is suggested as their tree."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from configs.loading import load_settings
from configs.settings import Settings
from pipelines.suggest.config import suggest_config
from tests.pipelines.reading import read

TREE = {1: (0, "Home"), 2: (1, "Lamps"), 3: (2, "Desk lamps"), 4: (0, "Toys"), 5: (4, "Dolls")}
PATHS = {1: "Home", 2: "Home>Lamps", 3: "Home>Lamps>Desk lamps", 4: "Toys", 5: "Toys>Dolls"}
TITLES = {number: f"A fine thing of number {number}" for number in range(1, 81)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


def write_tree(root: Path, header: str = "id,parent_id,name,position", mark: str = ",") -> None:
    rows = [f"{n},{parent},{name},{n}" for n, (parent, name) in TREE.items()]
    text = "\n".join([header, *rows, ""]).replace(",", mark)
    (root / "tree.csv").write_text(text)


def write_products(root: Path, header: str = "id,title,category_id", mark: str = ",") -> None:
    rows = [f"{n},{title},{1 + n % 5}" for n, title in TITLES.items()]
    (root / "all.csv").write_text("\n".join([header, *rows, ""]).replace(",", mark))


def suggested(root: Path) -> Settings:
    out = root.parent / "shop.yaml"
    suggest_config(str(root), str(out))
    return load_settings(out)


def check(root: Path, settings: Settings) -> None:
    """Assert that each record has the path of its id."""
    source, categories = (s.model_dump() for s in (settings.source, settings.categories))
    rows, rejects = read(root, source, categories)
    assert rejects == []
    assert [(labels, title) for _, labels, title in rows] == [
        ([PATHS[1 + n % 5]], title) for n, title in TITLES.items()
    ]


@pytest.mark.parametrize(
    ("header", "column", "mark"),
    [
        ("id,parent_id,name,position", "category_id", ","),
        ("category_id,parent,category_name,rank", "cat", ";"),
        ("Kategorie-Id,Oberkategorie,Bezeichnung,x", "Kategorie", "\t"),
    ],
)
def test_a_tree_beside_products_is_suggested_by_names_and_values(
    root: Path, header: str, column: str, mark: str
) -> None:
    write_tree(root, header, mark)
    write_products(root, f"id,title,{column}", mark)
    settings = suggested(root)
    tree, names = settings.categories.tree, header.split(",")
    assert tree is not None
    assert (tree.files, tree.id, tree.parent, tree.name) == ("tree.csv", *names[:3])
    assert settings.categories.columns == [column]
    assert settings.dump.id == "id"
    check(root, settings)


def test_products_of_another_format_may_hold_several_ids(root: Path) -> None:
    write_tree(root)
    lines = [{"title": title, "categories": [1 + n % 5]} for n, title in TITLES.items()]
    (root / "all.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    check(root, suggested(root))


def test_ids_between_separators_are_told(root: Path) -> None:
    write_tree(root)
    rows = [f"{title},|{1 + n % 5}|" for n, title in TITLES.items()]
    (root / "all.csv").write_text("\n".join(["title,category_ids", *rows, ""]))
    settings = suggested(root)
    assert settings.categories.label_separator == "|"
    check(root, settings)


def test_a_separator_is_chosen_that_stands_in_no_name(root: Path) -> None:
    write_tree(root)
    tree = root / "tree.csv"
    tree.write_text(tree.read_text().replace("Dolls", "Dolls > Bears"))
    write_products(root)
    settings = suggested(root)
    assert settings.categories.separator == "|"


@pytest.mark.parametrize("header", ["id,title,price", "id,title,category_id"])
def test_a_tree_of_whose_ids_no_column_holds_is_none(root: Path, header: str) -> None:
    write_tree(root)
    rows = [f"{n},{title},{'xy'[n % 2]}" for n, title in TITLES.items()]
    (root / "Toys").mkdir()
    (root / "Toys" / "all.csv").write_text("\n".join([header, *rows, ""]))
    assert suggested(root).categories.tree is None


def test_a_table_of_products_that_names_parents_is_no_tree(root: Path) -> None:
    rows = [f"{n},{max(1, n - 1)},{title},Toys {n % 5}" for n, title in TITLES.items()]
    (root / "all.csv").write_text("\n".join(["id,parent_id,title,category", *rows, ""]))
    (root / "image.jpg").write_bytes(os.urandom(20_000))
    (root / "notes.txt").write_bytes(b"\0\1parent\2")
    (root / "parents.csv").write_text("")
    settings = suggested(root)
    assert settings.categories.tree is None
    assert settings.categories.columns == ["category"]


@pytest.mark.parametrize(
    "parent",
    ["uebergeordnet", "Obergruppe", "nadrzedna", "ust_kategori", "상위", "pid", "up_id", "x"],
)
def test_a_parent_is_told_by_the_values_where_its_header_is_unknown(
    root: Path, parent: str
) -> None:
    rows = [f"{n};{name};{above or ''};{n};{n % 2}" for n, (above, name) in TREE.items()]
    header = f"id;bezeichnung;{parent};position;aktiv"
    (root / "kategorien.csv").write_text("\n".join([header, *rows, ""]))
    write_products(root, "id;title;kategorie_id", ";")
    settings = suggested(root)
    assert settings.categories.tree is not None
    assert settings.categories.tree.parent == parent
    assert settings.categories.columns == ["kategorie_id"]
    check(root, settings)


def test_of_tables_that_are_no_tree_the_largest_is_read_and_the_others_are_named(
    root: Path,
) -> None:
    rows = [f"{n};Maker {n};{1 + n % 3}" for n in range(1, 9)]
    (root / "a_makers.csv").write_text("\n".join(["id;name;country_id", *rows, ""]))
    write_products(root, "id;title;category_id", ";")
    out = root.parent / "shop.yaml"
    figures = suggest_config(str(root), str(out))
    settings = load_settings(out)
    assert (settings.source.files, settings.categories.tree) == ("all.csv", None)
    assert figures["files_left_out"] == "a_makers.csv"
    assert figures["rejected"] == 0


def test_parts_of_one_catalogue_are_no_trees_of_each_other(root: Path) -> None:
    for part in range(3):
        rows = [f"{n},{title},{n % 9},{1 + n % 5}" for n, title in TITLES.items() if n % 3 == part]
        (root / f"{part}.csv").write_text("\n".join(["id,title,stock,category", *rows, ""]))
    settings = suggested(root)
    assert (settings.source.files, settings.categories.tree) == ("**/*.csv", None)
