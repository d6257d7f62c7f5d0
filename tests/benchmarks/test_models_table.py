from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import models
from benchmarks.measure import Measurement
from configs.errors import UsageError
from configs.loading import load_settings

SAID = {
    "preprocess": {"examples_by_split": {"train": 600, "valid": 200, "test": 200}},
    "train": {"parameters": 12_345, "epochs": 3, "fit_seconds": 4.5},
    "evaluate": {"accuracy": 0.75, "weighted_f1": 0.7, "baselines": {"majority class": 0.25}},
}


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """Note the commands instead of running them; each answers as the real one would."""
    seen: list[Sequence[str]] = []

    def fake(command: Sequence[str]) -> Measurement:
        seen.append(command)
        return Measurement(9.0, 8.0, 7, dict(SAID[command[3]]))

    monkeypatch.setattr(models, "measure", fake)
    return seen


def settings_of(command: Sequence[str]) -> list[str]:
    return [word for before, word in pairwise(command) if before == "--set"]


def test_every_model_is_trained_and_evaluated_on_the_same_examples(
    commands: list[Sequence[str]],
    catalogue: Path,
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--input", str(catalogue), "--config", str(config), "--scratch", str(tmp_path)]
    words += ["--models", "lstm,wide_deep", "--rows", "60", "--epochs", "3", "--level", "full"]
    assert models.main([*words, "--json"]) == 0
    assert [command[3] for command in commands] == [
        *("preprocess", "train", "evaluate", "train", "evaluate")
    ]
    for name, pair in (("lstm", commands[1:3]), ("wide_deep", commands[3:5])):
        assert settings_of(pair[0]) == settings_of(pair[1])
        settings = load_settings(config, settings_of(pair[0]))
        assert settings.training.model == name
        assert settings.training.level == settings.objectives.exclusive.level == "full"
        assert getattr(settings.models, name).epochs == 3
        assert (settings.evaluation.baselines.rows == 0) == (name == "lstm")
    said = capsys.readouterr()
    figures = json.loads(said.out.splitlines()[-1])
    assert figures["records"] == 60
    assert figures["baselines"] == {"majority class": 0.25}
    first = figures["models"][0]
    assert (first["model"], first["accuracy"], first["weighted_f1"]) == ("lstm", 0.75, 0.7)
    assert first["titles_per_second"] == 400  # 600 titles, three times, in 4.5 s
    assert "12,345" in said.err


def test_all_models_are_run_unless_some_are_named() -> None:
    assert {"cnn", "gru_4", "bag_of_ngrams"} <= set(models.MODELS)
    assert models.model_names("cnn, gru") == ["cnn", "gru"]


@pytest.mark.parametrize("text", ["cnn,gru_3", "", ","])
def test_a_model_that_is_not_there_is_one_line(text: str) -> None:
    with pytest.raises(UsageError, match=r"no such model: .*one or more of cnn,lstm") as refused:
        models.model_names(text)
    assert len(str(refused.value).splitlines()) == 1
