"""Columns that are the levels of one path are told, whole and in their order; others are none."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from pipelines.suggest.names import place_of
from tests.pipelines.suggestions import read, suggested, table

PATHS = (
    ("Women", "Shoes", "Heels", "Red heels"),
    ("Men", "Shoes", "Boots", "Work boots"),
    ("Women", "Clothing", "Dresses", "Ball dresses"),
    ("Men", "Clothing", "Shirts", "Tees"),
    ("Home", "Kitchen", "Knives", "Bread knives"),
    ("Women", "Shoes", "Boots", "Rain boots"),
)
CROSSED = tuple(itertools.product(("Men", "Women"), ("Shoes", "Clothing", "Bags")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


def check(root: Path, header: list[str], rows: list[list[str]], levels: list[str]) -> None:
    """Assert that the columns are suggested, and make the path of each record."""
    titles = [f"Acme thing of number {n}" for n in range(len(rows))]
    lines = [[n, title, *row] for n, (title, row) in enumerate(zip(titles, rows, strict=True))]
    (root / "all.csv").write_text(table([["id", "title", *header], *lines]))
    settings = suggested(root)
    assert settings.categories.columns == levels
    places = [header.index(level) for level in levels]
    expected = [">".join(row[place] for place in places if row[place]) for row in rows]
    found = read(root, settings)
    assert found == (list(zip(titles, ([path] for path in expected), strict=True)), [])


def cycled(paths: tuple[tuple[str, ...], ...], depth: int, count: int = 120) -> list[list[str]]:
    return [list(path[:depth]) for path in itertools.islice(itertools.cycle(paths), count)]


@pytest.mark.parametrize("paths", [PATHS, PATHS[:5]])
@pytest.mark.parametrize(
    "header",
    [
        ["Hauptkategorie", "Unterkategorie", "Unterunterkategorie"],
        ["Department", "Category", "Class"],
        ["department", "category", "subcategory"],
        ["Rayon", "Famille", "Sous-famille"],
        ["Главная категория", "Категория", "Подкатегория"],
        ["대분류", "중분류", "소분류", "세분류"],
        ["一级类目", "二级类目", "三级类目"],
        ["大カテゴリ", "中カテゴリ", "小カテゴリ"],
        ["department_name", "category_name", "class_name"],
        ["Kategoria główna", "Kategoria", "Podkategoria"],
        ["Főkategória", "Kategória", "Alkategória"],
        ["大类", "中类", "小类"],
    ],
)
def test_a_name_may_stand_below_several_others(
    root: Path, header: list[str], paths: tuple[tuple[str, ...], ...]
) -> None:
    check(root, header, cycled(paths, len(header)), header)


def test_the_order_in_the_file_may_be_another(root: Path) -> None:
    rows = [row[::-1] for row in cycled(PATHS, 3)]
    check(root, ["Class", "Category", "Department"], rows, ["Department", "Category", "Class"])


def test_lower_levels_may_be_empty_and_every_one_may_stand_below_each(root: Path) -> None:
    rows = [[*row, "" if n % 3 else "Gifts" if n % 2 else "Sale"]
            for n, row in enumerate(cycled(CROSSED, 2))]  # fmt: skip
    header = ["Hauptkategorie", "Unterkategorie", "Unterunterkategorie"]
    check(root, header, rows, header)


def test_names_with_commas_are_levels(root: Path) -> None:
    paths = tuple((f"{a}, new", *others) if a == "Men" else (a, *others) for a, *others in PATHS)
    check(root, ["Department", "Category"], cycled(paths, 2), ["Department", "Category"])


@pytest.mark.parametrize(
    "other",
    ["brand", "colour family", "Size", "gender", "Farbe", "tax class", "age_group", "Marke",
     "category_slug", "brand category"],
)  # fmt: skip
def test_what_is_of_a_brand_a_colour_or_a_size_is_no_level(root: Path, other: str) -> None:
    said = itertools.cycle(["red", "blue", "green", "white", "black", "red", "blue"])
    rows = [[*row, next(said)] for row in cycled(PATHS, 2)]
    check(root, ["Department", "Category", other], rows, ["Department", "Category"])


def test_a_column_called_like_a_category_that_goes_with_all_of_them_is_no_level(
    root: Path,
) -> None:
    said = itertools.cycle(["north", "south", "east", "west", "centre"])
    rows = [[row[1], next(said)] for row in cycled(PATHS, 2)]
    check(root, ["category", "delivery section of ours"], rows, ["category"])


def test_the_same_in_other_words_is_no_level(root: Path) -> None:
    rows = [[row[0], row[0].upper()] for row in cycled(PATHS, 1)]
    check(root, ["category", "kategorie"], rows, ["category"])


@pytest.mark.parametrize("mark", [" > ", "/", "|"])
@pytest.mark.parametrize("in_lists", [False, True])
def test_of_levels_that_hold_those_above_the_deepest_that_is_filled_is_read(
    root: Path, mark: str, in_lists: bool
) -> None:
    found, expected = [], []
    for n, row in enumerate(cycled(PATHS, 3)):
        depth = 1 + n % 3
        levels = {f"lvl{k}": mark.join(row[: k + 1]) if k < depth else None for k in range(4)}
        if in_lists:
            levels = {k: [text] if text else [] for k, text in levels.items()}
        found.append({"name": f"Acme thing number {n}", "hierarchicalCategories": levels})
        expected.append((f"Acme thing number {n}", row[:depth]))
    (root / "all.json").write_text(json.dumps(found))
    settings = suggested(root)
    between = settings.categories.separator
    assert read(root, settings) == ([(t, [between.join(row)]) for t, row in expected], [])


def test_of_levels_of_several_paths_that_is_read_which_most_records_have(root: Path) -> None:
    found, expected = [], []
    for n, row in enumerate(cycled(PATHS, 3)):
        below = [" > ".join(row[:2]), f"Sale > {row[1]}"]
        deepest = [" > ".join(row)] if n % 2 else []
        levels = {"lvl0": [row[0], "Sale"], "lvl1": below, "lvl2": deepest}
        found.append({"name": f"Acme thing number {n}", "categories": levels})
        expected.append((f"Acme thing number {n}", [text.replace(" > ", ">") for text in below]))
    (root / "all.json").write_text(json.dumps(found))
    assert read(root, suggested(root)) == (expected, [])


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("g:Main Category", ("category", 0)),
        ("product_subcategory_name", ("category", 2)),
        ("Unterunterkategorie", ("kategorie", 3)),
        ("Department Name", ("department", 1)),
        ("tax class", None),
        ("price", None),
    ],
)
def test_a_name_says_which_level_it_is(name: str, place: tuple[str, int] | None) -> None:
    assert place_of(name) == place
