"""Rules of the analysts by the command line: what is told of those that are mistyped or over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from chain import Said, Shop, predictions, write_dump
from tiny_shop import OpenShop

from pipelines.rules_of_today import warn_of_unknown
from pipelines.run_files import load_saved_model, read_label_names

GOOD = {"name": "good", "label": "baby", "title_contains": "rattle"}
TYPO = {"name": "typo", "label": "babby", "title_contains": "towel"}
NEW = {"name": "new", "label": "Gift Cards", "title_contains": "unicorn"}
OLD = {"name": "old", "label": "babby", "title_contains": "towel", "until": "2020-12-31"}


@pytest.fixture(scope="module")
def shop(trained_shop: OpenShop) -> Shop:
    return trained_shop("rules")


def ruled(shop: Shop, root: Path, dump_id: str, *rules: dict[str, Any]) -> tuple[Said, Any]:
    """Predict a dump by these rules; return what was said, and `rules.json`."""
    text = yaml.safe_dump({"version": "v1", "rules": list(rules)}).replace("'2020", "2020")
    (root / "rules.yaml").write_text(text.replace("31'", "31"))
    dump = write_dump(root / "dump.csv", [("1", "bath towel"), ("2", "gold ring")])
    sets = [f"dump.rules={root / 'rules.yaml'}"]
    said = shop("predict", "--dump", dump, "--dump-id", dump_id, sets=sets)
    assert said.status == 0, said.err
    return said, json.loads(Path(shop.at().predictions(dump_id), "rules.json").read_text())


def test_a_rule_whose_label_the_model_does_not_know_is_told_and_holds(
    shop: Shop, tmp_path: Path
) -> None:
    said, told = ruled(shop, tmp_path, "typo", GOOD, TYPO, NEW)
    typo, new = said.err.splitlines()
    assert typo.startswith("aisle predict: the rule typo gives 'babby', a label that the model")
    assert "(like it are 'baby')" in typo
    assert "the rule new gives 'Gift Cards'" in new
    assert "(none is like it)" in new
    assert told["unknown_labels"] == said.figures["rules"]["unknown_labels"]
    assert told["unknown_labels"] == [
        {"rule": "typo", "label": "babby", "like": ["baby"]},
        {"rule": "new", "label": "Gift Cards", "like": []},
    ]
    assert predictions(shop.at(), "typo").column("label")[0].as_py() == "babby"


def test_a_rule_that_has_ended_is_told_apart_from_those_that_never_fire(
    shop: Shop, tmp_path: Path
) -> None:
    said, told = ruled(shop, tmp_path, "ended", GOOD, OLD)
    assert said.err == ""
    assert (told["expired"], told["never_fire"]) == (["old"], ["good"])
    assert (list(told["rules"]), told["unknown_labels"]) == (["good"], [])
    assert said.figures["rules"]["expired"] == ["old"]


def test_the_labels_that_a_model_knows_are_read_without_its_graph(shop: Shop) -> None:
    (model,) = Path(shop.at().exports("x")).parent.glob("*/model")
    names = [name.decode() for name in load_saved_model(str(model)).names.numpy()]
    assert read_label_names(str(model)) == names


def test_of_many_such_rules_the_first_ten_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_unknown([{"rule": f"r{n}", "label": "x\ny", "like": []} for n in range(13)])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert "so do 3 more rules" in lines[-1]
