"""A model of several labels a title is evaluated on all nodes of the tree, by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from chain import Shop
from sklearn import metrics as sk
from tiny_shop import OpenShop

from configs.settings import TrainingSettings

pytestmark = pytest.mark.skipif(
    "objectives" not in TrainingSettings.model_fields, reason="the trainer has one objective only"
)
SETS = ["training.objectives=[rule_based]", "models.bag_of_ngrams.epochs=4"]


@pytest.fixture(scope="module")
def shop(trained_shop: OpenShop) -> Shop:
    shop = trained_shop("labels")
    assert shop("train", sets=SETS).status == 0
    return shop


def test_the_figures_are_those_of_scikit_learn_on_the_export(shop: Shop) -> None:
    import tensorflow as tf

    said = shop("evaluate", sets=SETS)
    assert said.status == 0, said.err
    model = Path(said.figures["report"]).parent
    found = json.loads((model / "metrics.json").read_text())
    files = sorted(map(str, Path(shop.at().tfrecords).glob("rule_based_test-*")))
    examples = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    spec = {"labels": tf.io.RaggedFeature(tf.int64)}
    labels = tf.io.parse_example(examples, spec)["labels"].to_list()
    loaded = tf.saved_model.load(f"{shop.at().exports(model.name)}/model")
    scores = loaded.probabilities_of_examples(tf.constant(examples))["probabilities"].numpy()
    truth = np.zeros(scores.shape, bool)
    for row, of_row in enumerate(labels):
        truth[row, of_row] = True
    assert found["lrap"] == pytest.approx(sk.label_ranking_average_precision_score(truth, scores))
    assert found["bce"] == pytest.approx(sk.log_loss(truth.ravel(), scores.ravel()), rel=1e-4)
    for at in found["at"]:
        expected = sk.f1_score(truth, scores >= at["threshold"], average="micro")
        assert at["micro_f1"] == pytest.approx(expected)
    assert said.figures["micro_f1"] == found["at"][-1]["micro_f1"]
    assert set(said.figures["baselines"]) > set()
    assert found["context"]["level"] == "all"


def test_report_sets_it_apart_from_models_of_one_class(shop: Shop) -> None:
    for sets in ([], SETS):
        for command in ("train", "evaluate"):
            assert shop(command, sets=sets).status == 0
    said = shop("report")
    assert said.status == 0, said.err
    assert {"accuracy, main", "micro_f1, all"} < set(said.figures)
    groups = json.loads(Path(shop.at().report, "report.json").read_text())["groups"]
    assert [len(group["rows"]) >= 2 for group in groups] == [True, True]
