"""Examples: what was serialised is parsed back, and the counts add up."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
import tensorflow as tf

from transforms.categories import make_taxonomy
from transforms.examples import Shard, labels_of, serialise_features
from transforms.label_counts import LabelRules
from transforms.text_keys import KEY_BITS

TREE = make_taxonomy(["a_x", "b_y", "b_z"], "_", {"main": [0, 1], "sub": [1, 3]})
END = 1 << KEY_BITS
TITLES = [
    # title, where its key lies, tokens, n-grams, categories
    ("one", 0.05, [2], [11], ["a_x"]),
    ("two words", 0.10, [3, 1], [12, 13, 14], ["b_y", "a_x"]),
    ("three", 0.55, [], [15], ["b_z", "b_y"]),
    ("é four", 0.70, [4, 5], [], ["b_y"]),
    ("five", 0.90, [6], [16], ["a_x", "b_z"]),
]
FEATURES = {
    "title": tf.io.FixedLenFeature([], tf.string),
    "tokens": tf.io.RaggedFeature(tf.int64),
    "ngrams": tf.io.RaggedFeature(tf.int64),
}
EXCLUSIVE = FEATURES | {
    "label": tf.io.FixedLenFeature([], tf.int64),
    "categories": tf.io.RaggedFeature(tf.int64),
}
RULE_BASED = FEATURES | {"labels": tf.io.RaggedFeature(tf.int64)}


def titles() -> pa.RecordBatch:
    text, place, tokens, ngrams, categories = zip(*TITLES, strict=True)
    columns = {
        "title": pa.array([[t.encode()] for t in text], pa.list_(pa.binary())),
        "key": pa.array([[int(p * END)] for p in place], pa.list_(pa.int64())),
        "tokens": pa.array(tokens, pa.list_(pa.int64())),
        "ngrams": pa.array(ngrams, pa.list_(pa.int64())),
        "categories": pa.array(categories, pa.list_(pa.string())),
    }
    return pa.RecordBatch.from_pydict(columns)


def rules(conflicts: str = "first", level: str = "main", rule_based: bool = True) -> LabelRules:
    return LabelRules(level, conflicts, rule_based, (0.6, 0.2, 0.2))


def shards_of(given: LabelRules) -> tuple[list[Shard], Counter]:
    """Return the shards of the titles and what was counted, as `write_examples` makes them."""
    labels = labels_of(titles(), TREE, given)
    return list(labels.shards(serialise_features(titles(), given))), labels.counts()


def parsed(shards: list[Shard], objective: str, split: str) -> list[tuple]:
    """Return the values of each example, in the order of the features."""
    spec = EXCLUSIVE if objective == "exclusive" else RULE_BASED
    (shard,) = [s for s in shards if (s.objective, s.split) == (objective, split)]
    found = tf.io.parse_example(shard.examples.to_pylist(), spec)
    columns = [found[name] for name in spec]
    values = [c.to_list() if isinstance(c, tf.RaggedTensor) else c.numpy() for c in columns]
    return [(row[0].decode(), *row[1:]) for row in zip(*values, strict=True)]


def test_an_exclusive_example_holds_the_title_its_features_and_one_class() -> None:
    shards, _ = shards_of(rules())
    assert parsed(shards, "exclusive", "train") == [
        ("one", [2], [11], 0, [0]),
        ("two words", [3, 1], [12, 13, 14], 1, [1, 0]),
        ("three", [], [15], 1, [2, 1]),
    ]
    assert parsed(shards, "exclusive", "valid") == [("é four", [4, 5], [], 1, [1])]
    assert parsed(shards, "exclusive", "test") == [("five", [6], [16], 0, [0, 2])]


def test_a_rule_based_example_holds_the_same_features_and_all_nodes() -> None:
    shards, _ = shards_of(rules())
    node = {name: number for number, name in enumerate(TREE.nodes)}
    assert parsed(shards, "rule_based", "train") == [
        ("one", [2], [11], [node["a"], node["a_x"]]),
        ("two words", [3, 1], [12, 13, 14], [node[n] for n in ("a", "a_x", "b", "b_y")]),
        ("three", [], [15], [node[n] for n in ("b", "b_y", "b_z")]),
    ]
    assert [row[0] for row in parsed(shards, "rule_based", "test")] == ["five"]


def test_without_the_rule_based_objective_only_the_exclusive_is_written() -> None:
    shards, counts = shards_of(rules(rule_based=False))
    assert {shard.objective for shard in shards} == {"exclusive"}
    assert counts[("rule_based", "train")] == 0


def test_all_writes_a_title_once_a_class() -> None:
    shards, counts = shards_of(rules("all"))
    found = parsed(shards, "exclusive", "train")
    assert [(row[0], row[3]) for row in found] == [
        ("one", 0),
        ("two words", 1),
        ("two words", 0),
        ("three", 1),
    ]
    assert counts[("exclusive", "train")] == 4


@pytest.mark.parametrize(
    ("conflicts", "level", "examples", "dropped", "unlabelled"),
    [
        ("first", "main", 5, 0, 0),
        ("drop", "main", 3, 2, 0),
        ("all", "main", 7, 0, 0),
        ("first", "full", 5, 0, 0),
        ("drop", "full", 2, 3, 0),
        ("first", "sub", 0, 0, 5),
    ],
)
def test_the_counts_add_up(
    conflicts: str, level: str, examples: int, dropped: int, unlabelled: int
) -> None:
    shards, counts = shards_of(rules(conflicts, level))
    written = {(s.objective, s.split): len(s.examples) for s in shards}
    assert written == {key: counts[key] for key in written}
    assert sum(n for (objective, _), n in written.items() if objective == "exclusive") == examples
    assert sum(n for (objective, _), n in written.items() if objective == "rule_based") == 5
    assert (counts[("dropped",)], counts[("unlabelled",)]) == (dropped, unlabelled)
    assert sum(n for key, n in counts.items() if key[0] == "label") == examples
    if conflicts != "all":
        assert examples + dropped + unlabelled == len(TITLES)


def test_pairs_of_classes_that_share_titles_are_counted() -> None:
    counts = shards_of(rules())[1]
    assert {key: n for key, n in counts.items() if key[0] == "conflict"} == {
        ("conflict", "a", "b"): 2
    }
    assert counts[("conflicting",)] == 2


def test_labels_are_counted_by_split() -> None:
    counts = shards_of(rules())[1]
    assert {key[1:]: n for key, n in counts.items() if key[0] == "label"} == {
        ("train", "a"): 1,
        ("train", "b"): 2,
        ("valid", "b"): 1,
        ("test", "a"): 1,
    }
