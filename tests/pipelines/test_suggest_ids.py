"""Of columns that are the same in no two records, that is the id which no row number is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipelines.suggestions import products, suggested, table


def write(root: Path, header: list[str], count: int, first: int = 1) -> None:
    root.mkdir()
    rows = [[n, f"{n % 99}.{n:02}", f"X{n * 7 % count:05}", each.title, " > ".join(each.path)]
            for n, each in enumerate(products(count), first)]  # fmt: skip
    (root / "all.csv").write_text(table([header, *rows], delimiter=";"))


@pytest.mark.parametrize("count", [90, 40_000])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("number", ["Lp.", "#", "Nr", "Unnamed: 0", "Row ID"])
def test_the_number_of_a_row_is_no_id_where_another_column_is(
    tmp_path: Path, number: str, first: int, count: int
) -> None:
    header = [number, "Cena", "Symbol towaru", "Nazwa towaru", "Kategoria"]
    write(tmp_path / "shop", header, count, first)
    assert suggested(tmp_path / "shop").dump.id == "Symbol towaru"


def test_what_counts_the_rows_and_is_called_an_id_is_one(tmp_path: Path) -> None:
    header = ["id", "Cena", "Symbol towaru", "Nazwa towaru", "Kategoria"]
    write(tmp_path / "shop", header, 90)
    assert suggested(tmp_path / "shop").dump.id == "id"
