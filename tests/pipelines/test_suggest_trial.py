"""What a suggested config reads of some records is said, and what is odd in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.suggest.config import suggest_config
from tests.pipelines.suggestions import products, table


def figures(tmp_path: Path, paths: list[list[str]]) -> dict[str, object]:
    root = tmp_path / "shop"
    root.mkdir()
    rows = [[e.id, e.title, " > ".join(path)] for e, path in zip(products(), paths, strict=True)]
    (root / "all.csv").write_text(table([["id", "title", "category"], *rows]))
    return suggest_config(str(root), str(tmp_path / "shop.yaml"))


@pytest.mark.parametrize(
    ("capitals", "said"),
    [
        ("Women", "1, for example 'Women' and 'WOMEN'"),
        ("Shoes", "1, for example 'Shoes' and 'SHOES'"),
        ("Shoes Tops", "2, for example 'Shoes' and 'SHOES'"),
    ],
)
def test_categories_that_differ_in_case_alone_are_named(
    tmp_path: Path, capitals: str, said: str
) -> None:
    paths = [[part.upper() if part in capitals.split() and n > 45 else part for part in e.path]
             for n, e in enumerate(products())]  # fmt: skip
    assert figures(tmp_path, paths)["categories_alike"] == said


def test_of_categories_that_are_all_unlike_nothing_is_said(tmp_path: Path) -> None:
    assert "categories_alike" not in figures(tmp_path, [list(e.path) for e in products()])


def test_categories_of_one_record_are_counted_where_most_are_such(tmp_path: Path) -> None:
    paths = [[*e.path, f"Model {n if n % 5 else 0}"] for n, e in enumerate(products())]
    assert figures(tmp_path, paths)["categories_of_one_record"] == "72 of 78"
