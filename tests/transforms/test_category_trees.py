"""A table of ids, parents and names is a tree, or says what is unclear; ids give paths of names."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pyarrow as pa
import pytest

from configs.categories import TreeSettings
from transforms.category_trees import CategoryTree, UnclearTree, make_tree

Rows = Sequence[tuple[str, str, str]]
HOME = [("1", "", "Home"), ("7", "1", "Lamps"), ("12", "7", "Desk lamps")]
ROOTS = TreeSettings(files="categories.csv").roots


def tree_of(rows: Rows, separator: str = ">", roots: Sequence[str] = ROOTS) -> CategoryTree:
    """Make the tree of rows of an id, its parent, its name."""
    ids, parents, names = (
        pa.array([row[column] for row in rows], pa.string()) for column in range(3)
    )
    return make_tree("categories.csv", ids, parents, names, roots=roots, separator=separator)


def paths(rows: Rows, *ids: str | None, separator: str = ">") -> list[str | None]:
    found = tree_of(rows, separator).paths(pa.array(ids, pa.string()), separator)
    return found.to_pylist()


def test_an_id_is_the_names_from_the_top_down_to_it() -> None:
    assert paths(HOME, "12", "1", "7", "12") == [
        "Home>Lamps>Desk lamps",
        "Home",
        "Home>Lamps",
        "Home>Lamps>Desk lamps",
    ]
    assert paths(HOME[::-1], "12", separator=" :: ") == ["Home :: Lamps :: Desk lamps"]


def test_an_id_that_the_tree_lacks_has_no_path() -> None:
    assert paths(HOME, "2", "7", "", None, "Lamps") == [None, "Home>Lamps", None, None, None]
    assert paths(HOME, "2", "3") == [None, None]
    assert paths([], "2") == [None]
    assert paths(HOME) == []


@pytest.mark.parametrize(
    "parent", ["", "  ", "7", "7.0", "0", "0.0", "-1", "-1.0", "NULL", "null", "None", "NaN", r"\N"]
)
def test_a_row_without_a_parent_or_that_is_its_own_is_at_the_top(parent: str) -> None:
    assert paths([("7", parent, "Lamps"), ("8", "7", "Desk")], "8") == ["Lamps>Desk"]


def test_a_word_for_no_parent_that_is_an_id_is_the_parent() -> None:
    rows = [("0", "0", "Home"), ("none", "0", "Nuns"), ("7", "none", "Habits")]
    assert paths(rows, "7") == ["Home>Nuns>Habits"]


def test_roots_say_which_parents_are_none() -> None:
    rows = [("7", "ROOT", "Lamps"), ("8", "7", "Desk")]
    found = tree_of(rows, roots=["root"]).paths(pa.array(["8"]), ">")
    assert found.to_pylist() == ["Lamps>Desk"]


def test_blanks_around_ids_and_names_are_nothing() -> None:
    rows = [(" 1", "\t", " Home "), ("7 ", " 1 ", "Desk  lamps")]
    assert paths(rows, " 7", "1\t") == ["Home>Desk  lamps", "Home"]


def test_a_whole_number_with_a_point_is_the_one_without() -> None:
    rows = [("1", "", "Home"), ("7.0", "1.0", "Lamps"), ("8", "7", "Desk")]
    assert paths(rows, "8.0", "7", "7.0", "1") == [
        "Home>Lamps>Desk",
        "Home>Lamps",
        "Home>Lamps",
        "Home",
    ]
    assert paths(rows, "7.5", "8.00", "08", "1.0.0") == [None] * 4


def test_codes_with_points_are_themselves_where_the_tree_has_them() -> None:
    rows = [("1", "", "Home"), ("1.0", "1", "Lamps"), ("1.1", "1", "Beds"), ("1.10", "1", "Rugs")]
    assert paths(rows, "1", "1.0", "1.1", "1.10") == [
        "Home",
        "Home>Lamps",
        "Home>Beds",
        "Home>Rugs",
    ]


def test_a_row_that_stands_twice_counts_once() -> None:
    assert paths([*HOME, *HOME, (" 7", "1 ", "Lamps ")], "12") == ["Home>Lamps>Desk lamps"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("7", "", "A"), ("7", "", "B")], ["id '7'", "'A' with the parent ''", "'B'", "remove"]),
        ([("1", "", "A"), ("7", "1", "B"), ("7", "", "B")], ["'7'", "parent '1'", "parent ''"]),
        ([("7", "9", "A")], ["parent '9' of '7' is not among the ids;", "categories.tree.roots"]),
        ([("7", "9", "A"), ("8", "x", "B"), ("6", "9", "C")], ["nor are those of 2 more"]),
        ([("7", "8", "A"), ("8", "7", "B")], ["'7' > '8' > '7'", "mend"]),
        ([("1", "2", "A"), ("2", "3", "B"), ("3", "2", "C")], ["'2' > '3' > '2'"]),
        ([(f"{n}", f"{(n + 1) % 9}", "A") for n in range(9)], ["circle", " > ..."]),
        ([("7", "", " ")], ["id '7' and the name ''", "mend"]),
        ([(" ", "", "A")], ["id '' and the name 'A'", "mend"]),
        ([("7", "", "A > B")], ["'A > B' of '7'", "separator '>'", "categories.separator"]),
        (
            [(f"{n}", f"{n - 1}" if n else "", "A") for n in range(101)],
            ["'100' is at level 101", "at most 100", "categories.tree.parent"],
        ),
    ],
)
def test_a_table_that_is_no_tree_says_why(rows: Rows, words: list[str]) -> None:
    with pytest.raises(UnclearTree) as refused:
        tree_of(rows)
    assert "\n" not in str(refused.value)
    for word in words:
        assert word in str(refused.value)


def test_a_name_may_hold_a_part_of_the_separator_but_not_beside_another() -> None:
    rows = [("1", "", "A > B"), ("2", "1", "C")]
    assert paths(rows, "2", separator=" >> ") == ["A > B >> C"]
    with pytest.raises(UnclearTree, match="'A >'"):
        tree_of([("1", "", "A >"), ("2", "1", "C")], separator=" > ")


def test_a_large_tree_of_twenty_levels_has_the_paths_that_plain_python_finds() -> None:
    chance, rows, above = random.Random(7), [], {}
    for number in range(100_000):
        parent = chance.randrange(max(0, number - 2000), number) if number % 50 else -1
        path = [*above.get(parent, []), f"name {number}"]
        above[number] = path if len(path) <= 20 else path[-1:]
        rows.append((f"{number}", f"{parent}" if len(above[number]) > 1 else "", path[-1]))
    chance.shuffle(rows)
    assert max(map(len, above.values())) == 20
    asked = chance.choices(range(100_000), k=50_000)
    assert paths(rows, *map(str, asked)) == [">".join(above[number]) for number in asked]
