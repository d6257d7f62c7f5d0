"""The examples of a diff are those that a person looks at first: the least probable of all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from label_writes import predict, product, sqlite_url, write
from shelf import Shelf

from configs.stores import StoreSettings
from pipelines.label_diff import diff_labels

SURE = [product(f"a{n}", "Toys", 0.9, run_id=f"r{n % 2}") for n in range(5)]
UNSURE = [product(f"b{n}", "Toys", 0.3 - n / 20) for n in range(5)]
EXPECTED = {
    ("changed", "Pets", "Toys"): (5, ["b4", "b3", "b2"]),
    ("inserted", None, "Toys"): (5, ["a0", "a1", "a2"]),
}


def moves(folder: str, url: str) -> dict[tuple[Any, ...], tuple[int, list[str]]]:
    found = diff_labels(folder, store_url=url, dump_id="tuesday", settings=StoreSettings())
    return {(m["verdict"], m["old"], m["new"]): (m["count"], m["examples"]) for m in found["moves"]}


def test_the_examples_are_the_least_probable_wherever_they_stand(tmp_path: Path) -> None:
    """Parts are read one after the other, as batches of a large part are."""
    url = sqlite_url(tmp_path / "labels.db")
    write(predict(tmp_path / "1", [product(f"b{n}") for n in range(5)]), url)
    parts = ([*SURE, *UNSURE[:1]], UNSURE[1:3], UNSURE[3:])
    assert moves(predict(tmp_path / "2", *parts), url) == EXPECTED


def test_postgres_names_the_same_examples(tmp_path: Path, shelf: Shelf) -> None:
    shelf.write(predict(tmp_path / "1", [product(f"b{n}") for n in range(5)]))
    assert moves(predict(tmp_path / "2", [*SURE, *UNSURE[:2]], UNSURE[2:]), shelf.url) == EXPECTED
