"""Where a record surely begins: whichever line a reader was at, it comes by there."""

from __future__ import annotations

import random
from collections.abc import Iterator

from transforms.csv_records import record_starts
from transforms.record_starts import sure_start

DIRT = ["a,b\n", '"x\n', 'y"\n', 'z",1\n', '"whole, one",2\n', '"a "" b\n', '5" pipe,3\n', "\n"]


def starts_in(lines: list[str], line: int) -> Iterator[int]:
    return record_starts(lines, line, delimiter=",", max_chars=40)


def found(lines: list[str], first: int) -> int | None:
    return sure_start(lambda line: starts_in(lines, line), first)


def test_where_each_line_is_a_record_it_is_the_first_one_asked_for() -> None:
    assert found(["a\n", "b\n", "c\n"], 1) == 1


def test_inside_a_quoted_field_it_is_the_line_behind_it() -> None:
    assert found(["a\n", '"b\n', "c\n", 'd"\n', "e\n"], 2) == 4


def test_nothing_is_sure_while_a_quote_may_be_closed_behind_the_last_line() -> None:
    assert found(["a\n", '"b\n', "c\n"], 2) is None


def test_a_quote_that_no_record_can_close_hinders_nothing() -> None:
    assert found(["a\n", '"b\n', "c" * 41 + "\n", "d\n"], 2) == 2


def test_every_reader_that_began_before_comes_by() -> None:
    chance, told = random.Random(7), 0
    for _ in range(400):
        lines = chance.choices(DIRT, k=30)
        line = found(lines, 8)
        if line is not None:
            told += 1
            assert line >= 8
            assert all(line in starts_in(lines, first) for first in range(8))
    assert told > 100
