"""The tables at the end of a command, as they are shown on 80 columns or in a pipe."""

from __future__ import annotations

from typing import Any

import pytest

from aisle.label_tables import show_story
from aisle.tables import show_chain, show_figures, show_trials, show_verdict

COUNTS = {"records": 9, "rejected": 3, "duplicates": 1, "examples": 5, "seconds": 1.0}
COUNTS |= {"dropped_conflicts": 0, "unlabelled": 0}
REJECTS = {"rejected_most_often": "holds a NUL byte", "rejects": "/a/long/path" * 12}
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


def test_a_run_says_under_its_table_why_there_are_rejects_and_where(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each on one line, however long: it can be copied."""
    train = {"model": "cnn-1", "seconds": 1.0}
    predict = {"predictions": 2, "seconds": 1.0}
    labels = {"inserted": 2, "changed": 0, "unchanged": 0, "query": "SELECT 1", "seconds": 1.0}
    figures = {"preprocess": COUNTS, "train": train, "predict": predict, "write-labels": labels}
    show_chain({**figures, "seconds": 4.0})
    assert "rejects" not in capsys.readouterr().out
    preprocess = COUNTS | REJECTS
    other = {"rejected_most_often": "no id", "rejects": "there"}
    show_chain({**figures, "preprocess": preprocess, "predict": predict | other, "seconds": 4.0})
    lines = capsys.readouterr().out.splitlines()
    assert f"rejects:  {REJECTS['rejects']}, most often: holds a NUL byte" in lines
    assert "rejects of the dump:  there, most often: no id" in lines


def test_a_change_by_a_rule_names_the_rule_and_every_time_is_in_utc(
    capsys: pytest.CaptureFixture[str],
) -> None:
    change = {"changed_at": "2026-11-21T01:30:00.5+02:00", "old_label": None, "new_label": "tools"}
    change |= {"source": "rule", "rule": "acme@3", "model": "cnn-1", "write_id": "0f1e"}
    show_story({"product_id": "p", "label": None, "changes": [change | {"write_source": None}]})
    row = " ".join(capsys.readouterr().out.splitlines()[-2].split())
    assert row == "│ 2026-11-20 23:30:00 │ – │ tools │ rule acme@3 │ 0f1e │"
