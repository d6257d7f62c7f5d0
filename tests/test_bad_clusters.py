"""What a cluster cannot do is one line that names the option to change, and status 2."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import Said, Shop, one_line, open_shop

from cluster.flink import HOST, FlinkCluster, free_ports
from cluster.jars import find_jars
from configs.errors import PassingFault, UsageError
from configs.runners import RunnerSettings
from configs.settings import Settings
from pipelines.cluster_trouble import explained
from pipelines.runner import pipeline_options

# A worker pool of Beam alone: without `site` an editable install of Aisle is not found.
_POOL_WITHOUT_AISLE = """
import sys, threading
sys.path = [name for name in sys.path if name] + [sys.argv[1]]
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer as Pool
address, server = Pool.start(port=int(sys.argv[2]))
print(address, flush=True)
threading.Event().wait()
"""


@pytest.fixture
def shop(tmp_path: Path, tiny_settings: Settings) -> Shop:
    return open_shop(tmp_path / "shop", tiny_settings)


def preprocess(shop: Shop, catalogue: Path, *beam: str) -> Said:
    return shop("preprocess", "--input", catalogue, "--", *beam)


def test_no_job_server(shop: Shop, tiny_catalogue: Path) -> None:
    endpoint = f"{HOST}:{free_ports(1)[0]}"
    said = preprocess(shop, tiny_catalogue, "--runner=FlinkRunner", f"--job_endpoint={endpoint}")
    one_line(said, f"--job_endpoint={endpoint}", "no job server answers there")


def test_no_job_server_is_named(shop: Shop, tiny_catalogue: Path) -> None:
    """Beam would ask Maven for one."""
    said = preprocess(shop, tiny_catalogue, "--runner=FlinkRunner")
    one_line(said, "--runner=FlinkRunner: no --job_endpoint", "--flink_master=[local]")


@pytest.mark.parametrize("given", ["--flink_master=[local]", "--flink_job_server_jar=server.jar"])
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Java must be installed on this system to use this transform", "no java here"),
        ("Unable to fetch remote job server jar at https://h/a.jar: <urlopen>", "from https://h/a"),
    ],
)
def test_what_the_job_server_that_beam_starts_lacks(given: str, said: str, words: str) -> None:
    """A master or a jar is enough; only when Beam fails with it is it told."""
    options = pipeline_options(RunnerSettings(), ["--runner=FlinkRunner", given])
    with explained(options):
        pass
    with pytest.raises(UsageError, match=f"{words}.*--job_endpoint"), explained(options):
        raise RuntimeError(said)


@pytest.mark.parametrize("kind", [UsageError, PassingFault])
def test_what_a_worker_process_raises_is_the_same_line(kind: type[UsageError]) -> None:
    """Beam hands over its traceback alone, as text."""
    told = f"Traceback (most recent call last):\nconfigs.errors.{kind.__name__}: --dump d: no"
    with pytest.raises(UsageError) as raised, explained(pipeline_options(RunnerSettings(), [])):
        raise RuntimeError(f"{told} [while running 'Read the rows/ParDo']\n")
    assert (type(raised.value), str(raised.value)) == (kind, "--dump d: no")


def test_no_prism_at_the_place(shop: Shop, tiny_catalogue: Path, tmp_path: Path) -> None:
    nothing = f"--prism_location={tmp_path / 'prism'}"
    said = preprocess(shop, tiny_catalogue, "--runner=PrismRunner", nothing)
    one_line(said, nothing, "no such file", "make prism")


@pytest.mark.system
def test_no_flink_behind_the_job_server(
    shop: Shop, tiny_catalogue: Path, flink: FlinkCluster
) -> None:
    master = f"--flink_master={HOST}:{free_ports(1)[0]}"
    said = preprocess(shop, tiny_catalogue, *flink.options(), master)
    one_line(said, master, "Flink does not answer there")


@pytest.mark.system
def test_no_workers_at_the_address(shop: Shop, tiny_catalogue: Path, flink: FlinkCluster) -> None:
    nobody = f"--environment_config={HOST}:{free_ports(1)[0]}"
    said = preprocess(shop, tiny_catalogue, *flink.options(), nobody)
    one_line(said, nobody, "no Python workers answer there", "pipelines.worker_pool")


@pytest.mark.system
def test_a_worker_without_the_package(
    shop: Shop, tiny_catalogue: Path, flink: FlinkCluster, tmp_path: Path
) -> None:
    with _pool_without_aisle(tmp_path) as address:
        lacking = f"--environment_config={address}"
        said = preprocess(shop, tiny_catalogue, *flink.options(), lacking)
    one_line(said, lacking, "lack the package", "install Aisle")


@pytest.mark.system
@pytest.mark.parametrize(
    ("memory", "buckets", "option"),
    [
        ({"network": 4}, 5000, "taskmanager.memory.network.max"),
        # Two MiB of bits cross a grouping, whose share is less than one.
        ({"managed": 32}, 16_777_216, "taskmanager.memory.managed.size"),
    ],
)
def test_a_task_manager_with_too_little_memory(
    shop: Shop,
    tiny_catalogue: Path,
    flink: FlinkCluster,
    tmp_path: Path,
    memory: dict[str, int],
    buckets: int,
    option: str,
) -> None:
    tight = FlinkCluster(
        tmp_path / "tight",
        find_jars(),
        task_managers=1,
        memory=memory,
        settings={"restart-strategy.type": "none"},
        pool=flink.pool,
    )
    with tight:
        options = ["--input", tiny_catalogue, "--", *tight.options()]
        said = shop("preprocess", *options, sets=[f"features.ngrams.buckets={buckets}"])
    one_line(said, "a task manager has too little memory", option)


@contextlib.contextmanager
def _pool_without_aisle(elsewhere: Path) -> Iterator[str]:
    port = str(free_ports(1)[0])
    words = [sys.executable, "-S", "-c", _POOL_WITHOUT_AISLE, sysconfig.get_path("purelib"), port]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with (elsewhere / "pool.log").open("wb") as log:
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=log, cwd=elsewhere, env=environment
        )
    try:
        assert process.stdout
        assert process.stdout.readline(), (elsewhere / "pool.log").read_text()
        yield f"localhost:{port}"
    finally:
        process.kill()
        process.wait()
