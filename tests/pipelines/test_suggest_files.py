"""A config is suggested for files as programs write them: header, quotes, encoding, names."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain import aisle

from configs.errors import UsageError
from configs.settings import DumpSettings
from pipelines.category_files import find_category_files
from pipelines.dumps import find_dump_files, read_dump_file
from tests.pipelines.suggestions import (
    SHELVES,
    named,
    products,
    read,
    records,
    suggested,
    table,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


def dump_ids(path: Path, settings: DumpSettings) -> list[str]:
    (file,) = find_dump_files(str(path), settings)
    return [i for batch, _ in read_dump_file(file, settings) for i in batch["id"].to_pylist()]


TEMPLATE = [["Version=1", "The top 3 rows", ""], ["SKU", "Product Name", "Product Type"]]
CODED = named("item_sku", "item_name", "feed_product_type")


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        ("Report of May\nMade today\n\n" + table(named()), 3),
        ("sep=,\n" + table(named()), 0),
        ("sep=,\n\nReport\n" + table(named()), 3),
        (table([*TEMPLATE, *CODED]), 2),
        (table([[*row, ""] for row in named()]), 0),
        ("Liste\n\n" + table(named("Nr", "Was es ist", "Wo es ist")), 2),
    ],
)
def test_lines_before_the_header_are_skipped_in_catalogue_and_dump(
    root: Path, text: str, skipped: int
) -> None:
    (root / "all.csv").write_text(text)
    settings = suggested(root)
    assert settings.source.skip_lines == skipped
    assert read(root, settings) == (records(), [])
    assert dump_ids(root / "all.csv", settings.dump) == [each.id for each in products()]


@pytest.mark.parametrize("units", [["-", "text", "", "[kg]"], ["-", "text", "text", "kg"]])
def test_a_line_of_units_beneath_the_header_is_no_record(root: Path, units: list[str]) -> None:
    rows = [[*row, n] for n, row in enumerate(named()[1:])]
    header = ["id", "title", "category", "weight"]
    (root / "all.csv").write_text("A report\n\n" + table([header, units, *rows]))
    settings = suggested(root)
    assert read(root, settings) == (records(), [])
    assert dump_ids(root / "all.csv", settings.dump) == [each.id for each in products()]


def test_blank_lines_between_records_are_rejects_and_no_hindrance(root: Path) -> None:
    (root / "all.csv").write_bytes(table(named()).replace("\n", "\r\r\n").encode())
    expected = ["a blank line"] * (len(products()) + 1)
    assert read(root, suggested(root)) == (records(), expected)


@pytest.mark.parametrize("delimiter", ["\x01", "^", "~", "|", "\t"])
def test_rare_delimiters_are_told(root: Path, delimiter: str) -> None:
    (root / "all.csv").write_text(table(named(), delimiter=delimiter))
    settings = suggested(root)
    assert read(root, settings) == (records(), [])
    assert dump_ids(root / "all.csv", settings.dump) == [each.id for each in products()]


def test_quotes_behind_a_backslash_are_text(root: Path) -> None:
    lines = [f'"{e.id}","{e.title}, 5\\" wide","{" > ".join(e.path)}"\n' for e in products()]
    (root / "all.csv").write_text('"id","title","category"\n' + "".join(lines))
    settings = suggested(root)
    expected = [(f'{title}, 5" wide', category) for title, category in records()]
    assert read(root, settings) == (expected, [])
    assert settings.dump.escape == "\\"


def test_a_dump_of_an_ending_that_says_no_format_is_read_like_the_catalogue(root: Path) -> None:
    (root / "all.dat").write_text(table(named(), delimiter="\t"))
    settings = suggested(root)
    assert dump_ids(root / "all.dat", settings.dump) == [each.id for each in products()]


def test_text_with_commas_is_no_text_with_tabs_for_its_ending(root: Path) -> None:
    (root / "all.txt").write_text(table(named()))
    assert dump_ids(root / "all.txt", suggested(root).dump) == [each.id for each in products()]


def test_an_ending_in_capitals_is_the_same(root: Path) -> None:
    rows = named()
    (root / "a.csv").write_text(table(rows[:40]))
    (root / "b.CSV").write_text(table([rows[0], *rows[40:]]))
    settings = suggested(root)
    assert sorted(read(root, settings)[0]) == sorted(records())


def test_xml_may_be_called_yml_and_what_offices_leave_behind_is_no_catalogue(root: Path) -> None:
    offers = "".join(
        f"<offer><name>{e.title}</name><category>{'/'.join(e.path)}</category></offer>"
        for e in products()
    )
    (root / "shop.yml").write_text(f"<?xml version='1.0'?><all>{offers}</all>")
    (root / "~$big.csv").write_bytes(b"x" * 100_000)
    (root / "Thumbs.db").write_bytes(b"x" * 100_000)
    assert read(root, suggested(root)) == (records("/"), [])


def test_blank_files_say_nothing_of_how_the_others_are_written(root: Path) -> None:
    (root / "a.json").write_text("\n\n\n\n\n\n")
    rows = [{"title": e.title, "category": "/".join(e.path)} for e in products()]
    (root / "b.json").write_text(json.dumps(rows))
    assert read(root, suggested(root))[0] == records("/")


def test_files_of_other_endings_are_named(root: Path) -> None:
    (root / "all.csv").write_text(table(named()))
    for name in "abcd":
        (root / f"{name}.txt").write_text("a note")
    out = root.parent / "shop.yaml"
    said = aisle("suggest-config", "--input", root, "--out", out, "--json")
    figures = json.loads(said.out.splitlines()[-1])
    assert figures["files_left_out"] == "a.txt, b.txt, c.txt and 1 more"


def test_files_named_after_categories_may_all_end_alike_and_hold_titles_alone(root: Path) -> None:
    for main, sub in SHELVES:
        titles = [each.title for each in products() if each.path == (main, sub)]
        (root / f"{main} - {sub}_2026-11-30.txt").write_text("\n".join(titles))
    settings = suggested(root)
    assert settings.categories.separator == " - "
    assert sorted(read(root, settings)[0]) == sorted(records(" - "))


def without_endings(root: Path) -> None:
    for main, sub in SHELVES:
        titles = [each.title for each in products() if each.path == (main, sub)]
        (root / f"{main} - {sub}").write_text("\n".join(titles))


@pytest.mark.parametrize("others", [[], ["NOTES.txt"], ["v1.2.2026", "a.html", "x/read.me.md"]])
def test_files_without_an_ending_are_read_and_no_others(root: Path, others: list[str]) -> None:
    without_endings(root)
    for name in others:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("a note")
    settings = suggested(root)
    assert {file.relative for file in find_category_files(str(root), settings)[0]} == {
        f"{main} - {sub}" for main, sub in SHELVES
    }
    assert sorted(read(root, settings)[0]) == sorted(records(" - "))


def test_of_files_that_no_glob_tells_apart_it_is_said_that_they_are_read_too(root: Path) -> None:
    without_endings(root)
    (root / "a note on all this").write_text("")
    (root / "Men - Shoes.a_very_long_ending").write_text("a note")
    figures = aisle(
        "suggest-config", "--input", root, "--out", root.parent / "shop.yaml", "--json"
    ).figures
    assert figures["files_that_are_read_too"] == "Men - Shoes.a_very_long_ending"


def test_of_files_of_one_ending_the_name_tells_which_is_none(root: Path) -> None:
    offers = "".join(
        f"<offer><name>{e.title}</name><category>{'/'.join(e.path)}</category></offer>"
        for e in products()
    )
    (root / "shop.yml").write_text(f"<all>{offers}</all>")
    (root / "settings.yml").write_text("shop: {name: Acme}")
    assert read(root, suggested(root)) == (records("/"), [])


def test_hits_of_a_search_on_one_line_are_a_document(root: Path) -> None:
    hits = [{"_id": e.id, "_source": {"title": e.title, "category": "/".join(e.path)}}
            for e in products()]  # fmt: skip
    (root / "all.json").write_text(json.dumps({"took": 5, "hits": {"total": 90, "hits": hits}}))
    settings = suggested(root)
    assert read(root, settings) == (records("/"), [])
    assert dump_ids(root / "all.json", settings.dump) == [each.id for each in products()]


def parquet(rows: int) -> bytes:
    content = io.BytesIO()
    some = products()[:rows]
    columns = {"title": [e.title for e in some], "category": ["/".join(e.path) for e in some]}
    schema = pa.schema([(name, pa.string()) for name in columns])
    pq.write_table(pa.table(columns, schema), content)
    return content.getvalue()


def test_parquet_of_no_rows_beside_others_says_nothing(root: Path) -> None:
    (root / "a.parquet").write_bytes(parquet(0))
    (root / "b.parquet").write_bytes(parquet(90))
    assert read(root, suggested(root))[0] == records("/")


ONE = table([["title", "category"], ["A bed", "Beds"], ["A cot", "Beds"]])
KEYED = json.dumps({f"p{n}": {"title": f"A bed {n}", "category": "ab"[n % 2]} for n in range(99)})


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a.parquet": parquet(0)}, "holds a header alone, or nothing; name the folder"),
        ({"a.dat": parquet(9), "b.dat": ONE}, "Parquet, which b.dat beside it is not; put files"),
        ({"a.dat": ONE, "b.dat": parquet(9)}, "b.dat: Parquet, which a.dat beside it is not"),
        ({"a.parquet": parquet(9)[:-99]}, "a.parquet: cannot be read as Parquet: "),
        ({"a.csv": ONE}, "its column category holds 'Beds' alone; .* name the folder"),
        ({"a.json": KEYED}, "holds one record alone; expected a list of records"),
        ({"a.csv": "id,title,category\n"}, "holds a header alone, or nothing; name the folder"),
        ({"a.csv": "\ufeff\n \n", "b.csv": ""}, "empty, as are all files beside it"),
        ({"a.csv": "sep=;\n"}, "holds a header alone, or nothing"),
        ({"a.md": "x"}, "no category file there; a.md is none; name the folder"),
        (
            {"a.csv": table([[f"price {n}" for n in range(999)], *[["1"] * 999] * 2])},
            r"\.\.\. look",
        ),
    ],
)
def test_what_is_no_catalogue_is_one_short_line(
    root: Path, files: dict[str, str | bytes], why: str
) -> None:
    for name, content in files.items():
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UsageError, match=why) as refused:
        suggested(root)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 700
