"""Examples keep what settings they were made with; what is new since then changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.settings import Settings
from pipelines.made_with import MADE_WITH, check_made_with, write_made_with


@pytest.fixture
def artifacts(tmp_path: Path) -> RunArtifacts:
    made = RunArtifacts(str(tmp_path), "monday")
    Path(made.stats).mkdir(parents=True)
    return made


def settings(**categories: Any) -> Settings:
    return Settings(name="shop", categories=categories)


def test_a_setting_that_did_not_exist_then_is_no_matter(artifacts: RunArtifacts) -> None:
    write_made_with(settings(), artifacts.stats)
    file = Path(artifacts.stats, MADE_WITH)
    made = json.loads(file.read_text())
    del made["categories"]["lists"], made["text"]["normalize"], made["features"]["ngrams"]
    file.write_text(json.dumps(made))
    check_made_with(settings(), artifacts)
    with pytest.raises(UsageError, match=r'categories\.separator is "/", but .* made with "_"'):
        check_made_with(settings(separator="/"), artifacts)


def test_a_level_more_is_another_tree(artifacts: RunArtifacts) -> None:
    levels = {"main": {"part": 0}}
    write_made_with(settings(levels=levels), artifacts.stats)
    with pytest.raises(UsageError, match=r"categories\.levels is .* were made with"):
        check_made_with(settings(levels={**levels, "sub": {"part": 1}}), artifacts)
