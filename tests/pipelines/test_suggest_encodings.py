"""A config is suggested for files in any encoding, or in several: no wrong letters are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from chain import aisle

from pipelines.suggest.encodings import encoding_of
from tests.pipelines.suggestions import named, products, read, records, suggested, table
from transforms.csv_records import NOT_DECODABLE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


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


PLAIN = "id;title\n" + "".join(f"{n};Acme bed nr {n}\n" for n in range(50))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("more", ["", "größe\n", "Кухня и мебель\n"])
@pytest.mark.parametrize("files", [1, 2, 3])
def test_utf_16_without_a_mark_is_told(encoding: str, more: str, files: int) -> None:
    assert encoding_of([f"{PLAIN}{more}".encode(encoding)] * files) == encoding


def test_text_with_nuls_is_no_utf_16() -> None:
    padded = "".join(f"{line:\0<20}\n" for line in PLAIN.splitlines())
    assert encoding_of([padded.encode()]) == "utf-8"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_two_files_of_utf_16_without_a_mark_are_read(root: Path, encoding: str) -> None:
    rows = named()
    for name, some in (("a.csv", rows[:40]), ("b.csv", [rows[0], *rows[40:]])):
        (root / name).write_bytes(table(some).encode(encoding))
    assert read(root, suggested(root)) == (records(), [])


@pytest.mark.parametrize(
    "encodings", [("cp1252", "utf-8"), ("utf-8", "cp1252"), ("utf-8", "cp1250")]
)
def test_of_files_in_several_encodings_each_is_read_by_its_own(
    root: Path, encodings: tuple[str, str]
) -> None:
    words = "żółte łóżko" if "cp1250" in encodings else "größe"
    header = ["Code", "Größe" if "ö" in words else "Nazwa łóżko", "category"]
    for name, encoding in zip("ab", encodings, strict=True):
        rows = [[f"{name}{e.id}", f"{e.title} {words}", " > ".join(e.path)] for e in products()]
        (root / f"{name}.csv").write_bytes(table([header, *rows]).encode(encoding))
    settings = suggested(root)
    assert settings.source.encoding == next(each for each in encodings if each != "utf-8")
    assert settings.source.columns.title == [header[1]]
    expected = [(f"{title} {words}", category) for title, category in records()]
    assert read(root, settings) == (expected * 2, [])


def test_a_broken_letter_makes_no_other_encoding_of_utf_8(root: Path) -> None:
    rows = [[e.id, f"{e.title} größe", " > ".join(e.path)] for e in products()]
    content = table([["id", "title", "category"], *rows]).encode()
    (root / "all.csv").write_bytes(content.replace("größe".encode(), b"gr\xf6sse", 1))
    settings = suggested(root)
    found, reasons = read(root, settings)
    assert (settings.source.encoding, len(found)) == ("utf-8", len(products()) - 1)
    assert reasons == [NOT_DECODABLE]


def test_a_header_of_bytes_that_are_no_letter_is_one_line(root: Path) -> None:
    rows = [[e.id, f"{e.title} größe", " > ".join(e.path)] for e in products()]
    content = table([["id", "title", "cat@gorie"], *rows]).encode().replace(b"@", b"\xe9")
    (root / "all.csv").write_bytes(content)
    said = aisle("suggest-config", "--input", root, "--out", root.parent / "shop.yaml")
    assert said.status == 2
    (line,) = said.err.splitlines()
    assert r'bytes that are no character in utf-8, at "cat\uDCE9gorie"' in line
