"""An input of which no record becomes an example: the line names what concerns most of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from chain import Shop, one_line, open_shop

from configs.settings import Settings


@pytest.fixture
def shop(tmp_path: Path, tiny_settings: Settings) -> Shop:
    return open_shop(tmp_path / "shop", tiny_settings)


@pytest.mark.parametrize(
    ("titles", "blank", "says"),
    [
        (9, 2, ["most often: no category at the level main", "categories.levels.main"]),
        (2, 9, ["most often: the title is empty"]),
    ],
)
def test_few_rejects_do_not_hide_that_no_category_has_the_level(
    shop: Shop, tmp_path: Path, titles: int, blank: int, says: list[str]
) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    rows = [*(f"lamp number {n}" for n in range(titles)), *['" "'] * blank]
    (folder / "home_bath.csv").write_text("\n".join(["ad", *rows, ""]))
    said = shop("preprocess", "--input", folder, sets=["categories.levels.main.part=7"])
    one_line(said, f"none of {titles + blank} records", *says)


def test_a_wrong_delimiter_is_asked_for_even_where_most_titles_hold_the_one_that_was_set(
    shop: Shop, tmp_path: Path
) -> None:
    folder = tmp_path / "catalogue"
    folder.mkdir()
    (folder / "home_bath.csv").write_text("id;ad\n1;a lamp, red\n2;a lamp, blue\n3;a sofa\n")
    said = shop("preprocess", "--input", folder)
    one_line(said, "none of 3 records", "no column ad", "is ';' its delimiter?")
