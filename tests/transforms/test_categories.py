"""Categories: the notebook's rules from the config, levels by number of parts, the tree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from configs.loading import load_settings
from transforms.categories import (
    NO_LABEL,
    FileSource,
    Taxonomy,
    ancestors,
    category_of_file,
    level_name,
    make_taxonomy,
)

RULES = load_settings(Path(__file__).resolve().parents[2] / "configs/amazon_ads.yaml").categories
LEVELS = {level: (rule.part, rule.min_parts) for level, rule in RULES.levels.items()}


def category(name: str) -> str:
    return category_of_file(
        name,
        rename=[(rule.find, rule.replace) for rule in RULES.rename],
        prefix=RULES.prefix,
        separator=RULES.separator,
    )


def levels(name: str) -> tuple[str | None, ...]:
    """Return main, sub, subsub and bottom of a file's category."""
    found = category(name)
    return tuple(level_name(found, "_", *LEVELS[x]) for x in ("main", "sub", "subsub", "bottom"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("women/amazon_women-fashion_watches_wrist.csv", "women-fashion_watches_wrist"),
        ("amazon_computers_laptops.csv", "electronics_computers_laptops"),
        ("amazon_smart-home_lighting.csv", "electronics_smart-home_lighting"),
        ("amazon_smart-home.csv", "electronics_smart-home"),
        ("amazon_fan-shop_clothing.csv", "sports-outdoors_fan-shop_clothing"),
        ("amazon_aports-outdoors_cycling.csv", "sports-outdoors_cycling"),
        ("amazon_home-kitchen_bath_towels.csv", "home_kitchen_bath_towels"),
        ("amazon_industrial_scientific_hardware.csv", "industrial-scientific_hardware"),
        ("amazon_industrial_scientific-tests-measurements_x.csv", "industrial-scientific_x"),
        ("amazon_baby__toys.csv", "baby_toys"),
        ("amazon_baby_no. 5.csv", "baby_no. 5"),
        ("amazon_baby_toys", "baby_toys"),
        ("amazon_.csv", ""),
        ("amazon_be\u0301be\u0301_toys.csv", "b\u00e9b\u00e9_toys"),
        ("amazon_baby  care_soft \u00a0toys.csv", "baby care_soft toys"),
    ],
)
def test_a_file_name_says_its_category_by_the_rules_of_the_config(name: str, expected: str) -> None:
    assert category(name) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("file_name", "Nr. 5"),
        ("folders", "Düfte & Co/für_sie"),
        ("path", "Düfte & Co/für_sie/Nr. 5"),
    ],
)
def test_folders_can_say_the_category_too(source: FileSource, expected: str) -> None:
    path = "Düfte & Co/für_sie /Nr. 5.csv"
    said = category_of_file(path, source=source, rename=[], prefix="", separator="/")
    assert said == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("amazon_baby.csv", ("baby", None, None, "baby")),
        ("amazon_baby_toys.csv", ("baby", None, None, "toys")),
        ("amazon_women-fashion_watches_wrist.csv", ("women-fashion", "watches", None, "wrist")),
        ("amazon_home-kitchen_bath_towels.csv", ("home", "kitchen", "bath", "towels")),
        ("amazon_a_b_c_d_e.csv", ("a", "b", "c", "e")),
    ],
)
def test_a_level_is_there_with_parts_enough(name: str, expected: tuple[str | None, ...]) -> None:
    assert levels(name) == expected


def test_a_part_beyond_the_category_is_no_level() -> None:
    assert level_name("a_b", "_", 2, 1) is None
    assert level_name("a_b", "_", -3, 1) is None
    assert level_name("a_b", "_", -2, 1) == "a"


def test_ancestors_are_the_category_and_all_above_it() -> None:
    assert ancestors("a_b_c", "_") == ["a", "a_b", "a_b_c"]
    assert ancestors("a", "_") == ["a"]


@pytest.fixture
def tree() -> Taxonomy:
    return make_taxonomy(["b_x_y", "a_z", "b", "a_z"], "_", {"main": [0, 1], "sub": [1, 3]})


def test_class_ids_are_places_in_sorted_names(tree: Taxonomy) -> None:
    assert tree.categories == ("a_z", "b", "b_x_y")
    assert tree.levels == {"main": ("a", "b"), "sub": ("x",), "full": ("a_z", "b", "b_x_y")}
    assert tree.labels_at("main").tolist() == [0, 1, 1]
    assert tree.labels_at("sub").tolist() == [NO_LABEL, NO_LABEL, 0]
    assert tree.labels_at("full").tolist() == [0, 1, 2]


def test_the_order_in_which_categories_are_seen_changes_nothing(tree: Taxonomy) -> None:
    assert make_taxonomy(["b", "a_z", "b_x_y"], "_", tree.level_rules) == tree


def test_nodes_are_all_categories_and_their_ancestors_sorted(tree: Taxonomy) -> None:
    assert tree.nodes == ("a", "a_z", "b", "b_x", "b_x_y")
    assert tree.node_depths.tolist() == [1, 2, 1, 2, 3]
    assert [ids.tolist() for ids in tree.node_ids] == [[0, 1], [2], [2, 3, 4]]


def test_a_taxonomy_comes_back_from_json(tree: Taxonomy) -> None:
    back = Taxonomy.from_json(json.loads(json.dumps(tree.to_json())))
    assert back == tree
    assert back.levels == tree.levels


def test_no_category_makes_an_empty_tree() -> None:
    empty = make_taxonomy([], "_", {"main": [0, 1]})
    assert (empty.nodes, empty.levels) == ((), {"main": (), "full": ()})
    assert empty.labels_at("main").tolist() == []
