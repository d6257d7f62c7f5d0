"""A config is suggested for files as programs write them: header, quotes, encoding, names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chain import aisle

from configs.errors import UsageError
from configs.settings import DumpSettings
from pipelines.dumps import find_dump_files, read_dump_file
from pipelines.suggest.encodings import encoding_of
from tests.pipelines.suggestions import (
    SHELVES,
    named,
    products,
    read,
    records,
    suggested,
    table,
)
from transforms.csv_records import NOT_DECODABLE


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
        ("sep=,\n" + table(named()), 1),
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


ALPHABETS = {
    "cp1252": ("Größe für Männer", "Robe d’été, œuf, forêt", "Calção, maçã", "børnetøj, æske"),
    "cp1250": ("żółte łóżko, świeca", "hračky, šaty, dům", "bőrönd, fűnyíró", "ţesături şosete"),
    "cp1254": ("Kızartma tavası, şarj, İpek",),
    "cp1257": ("žaislai, ąžuolas, įrankiai", "rotaļlietas, ķivere, gulēšana"),
    "cp1251": ("Кухня и мебель для дома", "Їжак та ніж для кухні"),
    "koi8_r": ("Кухня и мебель для дома",),
    "cp1253": ("Κουζίνα και φόρεμα",),
    "cp1255": ("מטבח ושמלה לאישה",),
    "cp1256": ("المطبخ والفستان",),
    "cp932": ("炊飯器とワンピース",),
    "cp949": ("원피스와 블라우스",),
}


@pytest.mark.parametrize(
    ("encoding", "words"), [(name, words) for name, some in ALPHABETS.items() for words in some]
)
def test_a_page_is_told_by_the_letters_of_a_language(encoding: str, words: str) -> None:
    text = "id;title\n" + "".join(f"{n};Acme {words} nr {n}\n" for n in range(50))
    content = text.encode(encoding)
    assert content.decode(encoding_of([content])) == text


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


def test_hits_of_a_search_on_one_line_are_a_document(root: Path) -> None:
    hits = [{"_id": e.id, "_source": {"title": e.title, "category": "/".join(e.path)}}
            for e in products()]  # fmt: skip
    (root / "all.json").write_text(json.dumps({"took": 5, "hits": {"total": 90, "hits": hits}}))
    settings = suggested(root)
    assert read(root, settings) == (records("/"), [])
    assert dump_ids(root / "all.json", settings.dump) == [each.id for each in products()]


def test_of_files_in_several_encodings_those_of_another_than_utf_8_are_rejects(root: Path) -> None:
    for encoding in ("utf-8", "cp1252"):
        rows = [[f"{e.title} größe", " > ".join(e.path)] for e in products()]
        text = table([["title", "category"], *rows])
        (root / f"{encoding}.csv").write_bytes(text.encode(encoding))
    expected = [(f"{title} größe", category) for title, category in records()]
    found, reasons = read(root, suggested(root))
    assert (found, set(reasons)) == (expected, {NOT_DECODABLE})


ONE = table([["title", "category"], ["A bed", "Beds"], ["A cot", "Beds"]])
KEYED = json.dumps({f"p{n}": {"title": f"A bed {n}", "category": "ab"[n % 2]} for n in range(99)})


@pytest.mark.parametrize(
    ("files", "why"),
    [
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
    root: Path, files: dict[str, str], why: str
) -> None:
    for name, text in files.items():
        (root / name).write_text(text)
    with pytest.raises(UsageError, match=why) as refused:
        suggested(root)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 700
