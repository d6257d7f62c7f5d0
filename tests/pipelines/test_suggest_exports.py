"""A config is suggested for what shop systems export: columns, levels, and several categories."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.suggest.names import plain
from tests.pipelines.suggestions import named, products, read, records, suggested, table


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


def test_a_category_is_taken_rather_than_tags_and_a_product_may_go_on_over_lines(
    root: Path,
) -> None:
    rows = [["Handle", "Title", "Body (HTML)", "Product Category", "Tags", "Variant SKU"]]
    for each in products():
        body = f"<p>{each.title}</p>\n<p>with care</p>"
        rows.append([each.id, each.title, body, " > ".join(each.path), f"{each.path[0]}, new", "a"])
        rows.append([each.id, "", "", "", "", "b"])
    (root / "products_export.csv").write_text(table(rows))
    settings = suggested(root)
    assert settings.categories.columns == ["Product Category"]
    assert read(root, settings) == (records(), ["no title"] * len(products()))


@pytest.mark.parametrize(
    ("mark", "separator"), [(",", ","), (" - ", " - "), ("_", "_"), (" → ", "→")]
)
def test_what_parts_a_tree_parts_levels(root: Path, mark: str, separator: str) -> None:
    (root / "all.csv").write_text(table(named(separator=mark), delimiter=";"))
    settings = suggested(root)
    assert settings.categories.separator == separator
    assert read(root, settings) == (records(separator), [])


def test_a_comma_in_flat_names_parts_nothing(root: Path) -> None:
    shelves = {"Men": "Bags, Cases", "Women": "Sofas, Chairs", "Home": "Rugs"}
    rows = [[each.id, each.title, shelves[each.path[0]]] for each in products()]
    (root / "all.csv").write_text(table([["id", "title", "category"], *rows]))
    categories = {category for _, (category,) in read(root, suggested(root))[0]}
    assert categories == set(shelves.values())


def test_paths_that_begin_at_a_known_top_behind_a_mark_are_several_categories(root: Path) -> None:
    rows = [[e.id, e.title, f"{'/'.join(e.path)};{e.path[0]}"] for e in products()[::2]]
    rows += [[e.id, e.title, "/".join(e.path)] for e in products()[1::2]]
    (root / "all.csv").write_text(table([["id", "title", "category"], *rows]))
    settings = suggested(root)
    assert (settings.categories.separator, settings.categories.label_separator) == ("/", ";")
    title, categories = read(root, settings)[0][0]
    assert (title, categories) == (products()[0].title, ["Men/Shoes", "Men"])


def test_commas_in_names_stand_behind_a_backslash_where_commas_part_categories(root: Path) -> None:
    rows = [[e.title, f"{e.path[0]}\\, Etc > {e.path[1]}, {e.path[0]}\\, Etc"] for e in products()]
    (root / "all.csv").write_text(table([["Name", "Categories"], *rows]))
    top = [f"{each.path[0]}, Etc" for each in products()]
    expected = [(e.title, [f"{a}>{e.path[1]}", a]) for a, e in zip(top, products(), strict=True)]
    assert read(root, suggested(root)) == (expected, [])


def test_numbers_before_paths_are_no_part_of_their_tops(root: Path) -> None:
    numbers = {each.path: n for n, each in enumerate(products()[:6], 160)}
    rows = [[e.id, e.title, f"{numbers[e.path]} - {' > '.join(e.path)}"] for e in products()]
    (root / "all.csv").write_text(table([["id", "title", "google_product_category"], *rows]))
    assert read(root, suggested(root)) == (records(), [])


def test_entities_in_categories_are_the_letters_that_they_mean(root: Path) -> None:
    rows = [[e.id, e.title, f"{e.path[0]} &amp; Co &gt; {e.path[1]}"] for e in products()]
    (root / "all.csv").write_text(table([["id", "title", "category"], *rows]))
    expected = [(e.title, [f"{e.path[0]} & Co>{e.path[1]}"]) for e in products()]
    assert read(root, suggested(root)) == (expected, [])


@pytest.mark.parametrize(
    "levels",
    [
        ("L1", "L2"),
        ("Level 1 Category", "Level 2 Category"),
        ("cat_lvl0", "cat_lvl1"),
        ("Kategorie Ebene 1", "Kategorie Ebene 2"),
        ("Family", "Class"),
    ],
)
def test_columns_of_levels_make_one_path_from_the_top_down(
    root: Path, levels: tuple[str, str]
) -> None:
    rows = [["sku", levels[1], "title", levels[0]]]
    rows += [[e.id, e.path[1], e.title, e.path[0]] for e in products()]
    (root / "all.csv").write_text(table(rows))
    settings = suggested(root)
    assert settings.categories.columns == list(levels)
    assert read(root, settings) == (records(), [])


def test_two_columns_of_the_same_labels_are_no_levels(root: Path) -> None:
    tags = ["a,b", "c,a", "b,c,a", "c,d", "d,a,b"]
    names = ["A,B", "C,A", "A,B", "C,D", "C,D"]
    rows = [["title", "categories_tags", "categories"]]
    rows += [[each.title, tags[n % 5], names[n % 5]] for n, each in enumerate(products())]
    (root / "all.tsv").write_text(table(rows, delimiter="\t"))
    assert len(suggested(root).categories.columns) == 1


def test_of_levels_that_hold_those_above_them_the_deepest_is_taken(root: Path) -> None:
    found = [
        {"name": e.title, "tree": {"lvl0": e.path[0], "lvl1": " > ".join(e.path)}}
        for e in products()
    ]
    (root / "all.json").write_text(json.dumps(found))
    settings = suggested(root)
    assert settings.categories.columns == ["tree.lvl1"]
    assert read(root, settings) == (records(), [])


def test_a_list_of_the_parts_of_a_path_is_one_category_and_names_say_more_than_ids(
    root: Path,
) -> None:
    lists = [
        [{"id": n, "name": name, "slug": name.lower()} for n, name in enumerate(each.path)]
        for each in products()
    ]
    found = [{"name": e.title, "categories": c} for e, c in zip(products(), lists, strict=True)]
    (root / "all.json").write_text(json.dumps(found))
    settings = suggested(root)
    assert settings.categories.columns == ["categories.name"]
    assert settings.categories.lists == "path"
    assert read(root, settings) == (records(), [])


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_lists_in_a_list_are_several_paths(root: Path, form: str) -> None:
    found = [{"asin": e.id, "title": e.title, "categories": [[*e.path, f"Sub/{n % 9}"], ["Sale"]]}
             for n, e in enumerate(products())]  # fmt: skip
    if form == "jsonl":
        (root / "all.jsonl").write_text("\n".join(map(json.dumps, found)))
    else:
        pq.write_table(pa.Table.from_pylist(found), root / "all.parquet")
    settings = suggested(root)
    assert settings.categories.lists == "path"
    expected = [(e.title, [f"{'>'.join(e.path)}>Sub/{n % 9}", "Sale"])
                for n, e in enumerate(products())]  # fmt: skip
    assert read(root, settings) == (expected, [])


def test_a_set_of_names_is_no_path(root: Path) -> None:
    found = [{"name": e.title, "categories": [*e.path, "new"][:: 1 - 2 * (n // 6 % 2)]}
             for n, e in enumerate(products())]  # fmt: skip
    (root / "all.json").write_text(json.dumps(found))
    assert suggested(root).categories.lists == "labels"


@pytest.mark.parametrize(
    ("title", "category"),
    [
        ("Désignation", "Catégorie"),
        ("ÜRÜN ADI", "Kategori Yolu"),
        ("Tên sản phẩm", "Danh mục"),
        ("Όνομα προϊόντος", "Κατηγορία"),
        ("Назва_позиції", "Назва_групи"),
        ("商品名", "ジャンル"),
        ("宝贝名称", "宝贝类目"),
        ("\u200fاسم المنتج", "\u200fالتصنيف"),
        ("שם מוצר", "קטגוריה"),
        ("ชื่อสินค้า", "หมวดหมู่"),
        ("उत्पाद का नाम", "श्रेणी"),
        ("a name nobody knows", "nor its shelf"),
    ],
)
def test_columns_are_told_by_their_names_in_many_languages_or_by_their_values(
    root: Path, title: str, category: str
) -> None:
    (root / "all.csv").write_text(table(named("#", title, category), delimiter=";"))
    settings = suggested(root)
    assert settings.source.columns.title == [title]
    assert read(root, settings) == (records(), [])


@pytest.mark.parametrize("write", [str, json.dumps, lambda parts: str([parts])])
def test_a_list_of_parts_that_is_written_as_text_is_a_path(
    root: Path, write: Callable[[list[str]], str]
) -> None:
    rows = [[each.id, each.title, write(list(each.path))] for each in products()]
    (root / "all.csv").write_text(table([["id", "title", "categories"], *rows]))
    assert read(root, suggested(root)) == (records(), [])


def test_a_list_of_labels_that_is_written_as_text_is_several_categories(root: Path) -> None:
    labels = [sorted({e.path[n % 2], e.path[1], "new"}) for n, e in enumerate(products(), 1)]
    rows = [[e.title, str(some)] for e, some in zip(products(), labels, strict=True)]
    (root / "all.csv").write_text(table([["title", "tags"], *rows]))
    assert [found for _, found in read(root, suggested(root))[0]] == labels


def test_a_list_of_one_path_that_is_written_as_text_is_that_path(root: Path) -> None:
    rows = [[e.id, e.title, json.dumps([" >> ".join(e.path)])] for e in products()]
    (root / "all.csv").write_text(table([["id", "title", "category_tree"], *rows]))
    assert read(root, suggested(root)) == (records(), [])


def test_a_category_above_another_of_the_record_parts_both(root: Path) -> None:
    rows = [[e.id, e.title, f"{e.path[0]}|{' > '.join(e.path)}"] for e in products()]
    (root / "all.csv").write_text(table([["id", "title", "category"], *rows]))
    expected = [(e.title, [e.path[0], ">".join(e.path)]) for e in products()]
    settings = suggested(root)
    assert read(root, settings) == (expected, [])
    assert settings.objectives.exclusive.conflicts == "deepest"


def test_all_that_categories_begin_with_is_above_the_main_level(root: Path) -> None:
    rows = [[e.id, e.title, f"Shop > 2026 > {' > '.join(e.path)}"] for e in products()]
    (root / "all.csv").write_text(table([["id", "title", "category"], *rows]))
    assert suggested(root).categories.levels["main"].part == 2


def test_accents_and_case_make_no_other_name() -> None:
    assert plain("Catégorie") == plain("CATEGORIE") == plain("cate\u0301gorie")
    assert plain("Ürün Adı") == plain("URUN ADI")


def test_titles_of_numbers_alone_are_titles_where_the_column_is_called_so(root: Path) -> None:
    rows = [[f"40063813339{n:02}", e.path[0]] for n, e in enumerate(products())]
    (root / "all.csv").write_text(table([["title", "category"], *rows]))
    assert [title for title, _ in read(root, suggested(root))[0]] == [row[0] for row in rows]


def test_tags_are_several_categories_though_they_stand_in_order(root: Path) -> None:
    rows = [[e.id, e.title, ", ".join(e.path)] for e in products()]
    (root / "all.csv").write_text(table([["id", "title", "tags"], *rows]))
    expected = [(each.title, list(each.path)) for each in products()]
    assert read(root, suggested(root)) == (expected, [])


@pytest.mark.parametrize("mark", [" > ", " / ", "::"])
@pytest.mark.parametrize("form", ["csv", "json"])
def test_a_path_that_ends_with_the_product_is_read_without_it(
    root: Path, mark: str, form: str
) -> None:
    if form == "json":
        found = [{"title": e.title, "breadcrumbs": [*e.path, e.title.upper()]} for e in products()]
        (root / "all.json").write_text(json.dumps(found))
    else:
        rows = [[e.id, e.title, mark.join([*e.path, f"{e.title} "])] for e in products()]
        (root / "all.csv").write_text(table([["id", "title", "breadcrumbs"], *rows]))
    settings = suggested(root)
    assert read(root, settings) == (records(settings.categories.separator), [])
