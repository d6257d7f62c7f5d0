"""Records of several lines: each is a row with its fields, or a reject with all its bytes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from configs.source import RecordSettings
from pipelines import records
from pipelines.blocks import MissingColumn
from pipelines.records import OUTSIDE, read_record_blocks
from transforms.csv_records import NOT_DECODABLE, NUL_BYTE, TOO_LONG, RejectedRow

GRAMMAR = RecordSettings(
    begin=r"^Id: +\d+$",
    ignore="^#",
    fields={
        "title": {"pattern": "^  title: (.*)$"},
        "label": {"pattern": r"^   \|(.*\])$", "repeated": True, "count": r"^  labels: (\d+)$"},
    },
)
COLUMNS = {"title": ["name", "title"], "label": ["label"]}
BED = "Id:  1\n  title: Bed\n  labels: 2\n   |A[1]|B[2]\n   |A[1]\n  reviews: 7\n\n"
BIB = "Id:  2\n  title: Bib: blue\n  labels: 0\n"
Row = tuple[int, str, list[str]]


@pytest.fixture(params=[1, 30, 4 << 20])
def any_block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in blocks of so many characters: a record may cross many of them."""
    monkeypatch.setattr(records, "_BLOCK_CHARS", request.param)


def read(
    folder: Path,
    content: bytes,
    encoding: str = "utf-8",
    max_record_bytes: int = 1000,
    grammar: RecordSettings = GRAMMAR,
) -> tuple[list[Row], list[RejectedRow]]:
    path = folder / "meta.txt"
    path.write_bytes(content)
    rows, rejects, raws, characters = [], [], [], 0
    for block in read_record_blocks(
        str(path),
        "meta.txt",
        COLUMNS,
        grammar,
        encoding=encoding,
        max_record_bytes=max_record_bytes,
    ):
        assert {column.type for column in block.columns.values()} == {pa.string()}
        found = [block.lists.get(name, block.columns[name]) for name in COLUMNS]
        columns = (block.lines.tolist(), *(column.to_pylist() for column in found))
        rows += zip(*columns, strict=True)
        rejects += block.rejects
        raws += block.raw.to_pylist() + [reject.raw for reject in block.rejects]
        characters += block.characters
    assert characters == len(content.decode(encoding, "replace"))
    assert sum(map(len, raws)) <= len(content)
    return rows, rejects


@pytest.mark.usefixtures("any_block")
class TestWhateverTheBlockSize:
    def test_fields_are_taken_from_the_lines_of_their_record(self, tmp_path: Path) -> None:
        rows, rejects = read(tmp_path, (BED + BIB + BED).encode())
        bed = ("Bed", ["A[1]|B[2]", "A[1]"])
        assert rows == [(1, *bed), (8, "Bib: blue", []), (11, *bed)]
        assert rejects == []

    def test_line_ends_of_any_kind_are_no_part_of_a_value(self, tmp_path: Path) -> None:
        for end in ("\r\n", "\r"):
            rows, _ = read(tmp_path, (BED + BIB).replace("\n", end).encode())
            assert [row[1] for row in rows] == ["Bed", "Bib: blue"]

    def test_what_stands_before_the_first_record_is_a_reject_unless_ignored(
        self, tmp_path: Path
    ) -> None:
        rows, rejects = read(tmp_path, b"# made in 2006\n\nTotal: 1\n" + BIB.encode())
        assert [row[0] for row in rows] == [4]
        assert rejects == [RejectedRow("meta.txt", 3, OUTSIDE, b"Total: 1\n")]

    def test_a_file_without_a_record_is_all_rejects(self, tmp_path: Path) -> None:
        rows, rejects = read(tmp_path, b"title,x\nBed,1\n")
        assert (rows, [bad.line for bad in rejects]) == ([], [1, 2])

    @pytest.mark.parametrize(
        ("last", "found"), [("  labels: 2\n", 0), ("   |A[1]|B[2]\n", 1), ("B[2]\n   |A[", 1)]
    )
    def test_a_record_cut_in_the_middle_is_a_reject(
        self, tmp_path: Path, last: str, found: int
    ) -> None:
        cut = BED.partition(last)[0] + last
        rows, rejects = read(tmp_path, (BIB + cut).encode())
        assert [row[1] for row in rows] == ["Bib: blue"]
        reason = f"{found} lines are its label, it says 2"
        assert rejects == [RejectedRow("meta.txt", 4, reason, cut.encode())]

    def test_two_titles_in_one_record_are_a_reject(self, tmp_path: Path) -> None:
        broken = BIB + "Id: two\n  title: Bed\n"
        rows, rejects = read(tmp_path, broken.encode())
        assert rows == []
        reason = "2 lines are its title, expected one"
        assert rejects == [RejectedRow("meta.txt", 1, reason, broken.encode())]

    def test_bytes_of_no_character_and_nul_cost_their_record_alone(self, tmp_path: Path) -> None:
        cafe, nul = BIB.replace("blue", "café").encode("latin-1"), BIB.replace("blue", "\0")
        rows, rejects = read(tmp_path, cafe + BED.encode() + nul.encode())
        assert [row[1] for row in rows] == ["Bed"]
        assert rejects == [
            RejectedRow("meta.txt", 1, NOT_DECODABLE, cafe),
            RejectedRow("meta.txt", 11, NUL_BYTE, nul.encode()),
        ]

    def test_the_declared_encoding_is_read(self, tmp_path: Path) -> None:
        rows, rejects = read(tmp_path, BIB.replace("blue", "café").encode("latin-1"), "latin-1")
        assert ([row[1] for row in rows], rejects) == (["Bib: café"], [])

    def test_a_record_that_is_too_long_is_rejects_and_the_next_is_read(
        self, tmp_path: Path
    ) -> None:
        long = BIB + "  review: bla bla\n" * 100
        rows, rejects = read(tmp_path, (long + BED).encode(), max_record_bytes=200)
        assert [row[:2] for row in rows] == [(104, "Bed")]
        assert {bad.reason for bad in rejects} == {TOO_LONG}
        assert b"".join(bad.raw for bad in rejects) == long.encode()


def test_a_record_without_a_field_has_an_empty_one(tmp_path: Path) -> None:
    assert read(tmp_path, b"Id: 3\n  discontinued\n")[0] == [(1, "", [])]


@pytest.mark.parametrize(
    ("said", "shown"),
    [("9" * 20, "9" * 18 + "…"), ("1" * 5000, "1" * 18 + "…"), ("1", "1"), ("", "0"), ("a", "a")],
)
def test_a_count_that_is_not_that_of_the_lines_is_a_reject(
    tmp_path: Path, said: str, shown: str
) -> None:
    fields = GRAMMAR.fields
    label = fields["label"].model_copy(update={"count": r"^  labels: (.+)$"})
    grammar = GRAMMAR.model_copy(update={"fields": {**fields, "label": label}})
    content = (BED.replace("labels: 2", f"labels: {said}") + BED).encode()
    rows, rejects = read(tmp_path, content, max_record_bytes=9000, grammar=grammar)
    assert [row[0] for row in rows] == [8]
    assert [bad.reason for bad in rejects] == [f"2 lines are its label, it says {shown}"]


def test_an_empty_file_gives_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == ([], [])


def test_a_field_that_the_grammar_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "meta.txt").write_text(BED)
    with pytest.raises(MissingColumn, match="no column maker"):
        list(
            read_record_blocks(
                str(tmp_path / "meta.txt"),
                "meta.txt",
                {"title": ["maker"]},
                GRAMMAR,
                encoding="utf-8",
                max_record_bytes=1000,
            )
        )
