"""The larger catalogue: as many times the records, other titles, the same categories."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cut import count_records
from benchmarks.larger import alter, enlarge, main
from configs.errors import UsageError


def test_each_copy_has_the_records_of_the_first_under_the_same_file_names(
    tmp_path: Path, tiny_catalogue: Path
) -> None:
    enlarge(tiny_catalogue, tmp_path / "larger", 3)
    for path in tiny_catalogue.rglob("*.csv"):
        copies = [
            tmp_path / "larger" / f"copy-{n}" / path.relative_to(tiny_catalogue) for n in "012"
        ]
        assert [count_records(copy) for copy in copies] == [count_records(path)] * 3
        assert copies[0].read_bytes() == path.read_bytes()


def test_a_title_of_one_copy_is_not_one_of_another_and_repeats_stay() -> None:
    titles = b'Bed\nBed\n"2 x Red Mug, 3"" high"\n7\n'
    copies = [alter(titles, number).splitlines() for number in range(12)]
    assert len({lines[2] for lines in copies}) == 12
    assert all(lines[0] == lines[1] for lines in copies)
    assert all(lines[3] == b"7" for lines in copies)


def test_a_folder_that_is_there_is_not_written_over(tmp_path: Path, tiny_catalogue: Path) -> None:
    with pytest.raises(UsageError, match="is there already"):
        main(["--input", str(tiny_catalogue), "--output", str(tmp_path)])
