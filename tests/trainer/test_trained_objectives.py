"""Objectives and their options from the command line to the exported model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chain import Shop, predictions, write_dump

from pipelines.statistics import read_taxonomy
from trainer.answers import best_answers

TITLES = ["acme wrist watch black", "gaming laptop", "one of its kind lone", "", "bath towel"]
BOTH = ["training.objectives=[exclusive,rule_based]"]
AT_FULL = ["training.level=full", "training.hierarchy=joint"]
JOINT = [*BOTH, *AT_FULL, "training.label_smoothing={uniform: 0.05, categories: 0.2}"]

ASK = """
import json, sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
titles = tf.constant(json.loads(sys.argv[2]))
found = loaded.signatures["serving_default"](title=titles) | loaded.signatures["score_more"](titles)
print(json.dumps({k: v.numpy().tolist() for k, v in found.items() if v.dtype != tf.string}))
"""


def trained(shop: Shop, sets: list[str], *options: str) -> dict[str, Any]:
    said = shop("train", *options, sets=sets)
    assert said.status == 0, said.err
    assert said.err == ""
    return said.figures


def model_folder(shop: Shop, figures: dict[str, Any]) -> str:
    return f"{shop.at().exports(figures['model'])}/model"


def described(shop: Shop, figures: dict[str, Any]) -> dict[str, Any]:
    return json.loads(Path(shop.at().exports(figures["model"]), "model.json").read_text())


def serialised(shop: Shop, pattern: str = "exclusive_test-*") -> list[bytes]:
    import tensorflow as tf

    shards = sorted(map(str, Path(shop.at().tfrecords).glob(pattern)))
    return list(tf.data.TFRecordDataset(shards, "GZIP").as_numpy_iterator())


@pytest.fixture(scope="module")
def joint(written: Shop) -> dict[str, Any]:
    """The figures of a model of both objectives, at the full level, with every option."""
    return trained(written, [*JOINT, "training.class_weights=sqrt"])


@pytest.fixture(scope="module")
def loaded(written: Shop, joint: dict[str, Any]) -> Any:
    import tensorflow as tf

    return tf.saved_model.load(model_folder(written, joint))


def test_a_model_of_both_has_a_column_for_each_class_and_each_node(
    written: Shop, joint: dict[str, Any], loaded: Any
) -> None:
    taxonomy = read_taxonomy(written.at().stats)
    assert joint["classes"] == len(taxonomy.categories) + len(taxonomy.nodes)
    found = loaded.probabilities_of_examples(serialised(written))
    full, nodes = found["probabilities"].numpy(), found["rule_based"].numpy()
    assert (full.shape[1], nodes.shape[1]) == (len(taxonomy.categories), len(taxonomy.nodes))
    np.testing.assert_allclose(full.sum(axis=1), 1.0, rtol=1e-5)
    assert ((nodes > 0) & (nodes < 1)).all()
    assert [x.decode() for x in loaded.names.numpy()] == list(taxonomy.categories)
    assert [x.decode() for x in loaded.more_names["rule_based"].numpy()] == list(taxonomy.nodes)
    said = described(written, joint)
    assert said["objective"] == "exclusive"
    assert said["objectives"] == ["exclusive", "rule_based"]


def test_what_is_predicted_at_full_sums_up_the_tree_to_main(written: Shop, loaded: Any) -> None:
    taxonomy = read_taxonomy(written.at().stats)
    found = loaded.probabilities_of_examples(serialised(written))
    full = found["probabilities"].numpy().astype(np.float64)
    for level in ("main", "sub", "bottom"):
        label = taxonomy.labels_at(level)
        expected = np.stack([full[:, label == i].sum(1) for i in range(label.max() + 1)], axis=1)
        assert np.abs(found[level].numpy() - expected).max() <= 1e-6
    assert np.abs(found["main"].numpy().sum(axis=1) - 1).max() <= 1e-5


def test_raw_titles_get_the_labels_of_every_level_and_of_the_other_objective(
    written: Shop, loaded: Any
) -> None:
    """As their examples do: the same probabilities, the likeliest first; of a tree the label."""
    import tensorflow as tf

    examples = serialised(written)
    spec = {"title": tf.io.FixedLenFeature([], tf.string)}
    titles = tf.io.parse_example(examples, spec)["title"]
    found, dense = (
        loaded.signatures["score_more"](titles),
        loaded.probabilities_of_examples(examples),
    )
    for name in ("main", "bottom"):
        shown, whole = found[f"{name}_probabilities"].numpy(), dense[name].numpy()
        first = loaded.more_names[name].numpy()[whole.argmax(axis=1)]
        np.testing.assert_allclose(shown[:, 0], whole.max(axis=1), atol=1e-6)
        sure = np.diff(np.sort(whole, axis=1)[:, -2:])[:, 0] > 1e-5
        assert (found[f"{name}_labels"].numpy()[sure, 0] == first[sure]).all()
        assert (np.diff(shown, axis=1) <= 0).all()
    best = best_answers(dense["rule_based"], 1, read_taxonomy(written.at().stats).node_depths)
    shown = found["rule_based_probabilities"].numpy()
    np.testing.assert_allclose(shown[:, :1], best["probabilities"].numpy(), atol=1e-6)
    assert (np.diff(shown[:, 1:], axis=1) <= 0).all()


def test_another_process_gets_the_same_probabilities(
    written: Shop, joint: dict[str, Any], loaded: Any
) -> None:
    import tensorflow as tf

    titles = tf.constant(TITLES)
    here = loaded.signatures["serving_default"](titles) | loaded.signatures["score_more"](titles)
    words = [sys.executable, "-c", ASK, model_folder(written, joint), json.dumps(TITLES)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    there = json.loads(told.splitlines()[-1])
    assert {"probabilities", "main_probabilities", "rule_based_probabilities"} < set(there)
    for name, values in there.items():
        assert np.abs(here[name].numpy() - np.array(values)).max() <= 1e-6, name


def test_rule_based_alone_gives_a_dump_its_deepest_likely_nodes(
    written: Shop, tmp_path: Path
) -> None:
    import tensorflow as tf

    titles = ["Acme bath towel - black", "Norvik gaming laptop - RED", "Acme gold ring - white"]
    dump = write_dump(tmp_path / "dump.csv", [(str(n), title) for n, title in enumerate(titles)])
    epochs = ["models.bag_of_ngrams.epochs=20", "models.bag_of_ngrams.patience=20"]
    sets = [*epochs, "training.objectives=[rule_based]", "training.class_weights=balanced"]
    figures = trained(written, sets)
    assert {"val_loss", "val_accuracy", "val_micro_f1"} < set(figures)
    assert figures["history"][-1]["loss"] < figures["history"][0]["loss"]
    said = shop_predicts(written, dump, figures)
    taxonomy = read_taxonomy(written.at().stats)
    for row in said:
        assert set(row["labels"]) <= set(taxonomy.nodes)
        assert row["label"] == row["labels"][0]
        assert row["probability"] == row["probabilities"][0] >= 0.5
        assert row["probabilities"][1:] == sorted(row["probabilities"][1:], reverse=True)
    deepest = [
        "home_kitchen_bath_towels",
        "electronics_computers_laptops",
        "women-fashion_jewelry_rings",
    ]
    assert [row["label"] for row in said] == deepest
    alone = tf.saved_model.load(model_folder(written, figures)).signatures["serving_default"]
    assert [x.decode() for x in alone(tf.constant(titles))["label"].numpy()] == deepest
    assert max(sum(row["probabilities"]) for row in said) > 1.0  # each is asked for itself
    assert described(written, figures)["objective"] == "rule_based"


def shop_predicts(shop: Shop, dump: Path, figures: dict[str, Any]) -> list[dict[str, Any]]:
    options = ["--dump", dump, "--dump-id", figures["model"], "--model", figures["model"]]
    assert shop("predict", *options).status == 0
    return predictions(shop.at(), figures["model"]).to_pylist()


def test_pretraining_comes_before_training_both_and_the_head_that_answers_is_chosen(
    written: Shop,
) -> None:
    sets = [*BOTH, "training.joint={schedule: pretrain, first: exclusive, answers: rule_based}"]
    figures = trained(written, sets)
    first, second = figures["history"][:2]
    assert "exclusive_loss" in first
    assert "loss" not in first
    assert {"loss", "exclusive_loss", "val_micro_f1", "val_exclusive_accuracy"} < set(second)
    assert figures["val_micro_f1"] == max(row["val_micro_f1"] for row in figures["history"][1:])
    assert described(written, figures)["objective"] == "rule_based"


def test_scores_in_order_balanced_classes_of_one_example_and_none(written: Shop) -> None:
    """`lone` has one training example, `unseen` none, and its only example is validated."""
    sets = ["training.target=ordinal", "training.class_weights=balanced"]
    figures = trained(written, [*sets, "training.monitor=val_loss"])
    best = min(row["val_loss"] for row in figures["history"])
    assert figures["val_loss"] == best
    labels = (Path(written.at().stats) / "labels.csv").read_text().splitlines()
    assert "lone,1,0,0" in labels
    assert "unseen,0,1,0" in labels
    assert written("evaluate", sets=[*sets, "training.monitor=val_loss"]).status == 0


def test_the_same_seed_and_examples_give_the_same_metrics(written: Shop) -> None:
    sets = [*BOTH, "training.shuffle_buffer=50"]
    first, again = (trained(written, sets, *options) for options in ((), ("--force",)))
    assert not again["done_before"]
    for one, other in zip(first["history"], again["history"], strict=True):
        assert one == pytest.approx(other, rel=1e-5)
        assert one["val_accuracy"] == other["val_accuracy"]
