"""The tables at the end of a command, as they are shown on 80 columns or in a pipe."""

from __future__ import annotations

from typing import Any

import pytest

from aisle.tables import show_figures, show_trials, show_verdict

PATH = "/data/aisle/out/runs/default/comparison/bag_of_ngrams-0f1e2d3c4b5a/report.html"


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_a_path_is_shown_whole_and_in_one_piece(capsys: pytest.CaptureFixture[str]) -> None:
    show_figures("report", {"accuracy": 0.875, "report": PATH, f"{'long ' * 10}name": 1})
    out = capsys.readouterr().out
    assert f"report:  {PATH}\n" in out
    assert "long " * 10 in out
    assert "│ accuracy │ 0.8750 │\n" in out


def test_a_short_path_stays_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    show_figures("report", {"accuracy": 0.875, "report": "out/report.html"})
    assert "│ report   │ out/report.html │\n" in capsys.readouterr().out


def test_a_model_that_does_not_pass_is_told_why(capsys: pytest.CaptureFixture[str]) -> None:
    reason = "accuracy is 0.7000, that of the champion 0.9000: " + "further words " * 5
    show_verdict("compare", {"passed": False, "reasons": [reason, "another"]})
    out = capsys.readouterr().out
    assert f"not passed:  {reason}\n" in out
    assert "not passed:  another\n" in out


def test_headings_are_not_cut_within_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    keys = ["learning_rate", "hidden_units", "embedding_width", "word_dropout", "label_smoothing"]
    row: dict[str, Any] = {"trial": 3, "score": 0.9, "epochs": 12, "seconds": 345.6}
    row["values"] = {f"models.bag_of_ngrams.{key}": 0.000123456 for key in keys}
    show_trials(
        {
            "objective": "val_accuracy",
            "better": "max",
            "rows": [row],
            "trials": 1,
            "failed": 0,
            "config": PATH,
            "report": PATH,
        }
    )
    out = capsys.readouterr().out
    for word in ("accuracy", "learning_", "embedding_", "smoothing", "seconds", "0.0001235"):
        assert f" {word} " in out, out
