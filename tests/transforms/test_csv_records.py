r"""Cutting lines into records: RFC 4180, and a stray quote costs its own line and no other."""

from __future__ import annotations

import pytest

from transforms.csv_records import STRAY_QUOTE, TOO_LONG, BadRecord, Records, split_records


def split(*lines: str, delimiter: str = ",", final: bool = True, max_chars: int = 100) -> Records:
    return split_records(list(lines), delimiter=delimiter, final=final, max_chars=max_chars)


def found(records: Records) -> list[tuple[int, list[str]]]:
    """Return the rows, each behind the line it began at."""
    return list(zip(records.lines, records.rows, strict=True))


def test_no_lines_hold_no_records() -> None:
    assert split() == Records()


def test_a_quoted_field_may_hold_line_breaks_separators_and_doubled_quotes() -> None:
    records = split('"a\n', 'b, ""c"""\n', "d\n")
    assert found(records) == [(0, ['a\nb, "c"']), (2, ["d"])]
    assert records.bad == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_in_lf_crlf_or_cr(end: str) -> None:
    assert found(split(f"a{end}", f'"b{end}', f'c"{end}')) == [(0, ["a"]), (1, [f"b{end}c"])]


def test_a_blank_line_is_a_record_without_fields() -> None:
    assert found(split("a\n", "\n", "b\n")) == [(0, ["a"]), (1, []), (2, ["b"])]


def test_a_quote_inside_an_unquoted_field_is_text() -> None:
    assert found(split('5" pipe\n', 'the "best" one\n')) == [
        (0, ['5" pipe']),
        (1, ['the "best" one']),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        '"open and never closed\n',
        '"closed" too early\n',
        '"closed" , behind a space\n',
        '"\n',
        '"""\n',
    ],
)
@pytest.mark.parametrize("neighbour", ["plain\n", 'an inner " quote\n', '"whole, quoted"\n'])
def test_a_stray_quote_costs_one_line_and_swallows_no_neighbour(bad: str, neighbour: str) -> None:
    records = split("first\n", bad, neighbour, "last\n")
    assert records.bad == [BadRecord(1, STRAY_QUOTE, 1)]
    assert [line for line, _ in found(records)] == [0, 2, 3]
    assert found(records)[1][1] == found(split(neighbour))[0][1]


def test_every_stray_quote_is_told_apart() -> None:
    records = split('"a\n', '"b\n', "c\n", '"d\n')
    assert [bad.line for bad in records.bad] == [0, 1, 3]
    assert found(records) == [(2, ["c"])]


def test_a_stray_quote_at_the_end_of_the_file_is_rejected() -> None:
    records = split("a\n", '"b')
    assert (found(records), records.bad) == ([(0, ["a"])], [BadRecord(1, STRAY_QUOTE, 1)])


def test_a_record_that_is_open_at_the_end_of_a_block_waits_for_the_next() -> None:
    records = split("a\n", '"b\n', "c\n", final=False)
    assert (found(records), records.bad, records.unread) == ([(0, ["a"])], [], 1)


def test_a_record_that_is_open_for_too_long_does_not_wait() -> None:
    records = split('"a\n', "bcdef\n", "g\n", final=False, max_chars=8)
    assert records.bad == [BadRecord(0, STRAY_QUOTE, 1)]
    assert found(records) == [(1, ["bcdef"]), (2, ["g"])]
    assert records.unread is None


def test_a_line_that_is_too_long_is_rejected_alone() -> None:
    records = split("a\n", "x" * 101, "b\n")
    assert records.bad == [BadRecord(1, TOO_LONG, 1)]
    assert found(records) == [(0, ["a"]), (2, ["b"])]


def test_a_record_of_many_lines_that_is_too_long_is_rejected_with_all_its_lines() -> None:
    records = split("a\n", '"xxxx\n', "xxxx\n", 'xxxx"\n', "b\n", max_chars=10)
    assert records.bad == [BadRecord(1, TOO_LONG, 3)]
    assert found(records) == [(0, ["a"]), (4, ["b"])]


def test_behind_an_escape_a_quote_is_text_and_so_is_what_else_stands_there() -> None:
    lines = ['"5\\" wide, \\\\ ""b""",x\n', '"a\\"\n', 'b",y\n']
    records = split_records(lines, delimiter=",", final=True, max_chars=100, escape="\\")
    assert found(records) == [(0, ['5" wide, \\ "b"', "x"]), (1, ['a"\nb', "y"])]
    assert records.bad == []


def test_the_delimiter_is_a_setting() -> None:
    assert found(split('a,b\t"c\td"\n', delimiter="\t")) == [(0, ["a,b", "c\td"])]
