"""The gate between two runs: the champion is asked no title that it learned, as often as wanted."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from chain import Shop, open_shop, write_dump

from configs.settings import Settings
from pipelines.champion import promote

OTHER_SPLIT = ["split.key=2"]
WORDS = [f"word{number}" for number in range(60)]
BY_HEART = ["models.bag_of_ngrams.epochs=40", "models.bag_of_ngrams.embedding_width=32"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings) -> Shop:
    """A shop whose champion is of Monday; Tuesday's run has its titles in other parts.

    Nothing in a title says its category: a model knows those that it learned, and guesses others.
    """
    root, chance = tmp_path_factory.mktemp("gate"), random.Random(20_190_401)
    (root / "catalogue").mkdir()
    for name in ("home", "baby", "computers"):
        titles = [" ".join(chance.choices(WORDS, k=4)) for _ in range(80)]
        (root / "catalogue" / f"amazon_{name}_things.csv").write_text(
            "\n".join(["ad", *titles, ""])
        )
    shop = open_shop(root, tiny_settings)
    for run_id, sets in (("monday", []), ("tuesday", OTHER_SPLIT)):
        finish(shop, "preprocess", "--input", root / "catalogue", run_id=run_id, sets=sets)
        finish(shop, "train", run_id=run_id, sets=[*BY_HEART, *sets])
        finish(shop, "evaluate", run_id=run_id, sets=[*BY_HEART, *sets])
    promote(str(shop.prefix), "monday", model(shop, "monday"))
    return shop


def finish(shop: Shop, command: str, *options: object, run_id: str = "monday", sets=()) -> dict:
    said = shop(command, *options, run_id=run_id, sets=sets)
    assert said.status == 0, said.err
    return said.figures


def model(shop: Shop, run_id: str) -> str:
    (export,) = Path(shop.at(run_id).root, "exports").iterdir()
    return export.name


def compare(shop: Shop, *sets: str) -> dict:
    named = ("--model", model(shop, "tuesday"))
    return finish(shop, "compare", *named, run_id="tuesday", sets=[*OTHER_SPLIT, *sets])


def test_a_champion_that_may_have_learned_the_new_test_titles_enters_with_its_own(
    shop: Shop,
) -> None:
    found = compare(shop)
    own = Path(shop.at("monday").evaluation(model(shop, "monday")), "metrics.json")
    assert found["champion_value"] == json.loads(own.read_text())["accuracy"]
    assert found["measured_on"] == (
        "the test titles of each one's own run, as the champion may have learned those of the new "
        "run (split.key is not the same in tuesday and monday)"
    )
    assert "split.key" in Path(found["report"]).read_text()


def test_a_reference_dump_is_labelled_anew_where_its_settings_or_rules_are_others(
    shop: Shop, tmp_path: Path
) -> None:
    dump = write_dump(tmp_path / "reference.csv", [("1", "word1 word2"), ("2", "word3 gold")])
    reference = f"promotion.reference_dump={dump}"
    rules = tmp_path / "rules.yaml"
    said = 'version: "1"\nrules: [{name: gold, label: treasure, title_contains: gold}]\n'
    rules.write_text(said)
    for more in ([], ["dump.top_k=2"], [f"dump.rules={rules}"]):
        assert compare(shop, reference, *more)["changed_labels"]["compared"] == 2
    rules.write_text(said.replace("}]", ", until: 2020-01-01}]"))
    for _ in range(2):
        found = compare(shop, reference, f"dump.rules={rules}")["changed_labels"]
        assert found["compared"] == 2
    made = Path(shop.at("tuesday").root, "predictions")
    assert len([*made.iterdir()]) == 4
