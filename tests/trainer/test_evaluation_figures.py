"""From blocks to figures: what is kept of each title, and what the parts have to do with it."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_up_scores import SETTINGS, exclusive_block, label_block

from trainer.measure import Block, measure_exclusive, measure_rule_based
from trainer.report import deepest, render_report

NAMES = [f"shelf_{number}" for number in range(5)]
NODES = [f"node_{number}" for number in range(8)]


def cut(block: Block, sizes: list[int]) -> list[Block]:
    """Return the same examples in several blocks."""
    ends = np.cumsum(sizes)
    labels = np.split(block.labels, np.cumsum(block.lengths)[ends - 1])
    parts = zip([0, *ends[:-1]], ends, labels, strict=False)
    return [
        Block(block.titles[a:b], block.lengths[a:b], of, block.probabilities[a:b])
        for a, b, of in parts
    ]


@pytest.mark.parametrize(
    ("measure", "block", "names"),
    [
        (measure_exclusive, exclusive_block(5, 600, 5), NAMES),
        (measure_rule_based, label_block(5, 600, 8), NODES),
    ],
)
def test_blocks_give_what_the_whole_gives(measure: Any, block: Block, names: list[str]) -> None:
    valid = [replace(block)]
    whole, mistakes = measure(valid, [block], names, SETTINGS)
    parts, same_mistakes = measure(valid, cut(block, [1, 299, 300]), names, SETTINGS)
    for key in ("bce", "lrap"):
        assert parts.pop(key, None) == pytest.approx(whole.pop(key, None))
    assert parts == whole
    assert same_mistakes == mistakes
    assert json.loads(json.dumps(whole, allow_nan=False)) == whole


@pytest.mark.parametrize(
    ("measure", "block", "names"),
    [
        (measure_exclusive, exclusive_block(5, 100, 5), NAMES),
        (measure_rule_based, label_block(5, 100, 8), NODES),
    ],
)
def test_without_a_valid_part_there_is_no_temperature(
    measure: Any, block: Block, names: list[str]
) -> None:
    found, mistakes = measure([], [block], names, SETTINGS)
    assert found["temperature"] is found["calibrated"] is None
    html = render_report(found, {"examples": mistakes, "separator": "_"})
    assert "At the temperature" not in html
    assert found.get("best_threshold", SETTINGS.threshold) == SETTINGS.threshold


def test_the_threshold_is_that_of_the_valid_part_not_of_the_test_part() -> None:
    low, high = label_block(1, 400, 8), label_block(2, 400, 8)
    low = replace(low, probabilities=low.probabilities * 0.2)
    found, _ = measure_rule_based([low], [high], NODES, SETTINGS)
    own, _ = measure_rule_based([high], [high], NODES, SETTINGS)
    assert found["best_threshold"] < 0.2 < own["best_threshold"]
    assert [at["threshold"] for at in found["at"]] == [0.5, found["best_threshold"]]
    assert own["at"][-1]["micro_f1"] > found["at"][-1]["micro_f1"]


def test_a_missed_label_is_counted_beside_each_that_was_given_instead() -> None:
    block = label_block(7, 300, 8)
    found, _ = measure_rule_based([block], [block], NODES, SETTINGS)
    given = block.probabilities >= found["best_threshold"]
    expected: Counter = Counter()
    ends = np.cumsum(block.lengths)
    for row, labels in enumerate(np.split(block.labels, ends[:-1])):
        extra = set(np.flatnonzero(given[row])) - set(labels)
        missed = set(labels) - set(np.flatnonzero(given[row]))
        expected.update((NODES[a], NODES[b]) for a in missed for b in extra)
    counts = {(row["true"], row["predicted"]): row["count"] for row in found["top_confusions"]}
    assert list(counts.values()) == sorted(expected.values(), reverse=True)[:50]
    assert all(expected[pair] == count for pair, count in counts.items())


def test_mistakes_are_the_wrong_first_answers_the_surest_first() -> None:
    block = label_block(9, 300, 8)
    found, mistakes = measure_rule_based([block], [block], NODES, SETTINGS)
    sure = [mistake["probability"] for mistake in mistakes]
    assert sure == sorted(sure, reverse=True)
    assert len(mistakes) == round(300 * (1 - found["precision_at"]["1"]))
    assert all(mistake["predicted"] not in mistake["true"] for mistake in mistakes)


def test_of_labels_above_each_other_the_deepest_is_named() -> None:
    assert deepest(["a", "a_b", "a_b_c", "ab", "d"], "_") == ["a_b_c", "ab", "d"]
    assert deepest(["a", "a_b"], None) == ["a", "a_b"]
