"""An option is offered where something reads it; where nothing does, it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from chain import aisle, one_line

from aisle.arguments import RUN_BEAM
from aisle.commands import _COMMANDS

FORCED = {
    "preprocess", "train", "tune", "evaluate", "predict", "write-labels", "plan-backfill", "run",
}  # fmt: skip
WITHOUT_BEAM = {
    "train": [],
    "tune": [],
    "evaluate": [],
    "report": [],
    "explore": [],
    "sample": ["--folder", "f"],
    "suggest-config": ["--input", "i", "--out", "o"],
    "write-labels": ["--dump-id", "d"],
    "diff": ["--dump-id", "d"],
    "gate": ["--dump-id", "d"],
    "labels": ["--product", "p"],
    "undo": ["--write", "w"],
    "dead-letters": [],
    "promote": ["--model", "m"],
    "rollback": [],
    "champion": [],
    "check-dump": ["--dump", "d"],
    "plan-backfill": ["--products", "p"],
}


@pytest.mark.parametrize("command", sorted(_COMMANDS))
def test_force_is_offered_where_a_finished_stage_can_be_made_anew(command: str) -> None:
    said = aisle(command, "--help")
    assert said.status == 0
    assert ("--force" in said.out) == (command in FORCED)


def test_a_page_is_asked_for_only_where_one_is_written() -> None:
    said = aisle("gate", "--dump-id", "d", "--output", "pages")
    assert (said.status, "unrecognized arguments: --output" in said.err) == (2, True)


@pytest.mark.parametrize("command", sorted(_COMMANDS.keys() - set(RUN_BEAM)))
def test_what_stands_behind_two_dashes_is_refused_where_no_beam_runs(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = aisle(command, *WITHOUT_BEAM[command], "--", "--nonsense")
    one_line(said, f"aisle {command}: --nonsense stands behind --", "preprocess, predict", "Beam")
    assert not list(tmp_path.iterdir())
