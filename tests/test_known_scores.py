"""A title that the same export has scored is not scored again, and gets the same label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from chain import Shop, predictions, write_dump
from tiny_shop import OpenShop

TITLES = [f"Acme {what} model {n}" for n in range(20) for what in ("wrist watch", "bath towel")]
NEW = ["gold ring, silver", "bike helmet", "smart bulb 7"]
ON = "dump.reuse_scores=true"


@pytest.fixture(scope="module")
def shop(trained_shop: OpenShop) -> Shop:
    shop = trained_shop("known")
    said = _predict(shop, "first", TITLES, ON)
    assert said["scored_before"] == 0
    return shop


def _predict(
    shop: Shop, name: str, titles: list[str], *sets: str, ids: str = "p", force: bool = False
) -> dict:
    rows = [(f"{ids}{place}", title) for place, title in enumerate(titles)]
    dump = write_dump(shop.config.parent / f"{name}.csv", rows)
    forced = ["--force"] if force else []
    said = shop("predict", "--dump", dump, "--dump-id", name, *forced, sets=sets)
    assert said.status == 0, said.err
    return said.figures


def _same(shop: Shop, found: str, expected: str) -> None:
    one, other = (predictions(shop.at(), name) for name in (found, expected))
    exact = [name for name in one.schema.names if name not in ("probability", "probabilities")]
    assert one.select(exact).equals(other.select(exact))
    for name in ("probability", "probabilities"):
        values = [np.array(table.column(name).to_pylist()) for table in (one, other)]
        assert np.abs(values[0] - values[1]).max() <= 1e-6


def test_known_titles_are_passed_over_whatever_their_ids(shop: Shop) -> None:
    mixed = TITLES[5:30] + NEW
    assert _predict(shop, "second", mixed, ON, ids="q")["scored_before"] == 25
    assert "scored_before" not in _predict(shop, "full", mixed, ids="q")
    _same(shop, "second", "full")
    again = _predict(shop, "third", mixed, ON, ids="q")
    assert again["scored_before"] == len(mixed)
    _same(shop, "third", "full")


def test_a_dump_that_is_scored_anew_is_not_known_from_itself(shop: Shop) -> None:
    only_here = ["zinc ladle", "tin ladle"]
    assert _predict(shop, "own", only_here, ON)["scored_before"] == 0
    assert _predict(shop, "own", only_here, ON, force=True)["scored_before"] == 0


def test_rules_hold_for_titles_that_were_known(shop: Shop, tmp_path: Path) -> None:
    rule = {"name": "towels", "label": "computers", "title_contains": "towel"}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"version": "v1", "rules": [rule]}))
    rules = f"dump.rules={tmp_path / 'rules.yaml'}"
    assert _predict(shop, "ruled", TITLES, ON, rules)["scored_before"] == len(TITLES)
    _predict(shop, "ruled-full", TITLES, rules)
    _same(shop, "ruled", "ruled-full")
    labels = predictions(shop.at(), "ruled").column("label").to_pylist()
    assert labels.count("computers") >= len(TITLES) // 2
    assert _predict(shop, "unruled", TITLES, ON)["scored_before"] == len(TITLES)
    _predict(shop, "unruled-full", TITLES)
    _same(shop, "unruled", "unruled-full")


def test_what_an_export_did_not_say_is_scored(shop: Shop) -> None:
    """Fewer labels a title, another export, predictions without a manifest."""
    few, other = "dump.top_k=3", "training.seed=5"
    titles = ["silver band 3", "label printer 9"]
    assert _predict(shop, "short", titles, ON, few)["scored_before"] == 0
    assert _predict(shop, "long", titles, ON)["scored_before"] == 0
    assert _predict(shop, "short-again", titles, ON, few)["scored_before"] == 2
    _same(shop, "short-again", "short")
    assert shop("train", sets=[other]).status == 0
    assert _predict(shop, "other", TITLES, ON, other)["scored_before"] == 0
    Path(shop.at().predictions("other"), "COMPLETED").unlink()
    assert _predict(shop, "other-again", TITLES, ON, other)["scored_before"] == 0
