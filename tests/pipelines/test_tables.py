r"""Reading delimited files: whatever stands in them, records = rows + rejects, nothing is lost."""

from __future__ import annotations

import csv
import io
import itertools
import random
from pathlib import Path

import pytest

from configs.section import check_encoding
from pipelines import tables
from pipelines.blocks import Block, MissingColumn
from pipelines.tables import TableFormat, read_blocks
from transforms.csv_records import NOT_DECODABLE, NUL_BYTE, STRAY_QUOTE, TOO_LONG, RejectedRow

Rows = list[tuple[int, str]]


@pytest.fixture(params=[1, 7, 64, 4 << 20])
def any_block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in blocks of so many characters: a record may cross many of them."""
    monkeypatch.setattr(tables, "_BLOCK_CHARS", request.param)


def blocks_of(
    folder: Path, content: bytes, columns: tuple[str, ...] = ("ad",), **form: object
) -> list[Block]:
    path = folder / "shop.csv"
    path.write_bytes(content)
    wanted = {name: [name] for name in columns}
    return list(read_blocks(str(path), "shop.csv", wanted, TableFormat(**form)))


def read(folder: Path, content: bytes, **form: object) -> tuple[Rows, list[RejectedRow]]:
    """Return (line, title) of each row, and the rejects by line."""
    blocks = blocks_of(folder, content, **form)
    rows = [
        pair
        for block in blocks
        for pair in zip(block.lines.tolist(), block.columns["ad"].to_pylist(), strict=True)
    ]
    rejects = [reject for block in blocks for reject in block.rejects]
    assert sum(block.records for block in blocks) == len(rows) + len(rejects)
    return rows, sorted(rejects, key=lambda reject: reject.line)


def reject(line: int, reason: str, raw: bytes) -> RejectedRow:
    return RejectedRow("shop.csv", line, reason, raw)


@pytest.mark.usefixtures("any_block")
class TestWhateverTheBlockSize:
    def test_quoted_line_breaks_stay_in_the_record(self, tmp_path: Path) -> None:
        content = b'ad\n"a\nb"\n"c ""d"""\r\ne\r"f\r\n\r\ng"\n'
        rows, rejects = read(tmp_path, content)
        assert rows == [(2, "a\nb"), (4, 'c "d"'), (5, "e"), (6, "f\r\n\r\ng")]
        assert rejects == []

    def test_a_stray_quote_costs_its_line_alone(self, tmp_path: Path) -> None:
        content = b'ad\na\n"b\nc\n"d, e"\n"f" g\nh\n'
        rows, rejects = read(tmp_path, content)
        assert rows == [(2, "a"), (4, "c"), (5, "d, e"), (7, "h")]
        assert rejects == [reject(3, STRAY_QUOTE, b'"b\n'), reject(6, STRAY_QUOTE, b'"f" g\n')]

    def test_a_stray_quote_at_the_end_of_the_file_is_rejected(self, tmp_path: Path) -> None:
        rows, rejects = read(tmp_path, b'ad\na\n"b\nc')
        assert rows == [(2, "a"), (4, "c")]
        assert rejects == [reject(3, STRAY_QUOTE, b'"b\n')]

    def test_extra_columns_are_rejected_with_all_their_lines(self, tmp_path: Path) -> None:
        rows, rejects = read(tmp_path, b'ad\na\nb, c\n"d\r\ne",f\ng\n')
        assert rows == [(2, "a"), (6, "g")]
        reason = "2 columns where the header has 1"
        assert rejects == [reject(3, reason, b"b, c\n"), reject(4, reason, b'"d\r\ne",f\n')]

    def test_missing_columns_are_rejected_and_so_are_blank_lines_beside_others(
        self, tmp_path: Path
    ) -> None:
        rows, rejects = read(tmp_path, b"ad,x\na,1\nb\n\nc,2\n")
        assert rows == [(2, "a"), (5, "c")]
        assert rejects == [
            reject(3, "1 columns where the header has 2", b"b\n"),
            reject(4, "a blank line", b"\n"),
        ]

    def test_a_blank_line_of_the_only_column_is_an_empty_value(self, tmp_path: Path) -> None:
        assert read(tmp_path, b"ad\na\n\nb\n")[0] == [(2, "a"), (3, ""), (4, "b")]

    def test_odd_separators_are_no_line_ends(self, tmp_path: Path) -> None:
        odd = "a\x85b\u2028c\u2029d\x0be\x0cf\x1cg"
        assert read(tmp_path, f"ad\n{odd}\nh\n".encode())[0] == [(2, odd), (3, "h")]

    def test_nuls_are_rejected_with_their_bytes(self, tmp_path: Path) -> None:
        rows, rejects = read(tmp_path, b"ad\na\nb\0c\n\0\0\0\nd\n")
        assert rows == [(2, "a"), (5, "d")]
        assert rejects == [reject(3, NUL_BYTE, b"b\0c\n"), reject(4, NUL_BYTE, b"\0\0\0\n")]

    def test_bytes_that_are_no_character_are_rejected_exactly_as_they_were(
        self, tmp_path: Path
    ) -> None:
        content = b'ad\na\ncaf\xe9 \xc3\n"\xff\n\xed\xa0\x80 b"\nc\n'
        rows, rejects = read(tmp_path, content)
        assert rows == [(2, "a"), (6, "c")]
        assert rejects == [
            reject(3, NOT_DECODABLE, b"caf\xe9 \xc3\n"),
            reject(4, NOT_DECODABLE, b'"\xff\n\xed\xa0\x80 b"\n'),
        ]

    def test_a_reject_holds_the_lines_of_columns_that_nobody_asked_for(
        self, tmp_path: Path
    ) -> None:
        rows, rejects = read(tmp_path, b'ad,x\n\xff,"1\n2"\na,3\n')
        assert (rows, rejects) == ([(4, "a")], [reject(2, NOT_DECODABLE, b'\xff,"1\n2"\n')])

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
    def test_a_byte_order_mark_wins_over_the_declared_encoding(
        self, tmp_path: Path, encoding: str
    ) -> None:
        text = 'ad\n"Möbel\n本"\n"b" c\nd\n'
        marked = text if encoding in ("utf-8-sig", "utf-16") else "\ufeff" + text
        rows, rejects = read(tmp_path, marked.encode(encoding), encoding="latin-1")
        assert rows == [(2, "Möbel\n本"), (5, "d")]
        plain = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
        assert rejects == [reject(4, STRAY_QUOTE, '"b" c\n'.encode(plain))]

    @pytest.mark.parametrize("marked", [True, False])
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
    def test_without_a_byte_order_mark_wide_characters_are_little_endian(
        self, tmp_path: Path, encoding: str, marked: bool
    ) -> None:
        text = 'ad\nMöbel\n"b" c\n'
        content = text.encode(encoding if marked else f"{encoding}-le")
        rows, rejects = read(tmp_path, content, encoding=encoding)
        assert rows == [(2, "Möbel")]
        assert rejects == [reject(3, STRAY_QUOTE, '"b" c\n'.encode(f"{encoding}-le"))]

    def test_a_file_of_another_encoding_than_declared_lacks_its_column(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(MissingColumn):
            read(tmp_path, b"ad\na\n", encoding="utf-16")

    def test_what_an_encoding_cannot_write_back_ends_no_run(self, tmp_path: Path) -> None:
        content = b"ad\n\xd5a\x1b$B\n"
        rows, rejects = read(tmp_path, content, encoding="iso2022_jp")
        assert (len(rows), len(rejects)) == (0, 1)

    @pytest.mark.parametrize(
        ("encoding", "written", "text"),
        [
            ("euc-kr", "cp949", "펲시 똠방각하"),
            ("gb2312", "gb18030", "朱镕基 €5 堃"),
            ("Shift_JIS", "cp932", "① 髙橋 ㈱ ～"),
        ],
    )
    def test_encodings_of_east_asia_are_read_as_windows_writes_them(
        self, tmp_path: Path, encoding: str, written: str, text: str
    ) -> None:
        lines = [line.encode(written) for line in ("ad\n", f"{text}\n", f'"{text}" b\n')]
        lines += [b"a\x81 b\n", "c\n".encode(written)]
        rows, rejects = read(tmp_path, b"".join(lines), encoding=check_encoding(encoding))
        assert rows == [(2, text), (5, "c")]
        assert rejects == [
            reject(3, STRAY_QUOTE, lines[2]),
            reject(4, NOT_DECODABLE, lines[3]),
        ]

    def test_broken_utf_16_is_rejected_exactly_as_it_was(self, tmp_path: Path) -> None:
        lone = b"\x00\xd8x\0\n\0"
        content = "\ufeffad\na\n".encode("utf-16-le") + lone + "b\n".encode("utf-16-le") + b"c"
        rows, rejects = read(tmp_path, content)
        assert rows == [(2, "a"), (4, "b")]
        assert rejects == [reject(3, NOT_DECODABLE, lone), reject(5, NOT_DECODABLE, b"c")]

    def test_well_formed_tables_come_back_as_they_were_written(self, tmp_path: Path) -> None:
        """Whatever Python's csv writer writes: random fields, quotes, line ends and delimiters."""
        for seed in range(25):
            content, expected, form = random_table(random.Random(seed))
            blocks = blocks_of(tmp_path, content, ("a", "b", "c"), **form)
            assert [reject for block in blocks for reject in block.rejects] == []
            columns = (block.columns for block in blocks)
            got = itertools.chain.from_iterable(
                zip(*(of[name].to_pylist() for name in "abc"), strict=True) for of in columns
            )
            lines = itertools.chain.from_iterable(block.lines.tolist() for block in blocks)
            assert list(zip(lines, got, strict=True)) == expected


def random_table(chance: random.Random) -> tuple[bytes, list[tuple[int, tuple]], dict[str, str]]:
    """Return a file, its records behind the lines they begin at, and how it is written."""
    end, delimiter = chance.choice(["\n", "\r\n", "\r"]), chance.choice(",\t;|")
    encoding = chance.choice(["utf-8", "utf-8-sig", "utf-16"])
    pieces = ["", "a", "é", "本", '"', '""', ",", "\t", ";", "|", " ", "\n", "\r\n", "\u2028", "'"]
    text = io.StringIO(newline="")
    # with another line end the writer leaves a lone CR or LF without quotes: not well-formed
    quoting = csv.QUOTE_MINIMAL if end == "\r\n" else csv.QUOTE_ALL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow("abc")
    records = []
    for _ in range(chance.randrange(30)):
        begin = 1 + len(io.StringIO(text.getvalue(), newline="").readlines())
        row = tuple("".join(chance.choices(pieces, k=chance.randrange(5))) for _ in "abc")
        writer.writerow(row)
        records.append((begin, row))
    return text.getvalue().encode(encoding), records, {"delimiter": delimiter}


def test_a_line_of_10_mb_is_rejected_whole_and_its_neighbours_stay(tmp_path: Path) -> None:
    huge = b"x" * 10_000_000 + b"\n"
    rows, rejects = read(tmp_path, b"ad\na\n" + huge + b"b\n")
    assert rows == [(2, "a"), (4, "b")]
    assert [(r.line, r.reason, r.raw == huge) for r in rejects] == [(3, TOO_LONG, True)]


def test_154143_nuls_are_one_reject(tmp_path: Path) -> None:
    rows, rejects = read(tmp_path, b"ad\na\n" + b"\0" * 154_143 + b"\nb\n")
    assert rows == [(2, "a"), (4, "b")]
    assert [(r.reason, len(r.raw)) for r in rejects] == [(NUL_BYTE, 154_144)]


def test_a_file_can_be_rejected_whole_with_the_bytes_of_each_record(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(b'title,x\n"a, b",1\n\n"c\nd",2\n"e\n')
    blocks = list(read_blocks(str(path), "shop.csv", {}, TableFormat(), reject="no column ad"))
    assert sum(len(block.lines) for block in blocks) == 0
    rejects = sorted((r for block in blocks for r in block.rejects), key=lambda r: r.line)
    assert rejects == [
        reject(2, "no column ad", b'"a, b",1\n'),
        reject(3, "a blank line", b"\n"),
        reject(4, "no column ad", b'"c\nd",2\n'),
        reject(6, STRAY_QUOTE, b'"e\n'),
    ]


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"ad", b"ad\n"])
def test_a_file_without_a_record_has_no_rows(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == ([], [])


@pytest.mark.parametrize("header", [b' ad ,"b"', b'"ad", b', b"\xef\xbb\xbfad,b"])
def test_header_names_are_trimmed_and_unquoted(tmp_path: Path, header: bytes) -> None:
    assert read(tmp_path, header + b"\nx,y\n") == ([(2, "x")], [])


def test_a_name_in_the_header_may_be_of_several_lines(tmp_path: Path) -> None:
    content = b'id,"ad\n(as printed)",price\n1,"a\nb",2\n3,c,4\n'
    (found,) = blocks_of(tmp_path, content, ("ad\n(as printed)",))
    assert found.columns["ad\n(as printed)"].to_pylist() == ["a\nb", "c"]
    assert found.lines.tolist() == [3, 5]


@pytest.mark.parametrize("hint", [b"sep=;\r\n", b'"sep=;"\n', b"SEP=;\n"])
def test_what_tells_excel_the_delimiter_is_no_header(tmp_path: Path, hint: bytes) -> None:
    rows, rejects = read(tmp_path, hint + b"ad;id\na;1\n", delimiter=";")
    assert (rows, rejects) == ([(3, "a")], [])
    rows, _ = read(tmp_path, hint + b"ad;id\na;1\n", delimiter=";", skip_lines=1)
    assert rows == [(3, "a")]


def test_a_file_that_is_utf_8_beyond_doubt_is_read_so_whatever_is_declared(tmp_path: Path) -> None:
    titles = ["größer", "süßer", "Ähre", "Öl", "ölig", "Übung", "müde"]
    content = "\n".join(["ad", *titles, ""])
    for written in ("utf-8", "cp1252"):
        rows, rejects = read(tmp_path, content.encode(written), encoding="cp1252")
        assert [title for _, title in rows] == titles
        assert rejects == []
    few = "ad\nÃ¤\nplain\n"  # two bytes that might be UTF-8: too few to tell
    assert read(tmp_path, few.encode("cp1252"), encoding="cp1252")[0][0] == (2, "Ã¤")


def test_a_quote_in_the_header_that_is_never_closed_costs_no_record(tmp_path: Path) -> None:
    with pytest.raises(MissingColumn, match=r"its header is \['\"id,ad'\]"):
        blocks_of(tmp_path, b'"id,ad\n1,a\n2,b\n')


def test_the_first_accepted_header_that_is_there_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(b"name,title\na,b\n")
    (block,) = read_blocks(str(path), "shop.csv", {"t": ["ad", "title", "name"]}, TableFormat())
    assert block.columns["t"].to_pylist() == ["b"]


@pytest.mark.parametrize(
    ("header", "taken"),
    [(b"AD,b", "x"), (b"Ad,ad", "y"), (b"b, aD ", "y"), ("Größe,b".encode(), None)],
)
def test_a_header_in_other_case_is_taken_where_none_is_as_it_is_written(
    tmp_path: Path, header: bytes, taken: str | None
) -> None:
    if taken is None:
        with pytest.raises(MissingColumn):
            read(tmp_path, header + b"\nx,y\n")
    else:
        assert read(tmp_path, header + b"\nx,y\n") == ([(2, taken)], [])


def test_of_two_headers_that_differ_in_case_alone_none_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(MissingColumn):
        read(tmp_path, b"Ad,AD\nx,y\n")


@pytest.mark.parametrize("header", [b"title,price", b"", b"caf\xe9"])
def test_a_file_without_the_column_says_what_it_has(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(MissingColumn, match="no column ad; its header is ") as missing:
        read(tmp_path, header + b"\na\n")
    assert missing.value.found == header.decode("utf-8", "surrogateescape").split(",")


def test_a_header_of_10_mb_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    with pytest.raises(MissingColumn) as missing:
        read(tmp_path, b"x" * 10_000_000 + b"\na\n")
    assert len(str(missing.value)) < 300
