"""Training from the command line: both models, early stopping, resuming, other category rules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from chain import Shop, contents, examples, open_shop, predictions, write_dump
from tiny_shop import OpenShop
from watcher import Watcher

from configs.settings import Settings

FOUR_EPOCHS = [
    "models.bag_of_ngrams.batch_size=8",
    "models.bag_of_ngrams.epochs=4",
    "models.bag_of_ngrams.patience=4",
    "training.checkpoint_seconds=0.0001",
]


@pytest.fixture(scope="module")
def shop(preprocessed_shop: OpenShop) -> Shop:
    return preprocessed_shop("training")


def _weights(shop: Shop, model: str, run_id: str = "monday") -> list[np.ndarray]:
    import tensorflow as tf

    loaded = tf.saved_model.load(f"{shop.at(run_id).exports(model)}/model")
    return [weight.numpy() for weight in loaded.weights]


def _close(found: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return len(found) == len(expected) and all(
        np.allclose(a, b, atol=1e-6) for a, b in zip(found, expected, strict=True)
    )


def test_the_cnn_trains_evaluates_and_predicts_beside_the_other_model(
    shop: Shop, tmp_path: Path
) -> None:
    dump = write_dump(tmp_path / "dump.csv", [("1", "bath towel"), ("2", "gaming laptop")])
    sets = ["training.model=cnn", "models.cnn.epochs=2"]
    trained = shop("train", sets=sets).figures
    other = shop("train").figures
    assert trained["model"].startswith("cnn-")
    assert other["model"].startswith("bag_of_ngrams-")
    assert [epoch["epoch"] for epoch in trained["history"]] == [1, 2]
    assert trained["history"][1]["loss"] < trained["history"][0]["loss"]
    assert shop("evaluate", sets=sets).status == 0
    assert shop("predict", "--dump", dump, "--dump-id", "cnn", sets=sets).status == 0
    assert set(predictions(shop.at(), "cnn").column("model").to_pylist()) == {trained["model"]}
    named = shop("predict", "--dump", dump, "--dump-id", "named", "--model", other["model"])
    assert named.figures["model"] == other["model"]


def test_training_stops_when_the_validation_no_longer_gains(shop: Shop) -> None:
    """With steps too small to change an answer, `patience` epochs after the first are the last."""
    sets = ["training.model=cnn", "models.cnn.learning_rate=1.0e-30"]
    sets += ["models.cnn.epochs=9", "models.cnn.patience=2"]
    figures = shop("train", sets=sets).figures
    assert figures["epochs"] == 3 == len(figures["history"])
    assert len({epoch["val_accuracy"] for epoch in figures["history"]}) == 1


def test_the_same_training_gives_the_same_weights(shop: Shop) -> None:
    model = shop("train").figures["model"]
    before = _weights(shop, model)
    assert not shop("train", "--force").figures["done_before"]
    assert _close(_weights(shop, model), before)


def test_interrupted_training_goes_on_at_its_checkpoint(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left is less than the whole, and the weights are those of an unbroken training."""
    sets = FOUR_EPOCHS
    counters = [Watcher(), Watcher(700), Watcher()]
    statuses, weights, histories = [], [], []
    for counter in counters:
        counter.watch(monkeypatch)
        said = shop("train", "--force" if counter is counters[0] else "--json", sets=sets)
        statuses.append(said.status)
        if said.status == 0:
            weights.append(_weights(shop, said.figures["model"]))
            histories.append(said.figures["history"])
            Path(shop.at().exports(said.figures["model"]), "COMPLETED").unlink()
        else:
            assert "run it again to go on" in said.err
    assert statuses == [0, 130, 0]
    whole, _, rest = (counter.seen for counter in counters)
    assert 0 < rest < whole
    told = [found.partition(": ") for found in counters[0].said]
    assert [epoch for epoch, _, _ in told] == [f"epoch {number} of 4" for number in (1, 2, 3, 4)]
    names = ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert [[each.split()[0] for each in found.split(", ")] for _, _, found in told] == [names] * 4
    assert [e["epoch"] for e in histories[1]] == [1, 2, 3, 4]
    assert _close(*weights)
    assert [e["val_accuracy"] for e in histories[0]] == [e["val_accuracy"] for e in histories[1]]


def test_a_checkpoint_of_other_examples_is_not_gone_on_from(
    tmp_path: Path,
    tiny_settings: Settings,
    tiny_catalogue: Path,
    preprocessed_shop: OpenShop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Killed, then preprocessed anew from other files: the fit begins at the beginning."""
    fewer = tmp_path / "fewer"
    for name, content in contents(tiny_catalogue).items():
        if "clothing" not in name:
            (fewer / name).parent.mkdir(parents=True, exist_ok=True)
            (fewer / name).write_bytes(content)
    sets = FOUR_EPOCHS
    changed, fresh = preprocessed_shop("changed"), open_shop(tmp_path / "fresh", tiny_settings)
    with monkeypatch.context() as patched:
        Watcher(600).watch(patched)
        assert changed("train", sets=sets).status == 130
    assert list(Path(changed.at().root).glob("checkpoints/*/last.json"))
    assert changed("preprocess", "--input", fewer, "--force").status == 0
    assert fresh("preprocess", "--input", fewer).status == 0
    assert examples(changed.at()) == examples(fresh.at())
    found, expected = (one("train", sets=sets).figures for one in (changed, fresh))
    assert _close(_weights(changed, found["model"]), _weights(fresh, expected["model"]))


def test_the_category_can_come_from_columns(
    tmp_path: Path, tiny_settings: Settings, tiny_catalogue: Path
) -> None:
    """One file with a column for each level gives the labels of many files named by them."""
    rows = ["title,aisle,shelf"]
    for i in range(60):
        rows.append(f"bath towel {i},home,bath")
        rows.append(f"baby gate {i},baby,safety")
    rows.append("of no category,,")
    (tmp_path / "all.csv").write_text("\n".join(rows) + "\n")
    by_columns = {"source": "columns", "columns": ["aisle", "shelf"]}
    sets = [f"categories={json.dumps(by_columns)}", "source.columns.title=[title]"]
    shop = open_shop(tmp_path / "columns", tiny_settings)
    counts = shop("preprocess", "--input", tmp_path / "all.csv", sets=sets).figures
    assert (counts["records"], counts["rejected"], counts["examples"]) == (121, 1, 120)
    labels = Path(shop.at().stats, "labels.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in labels] == ["label", "baby", "home"]
    assert shop("train", sets=sets).figures["classes"] == 2


@pytest.mark.parametrize("setting", ["xla", "mixed_precision"])
def test_the_cnn_learns_as_well_when_it_is_compiled_or_in_half_precision(
    shop: Shop, setting: str
) -> None:
    sets = ["training.model=cnn", "models.cnn.epochs=2", "models.cnn.batch_size=64"]
    plain = shop("train", sets=sets).figures
    other = shop("train", sets=[*sets, f"training.{setting}=true"]).figures
    for name in ("loss", "val_loss"):
        assert other["history"][1][name] == pytest.approx(plain["history"][1][name], rel=0.1)


@pytest.mark.parametrize("setting", ["xla", "mixed_precision"])
def test_a_setting_that_a_model_cannot_use_is_refused(shop: Shop, setting: str) -> None:
    said = shop("train", sets=[f"training.{setting}=true"])
    assert said.status == 2
    assert f"training.{setting}: " in said.err
