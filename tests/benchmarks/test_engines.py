"""The benchmark of engines: what counts as the same, and a tiny cut on each engine that is here."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from clusters import prism_binary

from benchmarks.checksums import checksums, differing
from benchmarks.measure import ROOT
from cluster.flink import FlinkCluster
from configs.artifacts import RunArtifacts

SMALL = ("preprocess.num_shards=3", "features.ngrams.buckets=5000", "source.columns.title=[ad]")


def write_shard(run: RunArtifacts, name: str, records: list[bytes]) -> None:
    """Write records as TFRecords, with no checksums in them."""
    framed = [struct.pack("<QI", len(record), 0) + record + bytes(4) for record in records]
    folder = Path(run.tfrecords)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.tfrecord.gz").write_bytes(gzip.compress(b"".join(framed)))


def a_run(prefix: Path, **shards: list[bytes]) -> RunArtifacts:
    run = RunArtifacts(str(prefix), "bench")
    Path(run.stats).mkdir(parents=True)
    (Path(run.stats) / "counts.json").write_text("{}")
    (Path(run.stats) / "COMPLETED").write_text(str(prefix))
    for name, records in shards.items():
        write_shard(run, name.replace("__", "-"), records)
    return run


def test_neither_order_nor_shard_of_an_example_counts(tmp_path: Path) -> None:
    one = checksums(a_run(tmp_path / "a", train__0=[b"x", b"y"], train__1=[b"z", b"y"]))
    other = checksums(a_run(tmp_path / "b", train__0=[b"y", b"z", b"y"], train__1=[b"x"]))
    assert one["examples"]["train"].startswith("4 ")
    assert differing(one, other) == []


def test_what_differs_is_named(tmp_path: Path) -> None:
    one = checksums(a_run(tmp_path / "a", train__0=[b"x", b"y"], test__0=[b"x"]))
    run = a_run(tmp_path / "b", train__0=[b"x", b"y", b"y"], test__0=[b"x"])
    (Path(run.stats) / "counts.json").write_text("{ }")
    (Path(run.stats) / "labels.csv").write_text("")
    named = ["stats/counts.json", "stats/labels.csv", "examples/train"]
    assert differing(one, checksums(run)) == named


def run_engines(catalogue: Path, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "benchmarks/engines.py", "--input", catalogue, "--config", config]
    sets = [word for value in SMALL for word in ("--set", value)]
    return subprocess.run(
        [str(word) for word in (*command, *sets, *words, "--json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def figures_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert all(engine["differing"] == [] for engine in found["engines"].values())
    return found["engines"]


@pytest.mark.system
def test_prism_makes_the_same_of_a_tiny_cut(catalogue: Path, config: Path) -> None:
    prism_binary()
    found = figures_of(run_engines(catalogue, config, "--engines", "fnapi", "prism"))
    assert found["prism"]["examples"] == found["fnapi"]["examples"] > 0


@pytest.mark.system
def test_flink_makes_the_same_of_a_tiny_cut(
    catalogue: Path, config: Path, flink: FlinkCluster
) -> None:
    """The cluster of the tests says that Flink is here; the benchmark starts its own."""
    found = figures_of(run_engines(catalogue, config, "--engines", "fnapi", "flink"))
    assert sum(step["write_bytes"] for step in found["flink"]["steps"]) > 0
    assert found["flink"]["exchanged_bytes"] > 1000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engines", "flink", "--task-managers", "0"], "--task-managers 0: must be at least 1"),
        (["--engines", "fnapi", "--input", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_wrong_words_are_one_line(
    catalogue: Path, config: Path, words: list[str], said: str
) -> None:
    done = run_engines(catalogue, config, *words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
