"""The exploration shows what stats/ and the titles hold, and keeps large trees readable."""

import itertools
import re
from typing import Any

import numpy as np
import pytest
from chain import one_line
from tiny_shop import OpenShop

from trainer.exploration import SAMPLES, Sample, five_numbers
from trainer.exploration_page import render_exploration
from transforms.categories import make_taxonomy

TAXONOMY = make_taxonomy(["a_x", "a_y", "b_z", "c"], "_", {"main": (0, 1), "sub": (1, 2)})


def sampled(level: str = "main") -> dict[str, Any]:
    sample = Sample(TAXONOMY, level, [("a", "b"), ("b", "c")] if level == "main" else [])
    titles = [b"one two", b"in both a and b", b"three"]
    sample.add(titles, np.array([0, 0, 1, 2, 3]), np.array([1, 3, 1]))
    sample.add([b"many words " * 20] * 9, np.full(9, 3), np.ones(9, np.int64))
    return sample.figures()


def test_a_title_counts_once_in_each_class_it_stands_in() -> None:
    found = sampled()
    classes = {row["name"]: row for row in found["classes"]}
    assert found["rows"] == 12
    assert classes["a"]["titles"] == ["one two", "in both a and b"]
    assert classes["b"]["titles"] == ["in both a and b"]
    assert classes["b"]["words"]["n"] == 1
    assert len(classes["c"]["titles"]) == SAMPLES
    assert classes["c"]["words"]["longest"] == 40
    assert found["all"]["n"] == 13


def test_titles_that_two_classes_share_are_kept() -> None:
    shared = [{"first": "a", "second": "b", "titles": ["in both a and b"]}]
    assert sampled()["shared"] == shared


def test_a_category_that_lacks_the_level_is_left_out() -> None:
    found = sampled("sub")
    assert {row["name"]: row["titles"] for row in found["classes"]} == {
        "x": ["one two", "in both a and b"],
        "y": ["in both a and b"],
        "z": ["in both a and b"],
    }


def test_a_run_of_another_level_is_one_line(preprocessed_shop: OpenShop) -> None:
    """What is shown, and which titles two classes share, was counted at the run's own level."""
    shop = preprocessed_shop("another-level")
    said = shop("explore", sets=["objectives.exclusive.level=sub"])
    one_line(said, 'objectives.exclusive.level is "sub"', 'were made with "main"')


def test_the_numbers_of_a_box_are_percentiles() -> None:
    box = five_numbers(np.arange(101))
    assert box == {
        "n": 101, "low": 2, "q1": 25, "median": 50, "q3": 75, "high": 98, "longest": 100
    }  # fmt: skip
    assert five_numbers(np.zeros(0)) is None


def described(categories: int = 6, **more: Any) -> dict[str, Any]:
    """Figures of a made-up run with so many categories at both levels."""
    names = [f"shelf_{number}" for number in range(categories)]
    rows = [{"name": n, "records": 90 + i, "titles": 60 + i} for i, n in enumerate(names)]
    random = np.random.default_rng(1)
    classes = [
        {"name": n, "titles": [f"title of {n}"], "words": five_numbers(random.poisson(9, 50))}
        for n in names
    ]
    pairs = [{"first": a, "second": b, "titles": 9} for a, b in itertools.pairwise(names)]
    keys = ("records", "titles", "examples", "duplicates", "conflicting_titles", "rejected")
    counts = {key: 1000 + i for i, key in enumerate(keys)}
    return {
        "name": "toys",
        "run_id": "monday",
        "level": "main",
        "token_length": 12,
        "counts": {**counts, "repeats_in_other_categories": 77},
        "levels": {"main": rows, "bottom": rows, "full": rows[1:]},
        "labels": [{"name": n, "train": 6, "valid": 2, "test": 2} for n in names],
        "words": [[n, 100 - n] for n in range(1, 60)],
        "conflicts": pairs,
        "rejected": [["a <bad> quote", 12]],
        "tokens": [["for", 100], ["<b>", 90]],
        "sampled": {
            "rows": 300,
            "all": five_numbers(random.poisson(9, 300)),
            "classes": classes,
            "shared": [{"first": "shelf_0", "second": "shelf_1", "titles": ["in <both>"]}],
        },
        **more,
    }


def test_the_page_shows_counts_categories_words_conflicts_samples_and_rejects() -> None:
    html = render_exploration(described())
    for words in (
        "1,000",
        "Level main and bottom: 6 categories",
        "Level full: 5 ",
        "a &lt;bad&gt; quote",
        "in &lt;both&gt;",
    ):
        assert words in html
    for words in ("title of shelf_5", "6 have fewer than 10", "33.3%", "&lt;b&gt;"):
        assert words in html
    longer = sum(100 - n for n in range(13, 60)) / sum(100 - n for n in range(1, 60))
    assert f"the first 12: {longer:.1%} of the titles are longer" in html
    assert html.count("<svg") == 6


def test_the_page_asks_the_network_for_nothing_and_its_ids_are_unique() -> None:
    html = render_exploration(described(60))
    assert not re.search(r"https?://|@import|url\((?!#)|<(link|img|iframe)\b|\bsrc=", html)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids)) > 10


def test_a_large_tree_stays_readable() -> None:
    html = render_exploration(described(523))
    open_part = re.sub(r"<details>.*?</details>", "", html, flags=re.S)
    assert open_part.count("<tr>") < 100
    assert html.count("All 523") == 4  # level main and bottom, boxes, parts, samples
    assert "All 522 categories of level full" in html
    assert "All 522 pairs" in html


@pytest.mark.parametrize("key", ["conflicts", "rejected", "tokens", "words"])
def test_what_a_run_has_nothing_of_is_said_or_left_out(key: str) -> None:
    html = render_exploration(described(**{key: []}))
    assert "<h2>" in html
    assert ("None: each title stands in one category" in html) == (key == "conflicts")
    assert ("<p>Nothing.</p>" in html) == (key == "rejected")
