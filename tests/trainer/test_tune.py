"""`aisle tune`: its best values train as they are, it goes on after a kill, folds are sound."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chain import Said, Shop, one_line
from tiny_shop import OpenShop

from configs.loading import load_settings
from configs.settings import Settings
from configs.stores import StoreSettings
from trainer.dataset import TITLE, read_examples, shard_files
from trainer.trials import make_cuts
from trainer.tune import best_config

ROOT = Path(__file__).parents[2]
BAG = "models.bag_of_ngrams"
RANGES = {
    f"{BAG}.learning_rate": {"min": 0.05, "max": 1.0, "scale": "log"},
    f"{BAG}.hidden_units": {"choices": [4, 8]},
}
KILLED = """
import os, signal, sys
from aisle.__main__ import main
from pipelines import storage
write, last = storage.write_bytes, sys.argv[1]
def write_and_die(path, content):
    write(path, content)
    if path == last:
        os.kill(os.getpid(), signal.SIGKILL)
storage.write_bytes = write_and_die
sys.exit(main(sys.argv[2:]))
"""
TINY = {"search": "random", "trials": 3, "epochs": 1, "ranges": RANGES}


@pytest.fixture(scope="module")
def shop(preprocessed_shop: OpenShop) -> Shop:
    """A shop whose examples are written, in three shards, and nothing more."""
    return preprocessed_shop("tuning")


def tune(shop: Shop, name: str, *options: object, sets: tuple[str, ...] = (), **own: Any) -> Said:
    return shop("tune", "--name", name, *options, sets=[tuning_of(**own), *sets])


def tuning_of(**own: Any) -> str:
    text = yaml.safe_dump({**TINY, **own}, default_flow_style=True, width=10_000)
    return f"tuning={text}"


def scores(figures: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What of a search follows from its seed: not its seconds."""
    return [(row["trial"], row["values"], row["score"], row["figures"]) for row in figures["rows"]]


@pytest.fixture(scope="module")
def searched(shop: Shop) -> dict[str, Any]:
    """The figures of a search of three trials."""
    return tune(shop, "three").figures


def test_the_best_values_train_as_they_are_and_give_the_same(
    shop: Shop, searched: dict[str, Any]
) -> None:
    best = max(searched["rows"], key=lambda row: row["score"])
    assert searched["best"] == best["score"]
    assert searched["best_values"] == best["values"]
    written = Shop(Path(searched["config"]), shop.prefix)
    trained = written("train").figures
    assert trained["val_accuracy"] == pytest.approx(best["score"], abs=1e-6)
    assert trained["epochs"] == 1
    settings = load_settings(searched["config"])
    assert settings.models.bag_of_ngrams.hidden_units == best["values"][f"{BAG}.hidden_units"]
    assert written("evaluate").status == 0
    folder = Path(shop.at().evaluation(trained["model"]))
    beside = json.loads((folder / "metrics.json").read_text())["context"]["baselines"]
    assert beside["logistic regression"]["accuracy"] > 0.5


def test_all_trials_are_in_the_tables_and_the_page_needs_no_network(
    shop: Shop, searched: dict[str, Any]
) -> None:
    folder = Path(shop.at().tuning("three"))
    rows = list(csv.DictReader((folder / "trials.csv").open(encoding="utf-8")))
    assert [int(row["trial"]) for row in rows] == [1, 2, 3]
    assert [float(row["score"]) for row in rows] == [row["score"] for row in searched["rows"]]
    assert float(rows[0]["val_auc"]) == searched["rows"][0]["figures"]["val_auc"]
    assert json.loads((folder / "trials.json").read_text()) == searched["rows"]
    page = (folder / "report.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<svg") == 2
    for row in searched["rows"]:
        assert f"{row['score']:.4f}" in page
    written = yaml.safe_load((folder / "best.yaml").read_text())
    assert written["tuning"]["ranges"].keys() == RANGES.keys()


def test_a_finished_search_is_not_made_again_and_a_larger_budget_goes_on(
    shop: Shop, searched: dict[str, Any]
) -> None:
    again = tune(shop, "three").figures
    assert again["done_before"]
    more = tune(shop, "three", trials=4).figures
    assert not more["done_before"]
    assert scores(more)[:3] == scores(searched)
    assert [row["seconds"] for row in more["rows"][:3]] == [r["seconds"] for r in searched["rows"]]
    assert len(more["rows"]) == 4


def test_killed_in_the_middle_it_keeps_what_was_finished(
    shop: Shop, searched: dict[str, Any]
) -> None:
    """The kill comes when the second trial of three is on disk."""
    typed = shop.typed("tune", "--name", "killed", sets=[tuning_of()])
    trials = Path(shop.at().search("killed"), "trials")
    command = [sys.executable, "-c", KILLED, str(trials / "trial_1" / "record.json"), *typed]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (trials / "trial_1" / "record.json").exists()
    assert not Path(shop.at().tuning("killed")).exists()
    kept = {path: path.stat().st_mtime_ns for path in trials.glob("trial_[01]/fold-*.json")}
    assert len(kept) == 2
    figures = tune(shop, "killed").figures
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert scores(figures) == scores(searched)


