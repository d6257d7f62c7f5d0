"""Ranges are checked when the config is loaded: an unknown key or an impossible value is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from configs.errors import UsageError
from configs.loading import load_settings
from configs.tuning import check_search, put_values, short_names, value_at, with_values

CONFIG = Path(__file__).parents[2] / "configs" / "amazon_ads.yaml"
BAG = "models.bag_of_ngrams"
RATE = f"{BAG}.learning_rate: {{min: 0.1, max: 1.0, scale: log}}"
FILTERS = "models.cnn.filters: {choices: [8, 16]}"


def tuned(ranges: str, *sets: str) -> str:
    """Load the config with these ranges; return what was said against them."""
    with pytest.raises(UsageError) as said:
        load_settings(CONFIG, [*sets, f"tuning={{ranges: {{{ranges}}}}}"])
    message = str(said.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        (
            f"{BAG}.widht: {{min: 1, max: 2}}",
            f"tuning.ranges.{BAG}.widht: unknown key 'widht'",
        ),
        ("modles.cnn.filters: {choices: [1]}", "modles.cnn.filters: only models and training can"),
        ("features.ngrams.buckets: {choices: [8]}", "all else is fixed with the examples"),
        (f"{BAG}: {{choices: [1]}}", f"tuning.ranges.{BAG}: it is a section, not a value"),
        (f"{BAG}.epochs.most: {{choices: [1]}}", "unknown key 'most'; known there: none"),
        (f"{BAG}.batch_size: {{min: 0, max: 8}}", "greater than or equal to 1, got 0"),
        (f"{BAG}.hidden_units: {{min: 1.5, max: 8}}", "valid integer, got 1.5"),
        (f"{BAG}.learning_rate: {{choices: [0.1, fast]}}", "valid number, got 'fast'"),
        ("training.model: {choices: [cnn, svm]}", "got 'svm'"),
        (f"{BAG}.learning_rate: {{min: 1.0, max: 0.1}}", "min must be below max, got 1 and 0.1"),
        (f"{BAG}.learning_rate: {{min: 1.0, max: 1.0}}", "min must be below max"),
        (f"{BAG}.learning_rate: {{min: 0.0, max: 1.0, scale: log}}", "needs a min above 0, got 0"),
        (f"{BAG}.learning_rate: {{min: 1e-3, max: 1.0}}", "got '1e-3'; to YAML 1e-3 is text"),
        (f"{BAG}.learning_rate: {{min: true, max: 1.0}}", "expected a number, got True"),
        (f"{BAG}.learning_rate: {{min: 0.1}}", "give both min and max"),
        (f"{BAG}.learning_rate: {{}}", "give either choices, or min and max"),
        (f"{BAG}.learning_rate: {{choices: [1], min: 1, max: 2}}", "give either choices, or min"),
        (f"{BAG}.learning_rate: {{choices: []}}", "at least 1 item"),
        (f"{BAG}.learning_rate: {{choices: [1.0], scale: log}}", "are for min and max"),
        (f"{BAG}.hidden_units: {{min: 2, max: 8, step: 0}}", "step must be above 0, got 0"),
        (f"{BAG}.hidden_units: {{min: 2, max: 8, step: 1, scale: log}}", "step must be above 1"),
    ],
)
def test_a_range_that_cannot_be_is_refused_with_its_key(ranges: str, said: str) -> None:
    message = tuned(ranges)
    assert "tuning.ranges." in message
    assert said in message


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            "objective=val_acuracy",
            "tuning.objective: unknown metric 'val_acuracy'; known here",
        ),
        ("folds=1", "tuning.folds: .* greater than or equal to 2, got 1"),
        ("trials=0", "tuning.trials: .* greater than or equal to 1, got 0"),
        ("seconds=0", "tuning.seconds: .* greater than 0, got 0"),
        ("search=grid", "tuning.search: .*'hyperband'.* got 'grid'"),
        ("direction=min", "direction is min, but val_accuracy is better the higher it is"),
        ("trails=9", "tuning.trails: unknown key; known here: .*trials"),
    ],
)
def test_a_search_that_cannot_be_is_refused(setting: str, said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        load_settings(CONFIG, [f"tuning.{setting}"])
    assert re.search(said, str(refusal.value))


def test_epochs_are_said_once() -> None:
    ranges = f"{BAG}.epochs: {{min: 1, max: 3}}"
    for more, taker in (("epochs: 2", "tuning.epochs"), ("search: hyperband", "Hyperband")):
        with pytest.raises(UsageError, match=f"epochs: {taker} says how many; leave one out"):
            load_settings(CONFIG, [f"tuning={{{more}, ranges: {{{ranges}}}}}"])


@pytest.mark.parametrize(
    ("tuning", "model", "answers", "said"),
    [
        ("{trials: 3}", "cnn", "exclusive", r"tuning\.ranges: nothing to tune; name a setting"),
        (f"{{ranges: {{{RATE}}}}}", "bag_of_ngrams", "exclusive", "a random search has no end"),
        (f"{{trials: 1, ranges: {{{RATE}}}}}", "cnn", "exclusive", "training.model is cnn, so it"),
        (
            f"{{trials: 1, objective: val_lrap, ranges: {{{RATE}}}}}",
            "bag_of_ngrams",
            "exclusive",
            "val_lrap is not measured where exclusive is learned; known here: val_loss",
        ),
    ],
)
def test_a_search_without_sense_is_refused_when_it_begins(
    tuning: str, model: str, answers: str, said: str
) -> None:
    """Not before: the ranges of one model may stand in a config by which another is trained."""
    settings = load_settings(CONFIG, [f"tuning={tuning}"])
    with pytest.raises(UsageError, match=said):
        check_search(settings.tuning, model, answers)


def test_searches_with_an_end_and_a_known_figure_may_begin() -> None:
    model = "training.model: {choices: [cnn, bag_of_ngrams]}"
    for tuning, answers in (
        (f"{{search: hyperband, ranges: {{{RATE}}}}}", "exclusive"),
        (f"{{seconds: 60.0, ranges: {{{RATE}, {model}, {FILTERS}}}}}", "exclusive"),
        (f"{{trials: 2, objective: val_lrap, ranges: {{{RATE}}}}}", "rule_based"),
    ):
        own = load_settings(CONFIG, [f"tuning={tuning}"]).tuning
        check_search(own, "bag_of_ngrams", answers)
    assert load_settings(CONFIG, ["tuning.objective=val_log_loss"]).tuning.better == "min"
    assert load_settings(CONFIG, ["tuning.objective=val_lrap"]).tuning.better == "max"


def test_values_are_laid_over_settings_by_their_keys() -> None:
    settings = load_settings(CONFIG)
    other = with_values(settings, {"models.cnn.filters": 7, "training.seed": 3})
    assert (value_at(other, "models.cnn.filters"), value_at(other, "training.seed")) == (7, 3)
    assert value_at(settings, "models.cnn.filters") == 128
    document = {"name": "shop", "models": {"cnn": {"filters": 1}}}
    found = put_values(document, {"models.cnn.strides": 2, "training.seed": 3})
    assert found == {
        "name": "shop",
        "models": {"cnn": {"filters": 1, "strides": 2}},
        "training": {"seed": 3},
    }
    assert document["models"] == {"cnn": {"filters": 1}}


def test_names_are_as_short_as_they_can_be() -> None:
    keys = ["models.cnn.dropout", "models.gru.dropout", "training.seed"]
    assert list(short_names(keys).values()) == ["cnn.dropout", "gru.dropout", "seed"]
