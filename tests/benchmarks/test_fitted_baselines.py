"""The benchmark of the baselines measures what an evaluation shows, on a run's own shards."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from chain import Shop

from benchmarks import baselines_contestant
from benchmarks.baselines import show_all

MODELS = ["logistic_regression", "linear_svm", "naive_bayes"]


def test_each_baseline_is_fitted_on_the_shards_of_a_run(
    catalogue: Path,
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shop = Shop(config, tmp_path / "out")
    sets = ["source.columns.title=[ad]", "preprocess.num_shards=2"]
    assert shop("preprocess", "--input", catalogue, sets=sets).status == 0
    where = ["--config", str(config), "--prefix", str(shop.prefix), "--run-id", "monday"]
    own = [word for setting in sets for word in ("--set", setting)]
    found = {}
    for more in ([], ["--sets"]):
        words = [*where, *own, "--models", *MODELS, *more]
        monkeypatch.setattr(sys, "argv", ["baselines_contestant", *words])
        baselines_contestant.main()
        found |= json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(found)[:3] == ["logistic regression", "linear SVM", "naive Bayes"]
    assert all(0.0 <= found[name]["accuracy"] <= 1.0 for name in list(found)[:3])
    assert 0.0 <= found["one-vs-rest logistic regression"]["lrap"] <= 1.0
    figures = {
        "level": "main",
        "records": 210,
        "preprocess_seconds": 1.0,
        "peak_rss_bytes": 1 << 30,
    }
    show_all({**figures, "baselines": found}, as_json=False)
    assert "naive Bayes" in capsys.readouterr().out
