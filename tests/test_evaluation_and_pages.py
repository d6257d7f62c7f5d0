"""Evaluate, compare and explore from the command line; scikit-learn says the same of the export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chain import Shop, one_line
from sklearn import metrics as sk
from tiny_shop import OpenShop

from trainer.calibrate import BOUNDS, tempered

CNN = ["training.model=cnn", "models.cnn.epochs=2"]


@pytest.fixture(scope="module")
def shop(trained_shop: OpenShop) -> Shop:
    """A shop with two models that are trained and evaluated."""
    shop = trained_shop("pages")
    for sets in ([], CNN):
        assert shop("train", sets=sets).status == 0
        said = shop("evaluate", sets=sets)
        assert said.status == 0, said.err
    return shop


def evaluations(shop: Shop) -> list[dict[str, Any]]:
    folders = sorted(Path(shop.at().evaluations).iterdir())
    return [json.loads((folder / "metrics.json").read_text()) for folder in folders]


def scored(shop: Shop, model: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels and full probabilities of a part, from the export as anyone would load it."""
    import tensorflow as tf

    files = sorted(Path(shop.at().tfrecords).glob(f"exclusive_{split}-*"))
    examples = list(tf.data.TFRecordDataset(list(map(str, files)), "GZIP").as_numpy_iterator())
    spec = {"label": tf.io.FixedLenFeature([], tf.int64)}
    labels = tf.io.parse_example(examples, spec)["label"].numpy()
    loaded = tf.saved_model.load(f"{shop.at().exports(model)}/model")
    signature = loaded.signatures["probabilities_of_examples"]
    return labels, signature(example=tf.constant(examples))["probabilities"].numpy()


def test_the_figures_are_those_of_scikit_learn_on_the_export(shop: Shop) -> None:
    for found in evaluations(shop):
        labels, said = scored(shop, found["context"]["model"], "test")
        every = np.arange(found["classes"])
        predicted = said.argmax(axis=1)
        assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
        weighted = sk.f1_score(labels, predicted, average="weighted")
        assert found["weighted_f1"] == pytest.approx(weighted)
        loss = sk.log_loss(labels, said, labels=every)
        assert found["log_loss"] == pytest.approx(loss, rel=1e-4)
        known = [i for i in every if (labels == i).any()]
        aucs = [sk.roc_auc_score(labels == i, said[:, i]) for i in known]
        assert found["auc"]["macro"] == pytest.approx(np.mean(aucs), abs=1e-4)
        assert found["auc"]["classes"] == len(known)


def test_the_temperature_is_that_of_the_valid_part(shop: Shop) -> None:
    """No other temperature has a lower loss on it; what is calibrated is kept with it."""
    for found in evaluations(shop):
        labels, said = scored(shop, found["context"]["model"], "valid")
        best = found["temperature"]
        beside = [t for t in (0.9 * best, 1.1 * best) if BOUNDS[0] <= t <= BOUNDS[1]]
        losses = [sk.log_loss(labels, tempered(said, t)) for t in (best, *beside)]
        assert losses[0] <= min(losses) + 1e-6
        assert 0 <= found["calibrated"]["expected_calibration_error"] <= 1
        assert sum(row["count"] for row in found["calibrated"]["calibration_bins"]) == len(
            scored(shop, found["context"]["model"], "test")[0]
        )


def test_an_evaluation_says_where_it_was_wrong_and_how_fast(shop: Shop) -> None:
    for found in evaluations(shop):
        wrong = round((1 - found["accuracy"]) * found["examples"])
        context = found["context"]
        assert len(context["examples"]) == wrong
        assert sum(row["titles"] for row in found["by_words"]) == found["examples"]
        right = sum(row["titles"] * row["accuracy"] for row in found["by_words"])
        assert right == pytest.approx(found["accuracy"] * found["examples"])
        assert context["speed"]["titles"] == found["examples"]
        assert context["speed"]["titles_per_second"] > 0
        assert context["parameters"] > 0


def test_the_same_evaluation_gives_the_same_figures(shop: Shop) -> None:
    """Only how long things took is another matter."""
    before = evaluations(shop)
    assert not shop("evaluate", "--force").figures["done_before"]
    after = evaluations(shop)
    for found in (*before, *after):
        found["context"] = {key: found["context"][key] for key in ("examples", "history")}
    assert before == after


def test_another_price_needs_no_new_evaluation_but_another_threshold_does(shop: Shop) -> None:
    assert shop("evaluate", sets=["evaluation.price_per_core_hour=3.0"]).figures["done_before"]
    one_line(shop("evaluate", sets=["evaluation.threshold=0.4"]), "another config", "--force")


def test_report_compares_the_models_of_a_run_and_the_baselines(shop: Shop, tmp_path: Path) -> None:
    said = shop("report", sets=["evaluation.price_per_core_hour=3.0"])
    assert said.status == 0, said.err
    names = {found["context"]["model"] for found in evaluations(shop)}
    accuracy = said.figures["accuracy"]
    assert names < set(accuracy)
    assert any("linear" in name or "logistic" in name for name in set(accuracy) - names)
    assert "majority class" in accuracy
    page = Path(said.figures["report"])
    assert page.parent == Path(shop.at().report)
    assert json.loads((page.parent / "report.json").read_text())["price_per_core_hour"] == 3.0
    elsewhere = shop("report", "--models", sorted(names)[0], "--out", tmp_path / "here")
    assert (tmp_path / "here" / "report.html").exists()
    models = {row["model"] for row in elsewhere.figures["compared"] if row["kind"] == "model"}
    assert models == {sorted(names)[0]}


def test_explore_shows_what_preprocessing_counted(shop: Shop) -> None:
    said = shop("explore")
    assert said.status == 0, said.err
    found = json.loads(Path(shop.at().exploration, "exploration.json").read_text())
    assert found["counts"]["records"] == said.figures["records"] == 480
    assert sum(count for _, count in found["words"]) == found["counts"]["titles"]
    samples = {row["name"]: row["titles"] for row in found["sampled"]["classes"]}
    assert set(samples) == {row["name"] for row in found["levels"]["main"]}
    assert any("bath towel" in title for title in samples["home"])
    assert all(row["titles"] == ["gift card"] for row in found["sampled"]["shared"])
    assert Path(said.figures["page"]).read_text().startswith("<!DOCTYPE html>")
    few = shop("explore", "--rows", 10)
    again = json.loads(Path(shop.at().exploration, "exploration.json").read_text())
    assert few.status == 0
    assert again["sampled"]["rows"] == 10


def test_what_is_missing_is_one_line(shop: Shop) -> None:
    one_line(shop("report", run_id="never"), "no model was evaluated", "aisle evaluate")
    one_line(shop("report", "--models", "none"), "evaluation/none is not there")
    one_line(shop("report", "--runs", "../up"), "run id")
    one_line(shop("explore", run_id="never"), "is not there", "aisle preprocess")
    assert shop("explore", "--rows", "0").status == 2
