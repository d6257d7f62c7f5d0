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
from configs.columns import DenseColumn
from configs.errors import UsageError
from configs.loading import load_settings
from configs.settings import Settings
from pipelines.backfill import plan_backfill
from pipelines.champion import promote, require_champion
from pipelines.dumps import find_dump_files, read_dump_file
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


def test_a_plan_is_of_the_columns_and_the_model_that_it_was_made_with(
    shop: tuple[Path, str, Settings],
) -> None:
    root, url, settings = shop
    (root / "products.csv").write_text("id,title,name\n1,a,another\n")
    first = plan(shop)
    dump = settings.dump.model_copy(update={"title": "name"})
    other = plan((root, url, settings.model_copy(update={"dump": dump})))
    assert not other["done_before"]
    titles = [pq.read_table(found["chunks"][0])["title"][0].as_py() for found in (first, other)]
    assert titles == ["a", "another"]
    more = settings.dump.model_copy(update={"top_k": 2})  # of no matter to the chunks
    assert plan((root, url, settings.model_copy(update={"dump": more})))["done_before"]
    export = RunArtifacts(str(root), "monday").exports("bag")
    Path(export, "model.json").write_text(json.dumps({"model_fingerprint": "trained anew"}))
    assert not plan(shop)["done_before"]


FEED = (
    "<all><p><id>1</id><title>a</title><price>1.299,5</price></p>"
    "<p><id>2</id><title>b</title><price>12,75</price></p><p><id>3</id><title>c</title></p></all>"
)
HEADLESS = {"header": ["id", "title", "price"], "skip_lines": 1, "escape": "\\"}
WRITTEN: dict[str, tuple[str, dict[str, Any]]] = {
    "a header": ("id;title;price\n1;a;1.299,5\n2;b;12,75\n3;c;\n", {"delimiter": ";"}),
    "none": ('Made today\n1;"a\\"";1.299,5\n2;b;12,75\n3;c;\n', HEADLESS | {"delimiter": ";"}),
    "xml": (FEED, {"format": "xml", "items": "p"}),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_chunks_are_read_with_the_sets_however_the_products_were_written(
    shop: tuple[Path, str, Settings], form: str
) -> None:
    root, url, _ = shop
    features = {"price": {"kind": "dense", "decimal": ","}}
    export = RunArtifacts(str(root), "monday").exports("bag")
    document = {"model_fingerprint": "new", "columns": features}
    Path(export, "model.json").write_text(json.dumps(document))
    content, dump_as = WRITTEN[form]
    (root / "products.csv").write_text(content)
    config = {"name": "shop", "dump": {"format": "csv", **dump_as}}
    config["features"] = {"columns": features}
    (root / "c.yaml").write_text(yaml.safe_dump(config))
    found = plan((root, url, load_settings(root / "c.yaml")))
    dump = load_settings(root / "c.yaml", found["sets"]).dump
    price = {"price": DenseColumn(kind="dense", decimal=",")}
    (file,) = find_dump_files(found["chunks"][0], dump, price)
    ((batch, rejects),) = read_dump_file(file, dump, price)
    assert rejects == []
    rows = {row["id"]: row["price"] for row in batch.to_pylist()}
    assert (rows["1"], rows["2"], str(rows["3"])) == (1299.5, 12.75, "nan")


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
    ("probabilities", "expected"),
    [
        ([], 0),
        ([0.75], 0.75),
        ([0.75, 0.25, 0.0], 0.5),
        ([0.5, 0.5, 0.0], 0),
        ([0.5, 1.0, 0.75, 0.25], 0.25),  # a node of a tree behind its label: those above it
        ([0.5, 1.0, 0.75], 0.5),
    ],
)
def test_margin(probabilities: list[float], expected: float) -> None:
    assert margin(probabilities) == expected