def test_a_trial_of_folds_is_their_mean(shop: Shop) -> None:
    figures = tune(shop, "folds", folds=3, trials=1, objective="val_macro_f1").figures
    row = figures["rows"][0]
    assert len(row["folds"]) == 3
    for name, value in row["figures"].items():
        assert value == pytest.approx(sum(fold[name] for fold in row["folds"]) / 3)
    assert row["score"] == row["figures"]["val_macro_f1"]


def test_each_title_is_validated_on_in_one_fold_and_trained_on_in_the_others(shop: Shop) -> None:
    settings = load_settings(shop.config, ["tuning.folds=2"])
    cuts = [cut["exclusive"] for cut in make_cuts(settings, shop.at()) if cut]
    every = titles(shard_files(shop.at(), "train"))
    parts = [(titles(cut.train_files), titles(cut.valid_files)) for cut in cuts]
    assert sorted(parts[0][1] + parts[1][1]) == sorted(every)
    for cut, (trained, validated) in zip(cuts, parts, strict=True):
        assert not set(trained) & set(validated)
        assert sorted(trained + validated) == sorted(every)
        assert cut.rows == len(trained)


def titles(files: list[str]) -> list[bytes]:
    batches = read_examples(files, (TITLE,), batch_size=64)
    return [title for batch in batches for title in batch[TITLE].numpy().tolist()]


def test_hyperband_and_sets_of_labels(shop: Shop) -> None:
    """The best trial of Hyperband trains with the epochs that it had."""
    sets = ("training.objectives=[rule_based]",)
    own = {"search": "hyperband", "factor": 2, "epochs": 2, "trials": 4, "objective": "val_lrap"}
    figures = tune(shop, "sets", sets=sets, **own).figures
    best = max(figures["rows"], key=lambda row: row["score"])
    assert {row["epochs_at_most"] for row in figures["rows"]} == {1, 2}
    assert 0.0 < best["figures"]["val_micro_f1"] <= 1.0
    settings = load_settings(figures["config"])
    assert settings.models.bag_of_ngrams.epochs == best["epochs_at_most"]


def test_values_that_cannot_be_fitted_fail_their_trial_alone(shop: Shop) -> None:
    rates = {f"{BAG}.learning_rate": {"choices": [0.4, 1.0e38]}}
    said = tune(shop, "failing", ranges=rates, trials=2)
    figures = said.figures
    reasons = {row["values"][f"{BAG}.learning_rate"]: row["reason"] for row in figures["rows"]}
    assert (figures["trials"], figures["failed"]) == (2, 1)
    assert reasons[0.4] is None
    assert "loss" in reasons[1.0e38]
    assert "2 trials, 1 of them failed" in said.out
    hopeless = {f"{BAG}.learning_rate": {"choices": [1.0e37, 1.0e38]}}
    one_line(tune(shop, "hopeless", ranges=hopeless, trials=2), "every trial failed", "loss")


def test_the_time_budget_ends_a_search_between_trials(shop: Shop) -> None:
    figures = tune(shop, "hurried", trials=None, seconds=0.001).figures
    assert len(figures["rows"]) == 1


def test_what_cannot_be_searched_is_one_line(shop: Shop, tmp_path: Path) -> None:
    one_line(tune(shop, "x", ranges={}), "tuning.ranges", "nothing to tune")
    one_line(tune(shop, "x", trials=None), "no end", "trials or seconds")
    one_line(tune(shop, "x", folds=1), "tuning.folds", "got 1")
    one_line(tune(shop, "x", folds=4), "tuning.folds is 4", "3 shards with examples")
    one_line(tune(shop, "x", sets=("training.model=cnn",)), "training.model is cnn", BAG)
    one_line(tune(shop, "x", objective="val_fun"), "unknown metric 'val_fun'", "val_macro_f1")
    one_line(tune(shop, "a/b"), "name of a search", "a/b")
    one_line(tune(Shop(shop.config, tmp_path), "x"), "is not there", "aisle preprocess")


def test_a_search_of_other_settings_does_not_go_on(shop: Shop, searched: dict[str, Any]) -> None:
    said = tune(shop, "three", seed=2)
    one_line(said, "begun with other settings", "--name", "--force")
    assert scores(tune(shop, "anew", trials=1, seed=2).figures) != scores(searched)[:1]
    forced = tune(shop, "anew", "--force", trials=1, seed=1).figures
    assert scores(forced) == scores(searched)[:1]


def test_the_best_config_tells_no_password(tiny_settings: Settings) -> None:
    store = StoreSettings(url="postgresql+psycopg://shop:s3cret@db/catalogue")
    settings = tiny_settings.model_copy(update={"store": store})
    best = {"values": {}, "epochs_at_most": 0, "trial": "0000", "score": 0.5}
    told = best_config(settings, best)
    assert "shop:***@db" in told
    assert "s3cret" not in told
