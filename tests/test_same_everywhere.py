"""The same examples, vocabularies, statistics and predictions on every runner."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
from chain import CONFIGS, aisle, answers, contents, open_shop, predictions
from clusters import prism_binary

import benchmarks.checksums
from cluster.flink import FlinkCluster
from configs.artifacts import RunArtifacts
from configs.loading import load_settings

pytestmark = pytest.mark.system

TITLES, DUMP_ROWS = 12_000, 1_000
SETS = (
    "preprocess.num_shards=6",
    "preprocess.batch_rows=2000",
    "features.ngrams.buckets=200000",
    "dump.num_shards=3",
    "training.model=bag_of_ngrams",
)
ONE_WORKER = ["--direct_num_workers=1", "--direct_running_mode=in_memory"]
TWO_WORKERS = ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]


class House:
    """A sample catalogue and its dump, preprocessed and labelled on one worker."""

    def __init__(self, root: Path) -> None:
        self.shop = open_shop(root, load_settings(CONFIGS / "amazon_ads.yaml", SETS))
        written = ("--titles", TITLES, "--dump-rows", DUMP_ROWS)
        assert aisle("sample", "--folder", root / "sample", *written).status == 0
        self.catalogue, self.dump = root / "sample" / "catalogue", root / "sample" / "dump.csv"
        self.preprocess("one-worker", ONE_WORKER)
        said = self.shop("train", run_id="one-worker")
        assert said.status == 0, said.err
        self.predict("one-worker", ONE_WORKER)

    def preprocess(self, name: str, beam: list[str]) -> RunArtifacts:
        """Run it as `name`; give what it left."""
        said = self.shop("preprocess", "--input", self.catalogue, "--", *beam, run_id=name)
        assert said.status == 0, said.err
        return self.shop.at(name)

    def predict(self, name: str, beam: list[str]) -> pa.Table:
        """Label the dump with the one model, as `name`."""
        options = ["--dump", self.dump, "--dump-id", name, "--", *beam]
        said = self.shop("predict", *options, run_id="one-worker")
        assert said.status == 0, said.err
        return answers(predictions(self.shop.at("one-worker"), name))

    def same(self, name: str, beam: list[str]) -> None:
        """Assert that all that comes out is what came out of one worker."""
        expected, found = self.shop.at("one-worker"), self.preprocess(name, beam)
        assert checksums(found) == checksums(expected)
        labelled = predictions(expected, "one-worker")
        _same_answers(self.predict(name, beam), answers(labelled))


def checksums(artifacts: RunArtifacts) -> dict[str, dict[str, str]]:
    """Return what a run left as checksums: there is something of every kind."""
    found = benchmarks.checksums.checksums(artifacts)
    examples = sum(int(told.split()[0]) for told in found["examples"].values())
    assert examples > TITLES
    assert all(found[kind] for kind in ("vocabularies", "stats", "rejected"))
    return found


def _same_answers(found: pa.Table, expected: pa.Table) -> None:
    assert found.num_rows == expected.num_rows
    assert found.equals(expected)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(tmp_path_factory.mktemp("everywhere"))


def test_two_workers_of_the_local_runner(house: House) -> None:
    house.same("two-workers", TWO_WORKERS)


def test_prism(house: House) -> None:
    house.same("prism", ["--runner=PrismRunner", f"--prism_location={prism_binary()}"])


def test_flink_with_one_task_manager_and_with_two(house: House, flink: FlinkCluster) -> None:
    house.same("flink-1", flink.options(parallelism=1))
    flink.add_task_manager()
    house.same("flink-2", flink.options(parallelism=2))


def test_a_task_manager_killed_in_the_middle_of_preprocessing(
    house: House, flink: FlinkCluster
) -> None:
    """Flink starts the job's steps again on those that are left; the files come out the same."""
    if len(flink.task_managers) < 2:
        flink.add_task_manager()
    killed = threading.Event()
    watcher = threading.Thread(target=_kill_in_the_middle, args=(flink, killed))
    watcher.start()
    found = house.preprocess("killed", flink.options(parallelism=2))
    watcher.join()
    assert killed.is_set()
    assert _failures(flink)
    assert checksums(found) == checksums(house.shop.at("one-worker"))
    names = contents(found.root)
    assert [name for name in names if "/." in name and not name.endswith(".lock")] == []


def _kill_in_the_middle(flink: FlinkCluster, killed: threading.Event) -> None:
    """Kill one of two task managers when a third of the job's tasks are done."""
    last = time.monotonic() + 300
    while time.monotonic() < last:
        tasks = [job["tasks"] for job in flink.jobs() if job["state"] == "RUNNING"]
        if any(task["finished"] * 3 >= task["total"] for task in tasks):
            flink.kill_task_manager()
            killed.set()
            return
        time.sleep(0.05)


def _failures(flink: FlinkCluster) -> list[str]:
    """Return what Flink says went wrong in its last job, finished or not."""
    last = max(flink.jobs(), key=lambda job: job["start-time"])["jid"]
    history = flink.ask(f"/jobs/{last}/exceptions")["exceptionHistory"]["entries"]
    return [entry["stacktrace"] for entry in history]
