"""Paths: one place makes them, from a prefix, a run and names that can be part of a path."""

from __future__ import annotations

import pytest

from configs.artifacts import RunArtifacts, check_name, default_prefix, shard_name
from configs.errors import UsageError

BAD_NAMES = ["", "..", ".hidden", "a/b", "a b", "-x", "a\n", "é", "x" * 129, "gs://x", "a*"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_cannot_be_one_part_of_a_path_is_refused(name: str) -> None:
    artifacts = RunArtifacts("prefix", "run")
    makers = (artifacts.predictions, artifacts.exports, artifacts.evaluation, artifacts.checkpoints)
    for make in makers:
        with pytest.raises(UsageError, match="use letters, digits") as refused:
            make(name)
        assert len(str(refused.value).splitlines()) == 1
    with pytest.raises(UsageError, match="run id"):
        RunArtifacts("prefix", name)


@pytest.mark.parametrize("name", ["a", "2026-11-21", "day=1_x.csv", "x" * 128])
def test_a_plain_name_is_kept(name: str) -> None:
    assert check_name("dump id", name) == name


@pytest.mark.parametrize("prefix", ["/data/aisle", "gs://shop/aisle", "gs://shop/aisle/"])
def test_local_and_remote_prefixes_are_joined_the_same_way(prefix: str) -> None:
    artifacts = RunArtifacts(prefix, "r1")
    root = f"{prefix.rstrip('/')}/runs/r1"
    assert artifacts.tfrecords == f"{root}/tfrecords"
    assert artifacts.transform_fn == f"{root}/transform_fn"
    assert artifacts.stats == f"{root}/stats"
    assert artifacts.rejected == f"{root}/rejected"
    assert artifacts.checkpoints("h") == f"{root}/checkpoints/h"
    assert artifacts.exports("h") == f"{root}/exports/h"
    assert artifacts.evaluation("h") == f"{root}/evaluation/h"
    assert artifacts.predictions("d") == f"{root}/predictions/d"


def test_an_empty_prefix_is_refused() -> None:
    with pytest.raises(UsageError, match="expected a folder"):
        RunArtifacts("", "r1")


def test_the_default_prefix_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AISLE_PREFIX", "gs://shop/aisle")
    assert default_prefix() == "gs://shop/aisle"
    monkeypatch.setenv("AISLE_PREFIX", "")
    assert default_prefix() == "aisle_data"


def test_a_shard_says_its_objective_its_split_and_its_place() -> None:
    name = shard_name("exclusive", "train", 3, 16)
    assert name == "exclusive_train-00003-of-00016.tfrecord.gz"
