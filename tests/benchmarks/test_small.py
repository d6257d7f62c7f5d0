"""The benchmark of small catalogues: what it runs, and what it shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks import small
from benchmarks.measure import Measurement
from configs.loading import load_settings

SAID = {
    "preprocess": {"examples_by_split": {"train": 600, "valid": 200, "test": 200}},
    "train": {"classes": 17, "fit_seconds": 4.5, "val_accuracy": 0.7},
    "evaluate": {"accuracy": 0.75, "weighted_f1": 0.72, "baselines": {"linear SVM": 0.65}},
}


def test_one_and_four_members_are_trained_on_words_and_on_characters_too(
    monkeypatch: pytest.MonkeyPatch,
    catalogue: Path,
    config: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[Sequence[str]] = []

    def fake(command: Sequence[str]) -> Measurement:
        seen.append(command)
        return Measurement(9.0, 8.0, 7, dict(SAID[command[3]]))

    monkeypatch.setattr(small, "measure", fake)
    words = ["--input", str(catalogue), "--config", str(config), "--scratch", str(tmp_path)]
    assert small.main([*words, "--rows", "60", "--level", "full", "--json"]) == 0
    told = []
    for command in seen:
        given = [word for before, word in pairwise(command) if before == "--set"]
        settings = load_settings(config, given)
        assert settings.training.level == settings.objectives.exclusive.level == "full"
        members = settings.models.bag_of_ngrams.members
        told.append((command[3], settings.features.ngrams.character_sizes, members))
    assert told == [
        *(("preprocess", [], None), ("train", [], 1), ("evaluate", [], 1)),
        *(("train", [], 4), ("evaluate", [], 4)),
        *(("preprocess", [3, 4, 5], None), ("train", [3, 4, 5], 1), ("evaluate", [3, 4, 5], 1)),
        *(("train", [3, 4, 5], 4), ("evaluate", [3, 4, 5], 4)),
    ]
    prefixes = {command[command.index("--prefix") + 1] for command in seen}
    assert len(prefixes) == 2
    said = capsys.readouterr()
    runs = json.loads(said.out.splitlines()[-1])["runs"]
    assert [(run["sees"], run["members"], run["accuracy"]) for run in runs] == [
        ("words", 1, 0.75),
        ("words", 4, 0.75),
        ("characters too", 1, 0.75),
        ("characters too", 4, 0.75),
    ]
    assert "linear SVM, characters too" in said.err
    assert "600 titles to learn from, 17 classes" in said.err
