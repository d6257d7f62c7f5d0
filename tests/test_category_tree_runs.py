"""A shop of ids with a tree of categories is preprocessed as plain Python counts it."""

from __future__ import annotations

import csv
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from chain import Said, Shop, one_line

SEPARATOR = " > "
UNKNOWN = "its category_ids is not in categories.csv"
CONFIG = {
    "name": "shop",
    "categories": {
        "source": "columns",
        "columns": ["category_ids"],
        "label_separator": "|",
        "separator": SEPARATOR,
        "prefix": "Root > ",
        "tree": {"files": "categories.csv", "id": "cat", "parent": "up", "name": "called"},
    },
    "features": {"ngrams": {"buckets": 1000, "character_sizes": []}},
    "preprocess": {"num_shards": 2},
}


class TreeShop:
    """A folder with a tree and two files of products, and a shop that preprocesses it."""

    def __init__(self, folder: Path) -> None:
        self.input = folder / "in"
        self.input.mkdir()
        (folder / "shop.yaml").write_text(yaml.safe_dump(CONFIG))
        self.shop = Shop(folder / "shop.yaml", folder / "out")
        chance = random.Random(3)
        self.tree = {1: (0, "Root")}
        for number in range(2, 60):
            self.tree[number] = (chance.randrange(1, number), f"Shelf, {number % 40} & more")
        self.write_tree()
        self.products = [self._product(chance, number) for number in range(400)]
        for half, rows in enumerate((self.products[:200], self.products[200:])):
            self._write(f"products-{half}.csv", [("id", "title", "category_ids"), *rows])

    def _product(self, chance: random.Random, number: int) -> tuple[int, str, str]:
        ids = [chance.choice(["", f" {each}", f"{each}.0", f"{each}"]) for each in
               chance.choices(range(1, 62), k=chance.choice([1, 1, 2, 3]))]  # fmt: skip
        title = "" if number % 50 == 0 else f"{chance.choice('abcde') * 4} lamp, no {number}"
        return number, title, "|".join(ids)

    def write_tree(self) -> None:
        rows = [(f"{number}.0", *above) for number, above in self.tree.items()]
        self._write("categories.csv", [("cat", "up", "called"), *rows, rows[-1]])

    def _write(self, name: str, rows: list[tuple[Any, ...]]) -> None:
        with (self.input / name).open("w", newline="") as file:
            csv.writer(file).writerows(rows)

    def preprocess(self, run_id: str, *sets: str) -> Said:
        return self.shop("preprocess", "--input", self.input, run_id=run_id, sets=sets)

    def labels(self, ids: str) -> list[str] | None:
        """Return the categories that some ids say; None where one is unknown."""
        numbers = [int(float(text)) for text in ids.split("|") if text.strip()]
        if not set(numbers) <= self.tree.keys():
            return None
        found = [SEPARATOR.join(self.names(number)).removeprefix("Root > ") for number in numbers]
        return list(dict.fromkeys(found))

    def why_not(self, title: str, ids: str) -> str | None:
        """Return why a record is a reject; None where it is none."""
        labels = self.labels(ids)
        if labels is None:
            return UNKNOWN
        if not title:
            return "no title"
        return None if labels else "no category"

    def names(self, number: int) -> list[str]:
        parent, name = self.tree[number]
        return [*self.names(parent), name] if parent else [name]

    def counted(self, run_id: str) -> Counter:
        """Return how many records each category has in a run."""
        with Path(self.shop.at(run_id).stats, "categories.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["level"] == "full"]
        return Counter({row["name"]: int(row["records"]) for row in rows})

    def expected(self) -> Counter:
        some = (self.labels(ids) for _, title, ids in self.products if title)
        return Counter(label for labels in some for label in labels or [])


@pytest.fixture
def tree_shop(tmp_path: Path) -> TreeShop:
    return TreeShop(tmp_path)


def test_every_record_has_the_categories_that_plain_python_finds_or_is_a_reject(
    tree_shop: TreeShop,
) -> None:
    said = tree_shop.preprocess("monday")
    assert said.status == 0, said.err
    assert tree_shop.counted("monday") == tree_shop.expected()
    parts = sorted(Path(tree_shop.shop.at().rejected).glob("*.parquet"))
    rejects = [row for part in parts for row in pq.read_table(part).to_pylist()]
    found = Counter((row["source"], row["line"], row["reason"]) for row in rejects)
    expected = Counter(
        (f"products-{number // 200}.csv", 2 + number % 200, reason)
        for number, title, ids in tree_shop.products
        if (reason := tree_shop.why_not(title, ids))
    )
    assert {reason for _, _, reason in expected} == {UNKNOWN, "no category", "no title"}
    assert found == expected
    figures = said.figures
    assert (figures["files"], figures["records"]) == (2, 400)
    assert figures["rejected"] == len(rejects)


def test_a_tree_that_changes_makes_all_anew_with_what_earlier_runs_kept_or_without(
    tree_shop: TreeShop,
) -> None:
    on = "preprocess.incremental=true"
    known = [tree_shop.preprocess(run_id, on).figures["files_known"] for run_id in ("a", "b")]
    assert known == [0, 2]
    before = tree_shop.counted("b")
    tree_shop.tree[7] = (1, "Moved to the top")
    tree_shop.write_tree()
    one_line(tree_shop.preprocess("b", on), "made from another input", "--run-id")
    assert tree_shop.preprocess("c", on).figures["files_known"] == 0
    assert tree_shop.counted("c") == tree_shop.expected() != before


def test_a_table_that_is_no_tree_ends_the_command_with_one_line(tree_shop: TreeShop) -> None:
    tree_shop.tree[8] = (99, "Lost")
    tree_shop.write_tree()
    one_line(tree_shop.preprocess("monday"), "categories.tree", "the parent '99' of '8.0'")
