"""The gate reads evaluations of either objective, and compares only what can be compared."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from made_up_scores import document, measured, measured_labels

from configs.artifacts import COMPLETED, RunArtifacts
from configs.errors import UsageError
from configs.settings import Settings
from pipelines.champion import promote
from pipelines.stage import Manifest
from trainer.compare import COMPARISON, compare


def settings(**promotion: object) -> Settings:
    return Settings.model_validate({"name": "shop", "promotion": promotion})


def evaluated(prefix: Path, run_id: str, model: str, metrics: dict[str, Any], **said: str) -> None:
    """Leave what a trained and evaluated model leaves, as far as the gate reads it."""
    at = RunArtifacts(str(prefix), run_id)
    description = {"level": "main", "objective": metrics["objective"], **said}
    files = {
        f"{at.exports(model)}/model.json": description,
        f"{at.evaluation(model)}/metrics.json": document(metrics, model, run_id=run_id),
        f"{at.exports(model)}/{COMPLETED}": asdict(Manifest("train", "i", "c", "v")),
        f"{at.evaluation(model)}/{COMPLETED}": asdict(Manifest("evaluate", "i", "c", "v")),
    }
    for name, held in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(json.dumps(held))


def verdict(prefix: Path, run_id: str, *models: str, **promotion: object) -> dict[str, Any]:
    return compare(settings(**promotion), RunArtifacts(str(prefix), run_id), models)


def test_the_best_model_passes_where_there_is_no_champion(tmp_path: Path) -> None:
    evaluated(tmp_path, "monday", "good", measured(right=0.9))
    evaluated(tmp_path, "monday", "bad", measured(right=0.6))
    found = verdict(tmp_path, "monday", "bad", "good")
    assert (found["model"], found["champion"], found["passed"]) == ("good", None, True)
    written = Path(found["report"]).with_name(COMPARISON)
    assert json.loads(written.read_text())["models"].keys() == {"good", "bad"}


def test_a_worse_model_of_the_same_run_stays_before_the_gate(tmp_path: Path) -> None:
    evaluated(tmp_path, "monday", "good", measured(right=0.9))
    evaluated(tmp_path, "monday", "bad", measured(right=0.6))
    promote(str(tmp_path), "monday", "good")
    found = verdict(tmp_path, "monday", "bad", max_category_drop=1.0)
    assert not found["passed"]
    (reason,) = found["reasons"]
    assert reason.startswith("accuracy is 0.")
    assert "The champion stays" in Path(found["report"]).read_text()


def test_several_labels_a_title_are_judged_by_their_own_evaluations(tmp_path: Path) -> None:
    for run_id in ("monday", "tuesday"):
        evaluated(tmp_path, run_id, "labels", measured_labels()[0])
    promote(str(tmp_path), "monday", "labels")
    found = verdict(tmp_path, "tuesday", "labels", metric="micro_f1")
    assert found["passed"]
    assert found["measured_on"] == "the test titles of each one's own run"
    with pytest.raises(UsageError, match=r"promotion\.metric is accuracy, but .* only micro_f1"):
        verdict(tmp_path, "tuesday", "labels")


@pytest.mark.parametrize(("said", "word"), [({"level": "sub"}, "level"), ({}, "objective")])
def test_what_answers_another_question_is_not_compared(
    tmp_path: Path, said: dict[str, str], word: str
) -> None:
    evaluated(tmp_path, "monday", "old", measured() if said else measured_labels()[0])
    evaluated(tmp_path, "tuesday", "new", measured(), **said)
    promote(str(tmp_path), "monday", "old")
    with pytest.raises(UsageError, match=f"the {word} of monday/old is .*cannot be compared"):
        verdict(tmp_path, "tuesday", "new")
