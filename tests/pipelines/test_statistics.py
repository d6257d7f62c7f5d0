"""Statistics: the figures add up, and come back from the files as they were counted."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from configs.errors import UsageError
from pipelines.statistics import (
    check_nothing_is_lost,
    figures_of,
    read_figures,
    read_label_counts,
    read_seen_ngrams,
    read_taxonomy,
    write_seen_ngrams,
    write_statistics,
)
from transforms.categories import make_taxonomy
from transforms.csv_records import EMPTY_TITLE
from transforms.seen_ngrams import seen_in
from transforms.tokens import TOKEN_COUNTS

TREE = make_taxonomy(["a_x", "b"], "_", {"main": [0, 1], "sub": [1, 2]})
# 10 records: 1 not trusted, 1 empty title, 8 cleaned, of which 5 distinct titles and 3 repeats
COUNTS = Counter(
    {
        ("read",): 9,
        ("records",): 8,
        ("rejected", "stray"): 1,
        ("rejected", EMPTY_TITLE): 1,
        ("empty_files",): 1,
        ("titles",): 5,
        ("labelled",): 5,
        ("exclusive", "train"): 3,
        ("exclusive", "test"): 1,
        ("rule_based", "train"): 4,
        ("rule_based", "test"): 1,
        ("dropped",): 1,
        ("conflicting",): 1,
        ("repeats_elsewhere",): 1,
        ("category_records", "a_x"): 6,
        ("category_records", "b"): 2,
        ("category_titles", "a_x"): 4,
        ("category_titles", "b"): 2,
        ("level_titles", "main", "a"): 4,
        ("level_titles", "main", "b"): 2,
        ("level_titles", "sub", "x"): 4,
        ("level_titles", "full", "a_x"): 4,
        ("level_titles", "full", "b"): 2,
        ("label", "train", "a"): 3,
        ("label", "test", "b"): 1,
        ("words", 12): 1,
        ("words", 2): 4,
        ("conflict", "a", "b"): 1,
    }
)
WORDS = [[b"bed", 'é,"'.encode()], [4, 1]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    arrays = [pa.array(c, f.type) for c, f in zip(WORDS, TOKEN_COUNTS, strict=True)]
    vocabulary = pa.RecordBatch.from_arrays(arrays, schema=TOKEN_COUNTS)
    write_statistics(COUNTS, TREE, vocabulary, folder=str(tmp_path), level="main")
    return tmp_path


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_records_are_examples_rejects_duplicates_and_what_was_left_out() -> None:
    found = figures_of(COUNTS)
    assert (found["records"], found["rejected"], found["examples"]) == (10, 2, 4)
    assert (found["duplicates"], found["dropped_conflicts"], found["unlabelled"]) == (3, 1, 0)
    parts = ("examples", "rejected", "duplicates", "dropped_conflicts", "unlabelled")
    assert sum(found[part] for part in parts) == found["records"]


def test_an_example_for_each_label_of_a_record_makes_no_record() -> None:
    """2 records with 3 labels each, one title, `conflicts: all`: 4 labels more, 3 repeats."""
    counts = Counter({("records",): 2, ("titles",): 1, ("further_labels",): 4})
    assert figures_of(counts + Counter({("exclusive", "train"): 1}))["duplicates"] == 1
    every = Counter({("exclusive", "train"): 3, ("further_examples",): 2})
    found = figures_of(counts + every)
    assert (found["records"], found["further_labels"], found["duplicates"]) == (2, 4, 3)


@pytest.mark.parametrize(
    ("counter", "message"),
    [(("records",), "lost records: 9 went in, 8 came out"), (("labelled",), "lost titles: 5 went")],
)
def test_a_record_or_a_title_that_is_lost_on_the_way_stops_the_run(
    counter: tuple[str], message: str
) -> None:
    check_nothing_is_lost(COUNTS)
    with pytest.raises(RuntimeError, match=message):
        check_nothing_is_lost(COUNTS - Counter({counter: 1}))


def test_figures_tree_and_labels_come_back_as_they_were_counted(folder: Path) -> None:
    assert read_figures(str(folder)) == figures_of(COUNTS)
    assert read_taxonomy(str(folder)) == TREE
    assert read_label_counts(str(folder)) == {
        "a": {"train": 3, "valid": 0, "test": 0},
        "b": {"train": 0, "valid": 0, "test": 1},
    }


def test_ngrams_seen_come_back_and_those_of_another_version_are_refused(tmp_path: Path) -> None:
    bits = seen_in(np.array([3, 70, 3]), 100)
    write_seen_ngrams(bits, folder=str(tmp_path))
    assert read_seen_ngrams(str(tmp_path), 100).bits == bits
    write_seen_ngrams(bits[: len(bits) // 2], folder=str(tmp_path))  # without those seen again
    with pytest.raises(UsageError, match=r"ngrams_seen.*aisle preprocess"):
        read_seen_ngrams(str(tmp_path), 100)


def test_the_tables_open_in_a_spreadsheet(folder: Path) -> None:
    assert rows(folder / "categories.csv") == [
        ["level", "name", "records", "titles"],
        ["main", "a", "6", "4"],
        ["main", "b", "2", "2"],
        ["sub", "x", "6", "4"],
        ["full", "a_x", "6", "4"],
        ["full", "b", "2", "2"],
    ]
    assert rows(folder / "words_per_title.csv")[1:] == [["2", "4"], ["12", "1"]]
    assert rows(folder / "conflicts.csv")[1:] == [["a", "b", "1"]]
    assert rows(folder / "rejected.csv")[1:] == [["stray", "1"], [EMPTY_TITLE, "1"]]
    assert rows(folder / "vocabulary.csv")[1:] == [["bed", "4"], ['é,"', "1"]]
