"""Examples keep what settings they were made with; what is new since then changes nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from configs.artifacts import COMPLETED, RunArtifacts
from configs.errors import UsageError
from configs.settings import Settings
from pipelines.made_with import MADE_WITH, check_made_with, other_parts, write_made_with
from pipelines.stage import Manifest


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


def run(root: Path, run_id: str, config: str = "c", **sections: Any) -> RunArtifacts:
    """Leave of a run what it was made with, and the manifest of its examples."""
    at = RunArtifacts(str(root), run_id)
    for folder in (at.stats, at.tfrecords):
        Path(folder).mkdir(parents=True)
    write_made_with(Settings.model_validate({"name": "shop", **sections}), at.stats)
    manifest = Manifest("preprocess", run_id, config, "v")
    Path(at.tfrecords, COMPLETED).write_text(json.dumps(asdict(manifest)))
    return at


def forget(at: RunArtifacts, section: str) -> None:
    """Leave the run as an Aisle that did not keep this section would."""
    file = Path(at.stats, MADE_WITH)
    made = json.loads(file.read_text())
    del made[section]
    file.write_text(json.dumps(made))


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ({"categories": {"separator": "/"}, "name": "other"}, ""),
        ({"split": {"key": 2}}, "split.key is not the same in new and old"),
        ({"split": {"train": 0.5, "test": 0.3}}, "split.test is not the same in new and old"),
        ({"text": {"lower_case": False}}, "text.lower_case is not the same in new and old"),
    ],
)
def test_a_title_is_in_another_part_by_another_split_or_another_cleaning(
    tmp_path: Path, sections: dict[str, Any], why: str
) -> None:
    assert other_parts(run(tmp_path, "new"), run(tmp_path, "old", "d", **sections)) == why


@pytest.mark.parametrize("section", ["split", "text"])
def test_a_run_that_kept_no_split_may_have_another_unless_all_of_its_config_is_the_same(
    tmp_path: Path, section: str
) -> None:
    new, same, other = (run(tmp_path, name, name[:1]) for name in ("new", "nightly", "other"))
    for old in (same, other):
        forget(old, section)
    assert other_parts(new, same) == ""
    assert other_parts(new, other) == f"{section} of other is not known"
    assert other_parts(other, new) == f"{section} of other is not known"


def test_another_split_is_no_other_meaning_of_the_examples(tmp_path: Path) -> None:
    check_made_with(Settings(name="shop"), run(tmp_path, "monday", split={"key": 2}))
