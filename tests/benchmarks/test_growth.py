"""The benchmark of growth: what crosses the grouping, and how many tokens there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import growth
from benchmarks.catalogue import clean_title, labelled_files, titles
from configs.errors import UsageError
from configs.loading import load_settings

HEADED = ["source.columns.title=[ad]"]


def test_pieces_hold_all_titles_and_small_ones_cost_more(catalogue: Path, config: Path) -> None:
    figures = growth.measure_growth(catalogue, load_settings(config, HEADED), [1, 30])
    one, many = figures["crossing"]
    assert one["titles_a_piece"] == figures["titles"] == 210
    assert many["titles_a_piece"] < 210 / 15
    assert many["bytes_a_title"] > one["bytes_a_title"]


def test_tokens_are_those_of_plain_python(catalogue: Path, config: Path) -> None:
    figures = growth.measure_growth(catalogue, load_settings(config, HEADED), [1])
    counted: set[str] = set()
    for path, _ in labelled_files(catalogue, config):
        for title in titles(path):
            kept = re.sub(r"['\u2019`]", "", clean_title(title))
            counted.update(re.sub(r"[^\w ]+", " ", kept).split())
    assert figures["tokens"][-1]["distinct_tokens"] == len(counted)


def test_the_exponent_is_that_of_the_last_two_steps() -> None:
    steps = [{"titles": n, "distinct_tokens": 7 * n**0.5} for n in (1, 100, 10_000)]
    assert growth.exponent(steps) == 0.5
    assert growth.exponent([steps[-1], steps[-1]]) == 0.0


def test_no_part_is_refused(catalogue: Path, config: Path) -> None:
    words = ["--input", str(catalogue), "--config", str(config), "--parts", "3", "0"]
    with pytest.raises(UsageError, match="--parts 0: must be at least 1"):
        growth.main(words)


def test_a_catalogue_without_titles_is_named(catalogue: Path, config: Path) -> None:
    """The files are headed `ad`, which the config does not say."""
    with pytest.raises(UsageError, match="holds no title"):
        growth.measure_growth(catalogue, load_settings(config), [1])
