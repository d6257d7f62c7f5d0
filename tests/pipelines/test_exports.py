"""A model that was not exported: the exports that there are stand in the message."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from pipelines.exports import export_names, require_export
from pipelines.stage import Manifest


@pytest.fixture
def run(tmp_path: Path) -> RunArtifacts:
    return RunArtifacts(str(tmp_path), "monday")


def _export(run: RunArtifacts, model: str) -> None:
    folder = Path(run.exports(model))
    folder.mkdir(parents=True)
    (folder / "COMPLETED").write_text(json.dumps(asdict(Manifest("train", "i", "c", "v"))))


def test_a_finished_export_gives_its_manifest(run: RunArtifacts) -> None:
    _export(run, "cnn-1")
    assert require_export(run, "cnn-1").stage == "train"


def test_the_finished_exports_are_named(run: RunArtifacts) -> None:
    for name in ("cnn-2", "bag-1"):
        _export(run, name)
    Path(run.exports("half-1")).mkdir()
    assert export_names(run) == ["bag-1", "cnn-2"]
    with pytest.raises(
        UsageError, match=r"nix is not there; .* --model; this run has bag-1, cnn-2$"
    ):
        require_export(run, "nix")
    with pytest.raises(UsageError, match=r"half-1 is not finished; run `aisle train` first, or"):
        require_export(run, "half-1")


def test_of_many_exports_some_are_named(run: RunArtifacts) -> None:
    for number in range(7):
        _export(run, f"m{number}")
    with pytest.raises(UsageError, match=r"this run has m0, m1, m2, m3, m4 and 2 more$"):
        require_export(run, "nix")


def test_without_an_export_there_is_none_to_name(run: RunArtifacts) -> None:
    with pytest.raises(UsageError, match=r"nix is not there; run `aisle train` first$"):
        require_export(run, "nix")
