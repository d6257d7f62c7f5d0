"""The plan of a backfill: what a new champion could change, the likeliest first, cut in chunks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from label_writes import predict, product, write
from test_champion import finish

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.settings import Settings
from pipelines.backfill import plan_backfill
from pipelines.champion import promote, require_champion
from pipelines.stored_margins import margin

PRODUCTS = ["sure,old title", "new,never labelled", "unsure,a", "done,b", "sure,title of today"]


def stored(name: str, fingerprint: str, *probabilities: float) -> dict[str, Any]:
    """Return a row of predictions by the model of this fingerprint."""
    row = product(name, probability=probabilities[0], model_fingerprint=fingerprint)
    return row | {"probabilities": list(probabilities)}


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Path, str, Settings]:
    """Give a prefix with a champion `new`, a store of labels, and a dump of all products."""
    finish(tmp_path, "monday")
    promote(str(tmp_path), "monday", "bag")
    export = RunArtifacts(str(tmp_path), "monday").exports("bag")
    Path(export, "model.json").write_text(json.dumps({"model_fingerprint": "new"}))
    settings = Settings.model_validate({"name": "shop", "schedule": {"chunk_rows": 2}})
    url = f"sqlite:///{tmp_path}/labels.db"
    rows = [stored("sure", "old", 0.9, 0.1), stored("unsure", "old", 0.5, 0.4)]
    write(predict(tmp_path / "p", rows, [stored("done", "new", 0.5, 0.5)]), url)
    (tmp_path / "products.csv").write_text("\n".join(["id,title", *PRODUCTS, ""]))
    return tmp_path, url, settings


def plan(shop: tuple[Path, str, Settings]) -> dict[str, Any]:
    root, url, settings = shop
    champion = require_champion(str(root))
    return plan_backfill(settings, str(root), champion, str(root / "products.csv"), url)


def test_unlabelled_come_first_then_the_least_sure(shop: tuple[Path, str, Settings]) -> None:
    found = plan(shop)
    chunks = [pq.read_table(chunk).to_pylist() for chunk in found["chunks"]]
    assert [[row["id"] for row in chunk] for chunk in chunks] == [["new", "unsure"], ["sure"]]
    assert chunks[1][0]["title"] == "title of today"
    assert (found["products"], found["to_label"], found["up_to_date"]) == (4, 3, 1)


def test_a_plan_is_made_once_a_champion(shop: tuple[Path, str, Settings]) -> None:
    first = plan(shop)
    again = plan(shop)
    assert (first.pop("done_before"), again.pop("done_before")) == (False, True)
    assert again == first


def test_products_without_a_row_are_refused(shop: tuple[Path, str, Settings]) -> None:
    (shop[0] / "products.csv").write_text("id,title\n")
    with pytest.raises(UsageError, match="not one row that can be read"):
        plan(shop)


@pytest.mark.parametrize(
    ("probabilities", "expected"), [([], 0), ([0.75], 0.75), ([0.75, 0.25, 0.0], 0.5)]
)
def test_margin(probabilities: list[float], expected: float) -> None:
    assert margin(probabilities) == expected
