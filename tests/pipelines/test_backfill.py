"""The plan of a backfill: what a new champion could change, the likeliest first, cut in chunks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from chain import aisle, one_line
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


def plan(shop: tuple[Path, str, Settings], *, force: bool = False) -> dict[str, Any]:
    root, url, settings = shop
    champion = require_champion(str(root))
    return plan_backfill(
        settings, str(root), champion, str(root / "products.csv"), url, force=force
    )


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


def test_a_plan_is_of_one_store_as_it_is(shop: tuple[Path, str, Settings]) -> None:
    root, url, settings = shop
    first = plan(shop)
    empty = plan((root, f"sqlite:///{root}/empty.db", settings))
    assert (empty["to_label"], empty["up_to_date"], empty["done_before"]) == (4, 0, False)
    assert not (root / "empty.db").exists()
    assert plan(shop)["done_before"]
    write(predict(root / "q", [stored("sure", "new", 0.9, 0.1)]), url, "tuesday")
    later = plan(shop)
    assert (later["to_label"], later["up_to_date"], later["done_before"]) == (2, 2, False)
    assert not set(first["chunks"]) & {*later["chunks"], *empty["chunks"]}
    with pytest.raises(UsageError, match="not a database URL"):
        plan((root, "bogus", settings))


def test_the_command_names_the_chunks_and_refuses_what_is_no_store(
    shop: tuple[Path, str, Settings],
) -> None:
    root, url, settings = shop
    (root / "c.yaml").write_text(yaml.safe_dump(settings.model_dump(mode="json")))
    typed = ["plan-backfill", "--config", root / "c.yaml", "--prefix", root]
    typed += ["--products", root / "products.csv", "--store"]
    said = aisle(*typed, url)
    chunks = [Path(chunk) for chunk in plan(shop)["chunks"]]
    assert f"chunks:  {chunks[0]} to {chunks[-1].name}" in said.out
    assert str(chunks[0].parent) in said.out
    assert aisle(*typed, url, "--force", "--json").figures["done_before"] is False
    one_line(aisle(*typed, "bogus"), "not a database URL")
    one_line(aisle(*typed, f"sqlite:///{root}"), "is a folder")


def test_a_plan_is_made_anew_by_force(shop: tuple[Path, str, Settings]) -> None:
    first = plan(shop)
    Path(first["chunks"][0]).unlink()
    assert not plan(shop, force=True)["done_before"]
    assert Path(first["chunks"][0]).exists()


def test_products_without_a_row_are_refused(shop: tuple[Path, str, Settings]) -> None:
    (shop[0] / "products.csv").write_text("id,title\n")
    with pytest.raises(UsageError, match="not one row that can be read"):
        plan(shop)


@pytest.mark.parametrize(
    ("probabilities", "expected"), [([], 0), ([0.75], 0.75), ([0.75, 0.25, 0.0], 0.5)]
)
def test_margin(probabilities: list[float], expected: float) -> None:
    assert margin(probabilities) == expected
