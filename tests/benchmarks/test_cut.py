from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks.catalogue import category_files, titles
from benchmarks.cut import copy_records, count_records, cut_folder, spread


def all_titles(root: Path) -> dict[str, list[str]]:
    """Read the whole folder in one go with the csv module, apart from what is tested."""
    found = {}
    for path in sorted(root.rglob("*.csv")):
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        found[path.relative_to(root).as_posix()] = [row[0] if row else "" for row in rows[1:]]
    return found


def test_a_cut_holds_the_first_whole_records_of_every_file(catalogue: Path, tmp_path: Path) -> None:
    target = tmp_path / "cut"
    count = cut_folder(catalogue, target, 50)
    whole, cut = all_titles(catalogue), all_titles(target)
    assert cut.keys() == whole.keys()
    assert any("\n" in title for found in cut.values() for title in found)
    for name, found in cut.items():
        assert found
        assert found == whole[name][: len(found)]
    assert sum(map(len, cut.values())) == count == 50


def test_no_number_of_records_cuts_inside_quotes(tmp_path: Path) -> None:
    source = tmp_path / "source.csv"
    content = b'ad\r\n"one\r\n\r\ntwo ""x"", "\nthree\r"four\n"\n\nfive\xff"six\n\0\n'
    source.write_bytes(content)
    expected = ['one\r\n\r\ntwo "x", ', "three", "four\n", "", 'five\ufffd"six', "\0"]
    assert list(titles(source)) == expected
    assert count_records(source) == len(expected)
    for count in range(len(expected) + 2):
        target = tmp_path / f"{count}.csv"
        copy_records(source, target, count)
        assert list(titles(target)) == expected[:count]
        assert content.startswith(target.read_bytes())


def test_a_cut_of_more_records_than_there_are_is_a_copy(catalogue: Path, tmp_path: Path) -> None:
    target = tmp_path / "cut"
    assert cut_folder(catalogue, target, 1000) == 210
    for path in category_files(catalogue):
        assert (target / path.relative_to(catalogue)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("counts", "rows", "expected"),
    [
        ([10, 80, 10], 50, [5, 40, 5]),
        ([1, 1, 98], 10, [1, 1, 8]),
        ([0, 6, 6], 4, [0, 2, 2]),
        ([3, 3], 6, [3, 3]),
    ],
)
def test_rows_are_shared_in_proportion_and_no_file_is_left_out(
    counts: list[int], rows: int, expected: list[int]
) -> None:
    assert spread(counts, rows) == expected
