"""Distinct titles, their splits and labels: whatever the order of arrival, the same answer."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from transforms.categories import Taxonomy, make_taxonomy
from transforms.text_keys import KEY_BITS
from transforms.titles import (
    CLEANED,
    cut_by_key,
    distinct_titles,
    exclusive_labels,
    node_lists,
    split_of,
)

TREE = make_taxonomy(["a_x", "b_y", "b_z"], "_", {"main": [0, 1]})
IN_SEVERAL = [["a_x", "b_y"], ["b_y"], ["b_z", "b_y"], ["b_y", "a_x"]]


def batch(*rows: tuple[int, int, int, str, str]) -> pa.RecordBatch:
    """Return rows of `CLEANED`: key, file, line, category, text."""
    columns = list(zip(*rows, strict=True)) or [()] * len(CLEANED)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, CLEANED, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=CLEANED)


def random_rows(chance: random.Random, rows: int) -> list[tuple[int, int, int, str, str]]:
    """Return rows in which texts repeat within and across categories, and two texts share a key."""
    texts = [f"text {number}" for number in range(40)]
    places = chance.sample([(file, line) for file in range(5) for line in range(60)], rows)
    drawn = ((file, line, chance.randrange(40)) for file, line in places)
    return [(n // 2 * 1000 + 7, f, line, f"a_{f % 3}", texts[n]) for f, line, n in drawn]


def oracle(rows: list[tuple[int, int, int, str, str]]) -> list[tuple[int, bytes, list[str]]]:
    """Answer with plain pandas: one row a text, its categories in order of place, by key."""
    table = pd.DataFrame(rows, columns=CLEANED.names).sort_values(["file", "line"], kind="stable")
    found = [
        (of.key.iloc[0], text.encode(), list(dict.fromkeys(of.category)), of.index[0])
        for text, of in table.reset_index(drop=True).groupby("text", sort=False)
    ]
    return [row[:3] for row in sorted(found, key=lambda row: (row[0], row[3]))]


def rows_of(found: pa.RecordBatch) -> list[tuple]:
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def lists(values: list[list[str]]) -> pa.ListArray:
    return pa.array(values, pa.list_(pa.string()))


def test_of_categories_with_most_parts_the_first_is_taken_where_the_deepest_is_asked_for() -> None:
    tree = make_taxonomy(["a", "a_x", "a_y", "b"], "_", {"bottom": [-1, 1]})
    standing = lists([["a", "a_x"], ["b", "a_y", "a_x"], ["b"], ["a", "b"]])
    found = {
        conflicts: exclusive_labels(standing, tree, level="bottom", conflicts=conflicts)
        for conflicts in ("first", "deepest")
    }
    names = {
        conflicts: [tree.levels["bottom"][i] for i in labels]
        for conflicts, (_, labels, _) in found.items()
    }
    assert names == {"first": ["a", "b", "b", "a"], "deepest": ["x", "y", "b", "a"]}
    assert found["first"][2] == found["deepest"][2] == 3


def test_a_title_is_kept_once_with_its_categories_in_order_of_file_and_line() -> None:
    found = distinct_titles(
        [
            batch((9, 1, 0, "b", "x"), (3, 0, 1, "a", "y")),
            batch((9, 0, 5, "a", "x"), (9, 0, 7, "a", "x")),
        ]
    )
    assert rows_of(found) == [(3, b"y", ["a"]), (9, b"x", ["a", "b"])]


@pytest.mark.parametrize("seed", range(8))
def test_distinct_titles_are_those_of_pandas_and_the_same_for_any_batches(seed: int) -> None:
    chance = random.Random(seed)
    rows = random_rows(chance, 200)
    whole = distinct_titles([batch(*rows)])
    assert rows_of(whole) == oracle(rows)
    for _ in range(4):
        chance.shuffle(rows)
        cuts = sorted(chance.sample(range(1, len(rows)), 5))
        pieces = zip([0, *cuts], [*cuts, len(rows)], strict=True)
        again = distinct_titles([batch(*rows[begin:end]) for begin, end in pieces])
        assert again.serialize().to_pybytes() == whole.serialize().to_pybytes()


def test_two_texts_of_one_key_are_two_titles() -> None:
    found = distinct_titles([batch((5, 0, 2, "a", "x"), (5, 0, 1, "b", "y"))])
    assert rows_of(found) == [(5, b"y", ["b"]), (5, b"x", ["a"])]


@pytest.mark.parametrize("parts", [1, 3, 16, 500])
def test_cutting_by_key_loses_nothing_and_keeps_a_key_together(parts: int) -> None:
    rows = random_rows(random.Random(3), 200)
    pieces = list(cut_by_key(batch(*rows), parts))
    assert all(key % parts == part for part, piece in pieces for key in piece["key"].to_pylist())
    assert len({part for part, _ in pieces}) == len(pieces)
    back = [(*row[:4], row[4].decode()) for _, piece in pieces for row in rows_of(piece)]
    assert sorted(back) == sorted(rows)


def test_cutting_nothing_gives_nothing() -> None:
    assert list(cut_by_key(batch(), 4)) == []


def test_splits_are_where_a_key_lies_on_the_line() -> None:
    end = 1 << KEY_BITS
    keys = np.array(
        [0, int(end * 0.59), int(end * 0.61), int(end * 0.79), int(end * 0.81), end - 1]
    )
    assert split_of(keys, (0.6, 0.2, 0.2)).tolist() == [0, 0, 1, 1, 2, 2]


def test_a_share_of_nothing_gets_nothing_and_all_gets_all() -> None:
    keys = np.random.default_rng(1).integers(0, 1 << KEY_BITS, 10_000)
    assert set(split_of(keys, (1.0, 0.0, 0.0)).tolist()) == {0}
    assert set(split_of(keys, (0.5, 0.0, 0.5)).tolist()) == {0, 2}


def test_splits_come_near_to_their_shares() -> None:
    keys = np.random.default_rng(1).integers(0, 1 << KEY_BITS, 100_000)
    found = np.bincount(split_of(keys, (0.6, 0.2, 0.2))) / len(keys)
    assert np.abs(found - [0.6, 0.2, 0.2]).max() < 0.01


@pytest.mark.parametrize(
    ("conflicts", "rows", "labels"),
    [
        ("first", [0, 1, 2, 3], ["a", "b", "b", "b"]),
        ("drop", [1, 2], ["b", "b"]),
        ("all", [0, 0, 1, 2, 3, 3], ["a", "b", "b", "b", "b", "a"]),
    ],
)
def test_what_becomes_of_a_title_in_several_classes_is_a_setting(
    conflicts: str, rows: list[int], labels: list[str]
) -> None:
    row, label, conflicting = exclusive_labels(
        lists(IN_SEVERAL), TREE, level="main", conflicts=conflicts
    )
    assert row.tolist() == rows
    assert [TREE.levels["main"][number] for number in label] == labels
    assert conflicting == 2


def test_categories_of_one_class_do_not_conflict_but_do_at_a_finer_level() -> None:
    of_one = lists([["b_z", "b_y"]])
    assert exclusive_labels(of_one, TREE, level="main", conflicts="drop")[2] == 0
    assert exclusive_labels(of_one, TREE, level="full", conflicts="drop")[2] == 1


def test_a_title_whose_categories_lack_the_level_gets_no_label() -> None:
    tree = make_taxonomy(["a", "b_c_d"], "_", {"sub": [1, 3]})
    row, label, _ = exclusive_labels(
        lists([["a"], ["a", "b_c_d"]]), tree, level="sub", conflicts="first"
    )
    assert (row.tolist(), label.tolist()) == ([1], [0])


def test_the_nodes_of_a_title_are_all_its_categories_and_their_ancestors() -> None:
    found = node_lists(lists(IN_SEVERAL), TREE).to_pylist()
    named = [[TREE.nodes[number] for number in row] for row in found]
    assert named == [
        ["a", "a_x", "b", "b_y"],
        ["b", "b_y"],
        ["b", "b_y", "b_z"],
        ["a", "a_x", "b", "b_y"],
    ]


def test_no_title_gives_no_row() -> None:
    none = lists([])
    empty = Taxonomy((), "_", {"main": (0, 1)})
    for tree in (TREE, empty):
        assert exclusive_labels(none, tree, level="main", conflicts="first")[0].tolist() == []
        assert node_lists(none, tree).to_pylist() == []
