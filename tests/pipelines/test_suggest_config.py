"""A config is suggested for catalogues of many shapes; it reads every record as it was written."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain import aisle

from configs.errors import UsageError
from configs.loading import load_settings
from configs.settings import Settings
from pipelines.category_files import find_category_files, read_category_file
from pipelines.rejects import MOST_OFTEN
from pipelines.suggest.config import suggest_config
from transforms.column_values import NO_TITLE
from transforms.labels import BETWEEN_LABELS

ROWS = 120
SHELVES = [("Garten", "Rasen"), ("Garten", "Hecken"), ("Küche", "Töpfe"), ("Spielzeug", "Bälle")]
MAKERS = ("Gärtner", "Nölke", "Weiß", "Ürün", "Ahlberg")
Record = tuple[str, list[str]]


def products() -> list[tuple[int, str, tuple[str, str]]]:
    """Return id, title and path of products; a title has commas, quotes and marks."""
    made = itertools.product(SHELVES, MAKERS, range(ROWS))
    return [
        (7000 + n, f'{maker} {shelf[1]}, "Modell {size}" groß; neu', shelf)
        for n, (shelf, maker, size) in enumerate(itertools.islice(made, 0, None, 17))
    ]


def records(separator: str) -> list[Record]:
    return [(title, [separator.join(path)]) for _, title, path in products()]


def table(rows: list[list[str]], **form: object) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", **form).writerows(rows)
    return text.getvalue()


def suggested(root: Path) -> Settings:
    out = root.parent / "shop.yaml"
    suggest_config(str(root), str(out))
    return load_settings(out)


def read(root: Path, settings: Settings) -> list[Record]:
    """Return titles and categories of all records; there is no reject."""
    found = []
    for file in find_category_files(str(root), settings)[0]:
        for batch, rejects in read_category_file(file, settings.source, settings.categories):
            assert rejects == []
            for title, category in zip(
                batch.column("title").to_pylist(), batch.column("category").to_pylist(), strict=True
            ):
                found.append((title, category.split(BETWEEN_LABELS)))
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "My shop"
    folder.mkdir()
    return folder


def semicolons(root: Path) -> None:
    rows = [["Artikel-Nr.", "Bezeichnung", "Preis", "Warengruppe"]]
    rows += [[str(n), title, "1,50", " > ".join(path)] for n, title, path in products()]
    (root / "katalog.csv").write_bytes(table(rows, delimiter=";").encode("cp1252"))


def tabs_where_quotes_are_text(root: Path) -> None:
    lines = ["sku\tname\tcategory"]
    lines += [f"{n}\t{title}\t{'/'.join(path)}" for n, title, path in products()]
    (root / "all.tsv").write_text("\n".join(lines) + "\n")


def parts_in_columns(root: Path) -> None:
    rows = [["Category 2", "Title", "Brand", "Category 1"]]
    rows += [[path[1], title, "Acme", path[0]] for _, title, path in products()]
    (root / "all.csv").write_text(table(rows, quoting=csv.QUOTE_ALL))


def parts_by_rank(root: Path) -> None:
    rows = [["sub_category", "product_name", "main_category"]]
    rows += [[path[1], title, path[0]] for _, title, path in products()]
    (root / "all.csv.gz").write_bytes(gzip.compress(table(rows).encode()))


def json_lines(root: Path) -> None:
    rows = [
        {"id": n, "product": {"name": title}, "tags": [{"name": "/".join(path)}]}
        for n, title, path in products()
    ]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (root / "all.jsonl").write_text(text, encoding="utf-16")


def json_document(root: Path) -> None:
    rows = [
        {"sku": str(n), "title": title, "category": {"path": "|".join(path)}}
        for n, title, path in products()
    ]
    document = {"filters": [{"name": "a"}], "data": {"count": len(rows), "items": rows}}
    (root / "all.json").write_text(json.dumps(document, indent=1))


def feed(root: Path) -> None:
    items = [
        f"<item><g:id>{n}</g:id><g:title>{escape(title)}</g:title>"
        f"<g:shipping><g:country>DE</g:country></g:shipping>"
        f"<g:product_type>{escape(' > '.join(path))}</g:product_type></item>"
        for n, title, path in products()
    ]
    text = (
        '<?xml version="1.0" encoding="iso-8859-1"?><rss xmlns:g="http://base.google.com/ns/1.0">'
        f"<channel><title>Shop</title>{''.join(items)}</channel></rss>"
    )
    (root / "feed.xml").write_bytes(text.encode("latin-1"))


def parquet(root: Path) -> None:
    ids, titles, paths = zip(*products(), strict=True)
    columns = {"asin": ids, "item_name": titles, "categories": [["/".join(p)] for p in paths]}
    pq.write_table(pa.table(columns), root / "all.parquet")


@pytest.mark.parametrize(
    ("write", "separator", "product_id"),
    [
        (semicolons, ">", "Artikel-Nr."),
        (tabs_where_quotes_are_text, "/", "sku"),
        (parts_in_columns, ">", "id"),
        (parts_by_rank, ">", "id"),
        (json_lines, "/", "id"),
        (json_document, "|", "sku"),
        (feed, ">", "g:id"),
        (parquet, "/", "asin"),
    ],
)
def test_a_suggested_config_reads_every_record(
    root: Path, write: Callable[[Path], None], separator: str, product_id: str
) -> None:
    write(root)
    settings = suggested(root)
    assert read(root, settings) == records(separator)
    assert settings.dump.id == product_id
    assert settings.dump.title == settings.source.columns.title[0]
    assert settings.name == "My_shop"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "shift_jis", "euc_jp"])
def test_the_encoding_is_told_from_the_text(root: Path, encoding: str) -> None:
    goods = {"家電": "冷蔵庫 ひえひえ君 大型 白", "玩具": "子供用のボール 赤い おもちゃ 軽い"}
    lines = ["商品名,カテゴリ"]
    lines += [f"{title} {n},{shelf}" for n in range(40) for shelf, title in goods.items()]
    (root / "all.csv").write_bytes("\n".join(lines).encode(encoding))
    found = read(root, suggested(root))
    assert found == [(f"{t} {n}", [shelf]) for n in range(40) for shelf, t in goods.items()]


def test_files_named_after_categories_with_something_before_them(root: Path) -> None:
    for main, sub in SHELVES:
        (root / f"shop_{main}_{sub}.csv").write_text(f'ad\nA {sub} here\n\'n other, "{main}"\n')
    (root / ".DS_Store").write_bytes(b"\0\1")
    (root / "README.md").write_text("read me")
    settings = suggested(root)
    assert settings.categories.prefix == "shop_"
    assert {c for _, (c,) in read(root, settings)} == {"_".join(path) for path in SHELVES}


def test_files_without_a_header_in_folders(root: Path) -> None:
    for main, sub in SHELVES:
        (root / main / sub).mkdir(parents=True)
        for part in range(2):
            lines = [f"{n}|The {sub} number {n}|{n}.5" for n in range(part, 30, 2)]
            (root / main / sub / f"part-{part}.txt").write_text("\n".join(lines) + "\n")
    settings = suggested(root)
    assert settings.source.header == ["column_1", "column_2", "column_3"]
    assert settings.categories.source == "folders"
    expected = sorted((f"The {s} number {n}", [f"{m}/{s}"]) for m, s in SHELVES for n in range(30))
    assert sorted(read(root, settings)) == expected


def test_a_column_of_several_categories(root: Path) -> None:
    tags = [c for n in (1, 2, 3) for c in itertools.combinations("abcdef", n)]
    lines = ["title\ttags"] + [f"A thing number {n}\t{','.join(t)}" for n, t in enumerate(tags * 4)]
    (root / "all.tsv").write_text("\n".join(lines) + "\n")
    settings = suggested(root)
    assert settings.categories.label_separator == ","
    assert read(root, settings) == [
        (f"A thing number {n}", list(t)) for n, t in enumerate(tags * 4)
    ]


def test_a_root_that_all_categories_share_is_no_class(root: Path) -> None:
    lines = ["title,category"]
    lines += [
        f'"{title.replace(chr(34), "")}",Home > {" > ".join(p)}' for _, title, p in products()
    ]
    (root / "all.csv").write_text("\n".join(lines) + "\n")
    assert suggested(root).categories.levels["main"].part == 1


def test_the_largest_of_tables_that_say_different_things_is_taken(root: Path) -> None:
    (root / "shelves.csv").write_text("shelf_id,shelf\n1,Toys\n2,Baby\n")
    lines = ["product_id,product_name,category"]
    lines += [f"{n},A fine thing number {n},{'ab'[n % 2]}" for n in range(90)]
    (root / "products.csv").write_text("\n".join(lines) + "\n")
    settings = suggested(root)
    assert settings.source.files == "products.csv"
    assert len(read(root, settings)) == 90


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "no category file there"),
        ({"a.csv": b""}, "empty, as are all"),
        ({"a.bin": bytes(range(256)) * 9}, "no text, and not Parquet"),
        ({"a.csv": b"price,size\n1,2\n3,4\n"}, r"none of the columns \['price', 'size'\] looks"),
        ({"a.csv": b"title,n\nA bed,1\nA cot,2\nA bib,3\n"}, "no column looks like a category"),
        ({"a.xml": b"<all><one/><two/></all>"}, "no element with others in it"),
    ],
)
def test_what_cannot_be_told_is_one_line(root: Path, files: dict[str, bytes], why: str) -> None:
    for name, content in files.items():
        (root / name).write_bytes(content)
    with pytest.raises(UsageError, match=why) as refused:
        suggested(root)
    assert len(str(refused.value).splitlines()) == 1
    assert not (root.parent / "shop.yaml").exists()


def test_the_command_shows_what_it_reads_and_never_writes_over_a_file(root: Path) -> None:
    semicolons(root)
    out = root.parent / "new" / "shop.yaml"
    said = aisle("suggest-config", "--input", root, "--out", out, "--json")
    assert said.status == 0
    figures = json.loads(said.out.splitlines()[-1])
    assert (figures["title"], figures["category"]) == ("Bezeichnung", "Warengruppe")
    assert (figures["records_tried"], figures["rejected"]) == (len(products()), 0)
    assert figures["samples"][0] == [products()[0][1], ">".join(SHELVES[0])]
    assert "Garten>Rasen" in said.out
    before = out.read_bytes()
    again = aisle("suggest-config", "--input", root, "--out", out)
    assert again.status == 2
    assert "is there already" in again.err
    assert out.read_bytes() == before


def test_the_reason_of_most_rejects_has_the_name_it_has_in_every_command(root: Path) -> None:
    semicolons(root)
    with open(root / "katalog.csv", "ab") as file:
        file.write(b"1;;1,50;Garten > Rasen\n" * 2 + b"2;Rasen;1,50;\n")
    figures = suggest_config(str(root), str(root.parent / "shop.yaml"))
    assert figures["rejected"] == 3
    assert figures[MOST_OFTEN] == NO_TITLE


def test_a_config_that_reads_nothing_is_written_and_must_be_mended_first(root: Path) -> None:
    found = [{"title": title, "categories": [["Sale"], path[1]]} for _, title, path in products()]
    (root / "all.jsonl").write_text("\n".join(map(json.dumps, found)))
    out = root.parent / "shop.yaml"
    said = aisle("suggest-config", "--input", root, "--out", out, "--json")
    assert said.status == 2
    (line,) = said.err.splitlines()
    assert f"all {len(found)} records that were tried are rejected, most as: its categories" in line
    assert f"mend {out} before aisle run" in line
    assert "next:" not in said.out
    assert said.figures["rejected"] == len(found)
    assert load_settings(out).source.format == "jsonl"
