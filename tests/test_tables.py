"""What stands on the screen at the end of a command."""

from __future__ import annotations

import pytest

from aisle.tables import show_chain, show_figures, show_story

COUNTS = {"records": 9, "rejected": 3, "duplicates": 1, "examples": 5, "seconds": 1.0}
COUNTS |= {"dropped_conflicts": 0, "unlabelled": 0}
REJECTS = {"rejected_most_often": "holds a NUL byte", "rejects": "/a/long/path" * 12}


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


def test_a_path_in_a_table_is_not_cut_short(capsys: pytest.CaptureFixture[str]) -> None:
    show_figures("preprocess", COUNTS | REJECTS)
    lines = capsys.readouterr().out.splitlines()[2:-1]
    shown = "".join(line.split("│")[2].strip() for line in lines)
    assert REJECTS["rejects"] in shown


def test_a_change_by_a_rule_names_the_rule_and_every_time_is_in_utc(
    capsys: pytest.CaptureFixture[str],
) -> None:
    change = {"changed_at": "2026-11-21T01:30:00.5+02:00", "old_label": None, "new_label": "tools"}
    change |= {"source": "rule", "rule": "acme@3", "model": "cnn-1", "write_id": "0f1e"}
    show_story({"product_id": "p", "label": None, "changes": [change | {"write_source": None}]})
    row = " ".join(capsys.readouterr().out.splitlines()[-2].split())
    assert row == "│ 2026-11-20 23:30:00 │ – │ tools │ rule acme@3 │ 0f1e │"
