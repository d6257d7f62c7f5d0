"""`--dry-run` writes the Dataflow job down; its package holds exactly what a worker needs."""

from __future__ import annotations

import base64
import bz2
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.portability.api import beam_runner_api_pb2 as api
from chain import Said, Shop, one_line, open_shop, write_dump

from configs.settings import Settings
from pipelines import listing, storage

ROOT = Path(__file__).parents[1]
ROOMS = ("aisle", "configs", "pipelines", "trainer", "transforms")
DATAFLOW = ("--", "--runner=DataflowRunner")
CLOUD = (
    "pipeline.dataflow.project=shop-project",
    "pipeline.dataflow.region=europe-west1",
    "pipeline.dataflow.temp_location=gs://shop/temporary",
    "pipeline.dataflow.machine_type=n2-highmem-8",
    "pipeline.dataflow.disk_gb=77",
    "pipeline.dataflow.workers=3",
    "pipeline.dataflow.max_workers=40",
    "pipeline.dataflow.service_account=aisle@shop-project.iam.gserviceaccount.com",
)
IMPORT_ALL = """
import importlib, pkgutil, sys
for room in sys.argv[1:]:
    package = importlib.import_module(room)
    for found in pkgutil.walk_packages(package.__path__, room + "."):
        if not found.name.endswith("__main__"):
            print(importlib.import_module(found.name).__file__)
"""
LOAD_STEPS = """
import sys
from apache_beam.internal import pickler
from apache_beam.portability.api import beam_runner_api_pb2 as api
pipeline = api.Pipeline.FromString(open(sys.argv[1], "rb").read())
for name, step in pipeline.components.transforms.items():
    if step.spec.urn == "beam:transform:pardo:v1":
        fn = api.ParDoPayload.FromString(step.spec.payload).do_fn
        if fn.urn == "beam:dofn:pickled_python_info:v1":
            pickler.loads(fn.payload)
            print(step.unique_name)
for name in ("pipelines", "transforms", "configs"):
    print("FILE", sys.modules[name].__file__)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings, bucket: str) -> Shop:
    config = open_shop(tmp_path_factory.mktemp("shop"), tiny_settings).config
    return Shop(config, f"{bucket}/out")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("job") / "job"


@pytest.fixture(scope="module")
def planned(shop: Shop, folder: Path, tiny_catalogue: Path, bucket: str) -> dict:
    """The figures of a dry run of preprocessing, made once for this file."""
    for file in listing.list_files(str(tiny_catalogue)):
        storage.write_bytes(f"{bucket}/catalogue/{file.relative}", Path(file.path).read_bytes())
    typed = ("preprocess", "--input", f"{bucket}/catalogue", "--dry-run", folder, *DATAFLOW)
    said = shop(*typed, sets=CLOUD)
    assert said.status == 0, said.err
    return said.figures


@pytest.fixture(scope="module")
def job(planned: dict) -> dict:
    return json.loads(Path(planned["job"]).read_text())


def test_the_machines_are_those_of_the_settings(job: dict) -> None:
    environment = job["environment"]
    pool = environment["workerPools"][0]
    assert pool["machineType"] == "n2-highmem-8"
    assert pool["diskSizeGb"] == 77
    assert pool["numWorkers"] == 3
    scaling = {"algorithm": "AUTOSCALING_ALGORITHM_BASIC", "maxNumWorkers": 40}
    assert pool["autoscalingSettings"] == scaling
    assert environment["serviceAccountEmail"] == "aisle@shop-project.iam.gserviceaccount.com"
    options = environment["sdkPipelineOptions"]["options"]
    assert (options["project"], options["region"]) == ("shop-project", "europe-west1")


def test_the_steps_are_those_of_the_pipeline(planned: dict, folder: Path) -> None:
    steps = json.loads((folder / "pipeline.json").read_text())["components"]["transforms"]
    names = {step["uniqueName"] for step in steps.values()}
    for step in (
        "List the files",
        "Read the records",
        "Clean the titles",
        "Keep distinct titles",
        "Count the tokens",
        "Make features",
        "Write the examples",
        "Keep the rejects",
        "Write the statistics",
    ):
        assert any(step in name for name in names), step
    assert planned["steps"] == len(steps) > 50


# Where a pickled function was written stands in it, for tracebacks; nothing opens that.
_SOURCE = re.compile(rb"\.py\b")


def _pickled(folder: Path) -> Iterator[bytes]:
    """Yield the functions of the steps, as Beam pickled them, inflated."""
    pipeline = api.Pipeline.FromString((folder / "staged/pipeline.pb").read_bytes())
    for step in pipeline.components.transforms.values():
        if step.spec.urn == "beam:transform:pardo:v1":
            fn = api.ParDoPayload.FromString(step.spec.payload).do_fn
            if fn.urn == "beam:dofn:pickled_python_info:v1":
                yield bz2.decompress(base64.b64decode(fn.payload))


def test_no_path_of_this_machine_is_in_the_job(
    job: dict, folder: Path, tmp_path: Path, bucket: str
) -> None:
    """But for the option by which it was packaged: Beam sends all of them along."""
    options = job["environment"]["sdkPipelineOptions"]
    options["options"].pop("setup_file")
    options["display_data"] = [d for d in options["display_data"] if d["key"] != "setup_file"]
    written = json.dumps(job).encode() + (folder / "staged/pipeline.pb").read_bytes()
    written += b"".join(_pickled(folder))
    assert f"{bucket}/catalogue/baby/amazon_baby_toys.csv".encode() in written
    for place in (str(ROOT), str(Path.home()), str(tmp_path.parent), str(folder), "/tmp/"):
        found = re.findall(re.escape(place.encode()) + rb"[^\0-\x1f]*", written)
        assert [path for path in found if not _SOURCE.search(path)] == [], place


def test_the_job_has_the_package_of_this_checkout(planned: dict, folder: Path) -> None:
    assert "workflow.tar.gz" in planned["packages"]
    with tarfile.open(folder / "staged/workflow.tar.gz") as package:
        held = {name.partition("/")[2] for name in package.getnames() if name.count("/")}
        folders = {f.partition("/")[2] for f in package.getnames() if package.getmember(f).isdir()}
    known = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *ROOMS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    rooms = set(known.stdout.split())
    beside = {"setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "PKG-INFO"}
    beside |= {"MANIFEST.in"}
    held = {name for name in held - folders if not name.startswith("aisle.egg-info/")}
    assert held == rooms | beside


@pytest.fixture(scope="module")
def installed(planned: dict, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The job's package in an environment where nothing else of Aisle is."""
    target = tmp_path_factory.mktemp("worker") / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    pip += ["--no-build-isolation", "--target", str(target)]
    subprocess.run([*pip, str(folder / "staged/workflow.tar.gz")], check=True)
    return target


def _as_worker(installed: Path, code: str, *arguments: str) -> list[str]:
    names = {**os.environ, "PYTHONPATH": str(installed)}
    typed = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        typed, cwd="/", env=names, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_worker_can_import_all_of_the_package(installed: Path) -> None:
    files = _as_worker(installed, IMPORT_ALL, *ROOMS)
    assert len(files) > 100
    assert {name for name in files if not name.startswith(f"{installed}/")} == set()
    assert (installed / "trainer/templates/report.html.j2").is_file()
    assert (installed / "configs/amazon_ads.yaml").is_file()


def test_a_worker_can_load_every_step_of_the_job(installed: Path, folder: Path) -> None:
    lines = _as_worker(installed, LOAD_STEPS, str(folder / "staged/pipeline.pb"))
    steps = [line for line in lines if not line.startswith("FILE ")]
    assert any("Clean the titles" in step for step in steps)
    assert any("Write shards" in step for step in steps)
    for line in set(lines) - set(steps):
        assert line.startswith(f"FILE {installed}/")


def test_a_prediction_has_the_gpus_of_the_settings(
    shop: Shop, planned: dict, bucket: str, tmp_path: Path
) -> None:
    for command in (("preprocess", "--input", f"{bucket}/catalogue"), ("train",)):
        said = shop(*command)
        assert said.status == 0, said.err
    dump = write_dump(tmp_path / "dump.csv", [("1", "bath towel"), ("2", "gold ring")])
    storage.write_bytes(f"{bucket}/dump.csv", dump.read_bytes())
    typed = (
        "predict",
        "--dump",
        f"{bucket}/dump.csv",
        "--dump-id",
        "d",
        "--dry-run",
        tmp_path / "j",
    )
    gpu = 'pipeline.dataflow.predict_gpu={"type": "nvidia-l4", "count": 2}'
    image = "pipeline.dataflow.container_image=europe-docker.pkg.dev/shop/aisle/gpu:1"
    one_line(shop(*typed, *DATAFLOW, sets=[*CLOUD, gpu]), "predict_gpu needs container_image")
    said = shop(*typed, *DATAFLOW, sets=[*CLOUD, gpu, image])
    assert said.status == 0, said.err
    environment = json.loads((tmp_path / "j/job.json").read_text())["environment"]
    assert environment["serviceOptions"] == [
        "worker_accelerator=type:nvidia-l4;count:2;install-nvidia-driver"
    ]
    assert environment["workerPools"][0]["workerHarnessContainerImage"].endswith("aisle/gpu:1")
    assert "workflow.tar.gz" not in said.figures["packages"]
    assert not storage.exists(shop.at().predictions("d"))


def _dry(shop: Shop, bucket: str, *options: str, sets: tuple[str, ...] = CLOUD) -> Said:
    typed = ("preprocess", "--input", f"{bucket}/catalogue", "--dry-run", "/nowhere/job")
    return shop(*typed, *DATAFLOW, *options, sets=sets)


def test_what_dataflow_needs_is_asked_for(shop: Shop, bucket: str, tiny_catalogue: Path) -> None:
    for setting in ("project", "region", "temp_location"):
        sets = tuple(value for value in CLOUD if f".{setting}=" not in value)
        one_line(_dry(shop, bucket, sets=sets), f"pipeline.dataflow.{setting}", f"--{setting}=")
    setup = "pipeline.dataflow.setup_file=/nowhere/setup.py"
    one_line(_dry(shop, bucket, sets=(*CLOUD, setup)), "setup_file", "/nowhere/setup.py")
    one_line(_dry(shop, bucket, "--temp_location=/tmp/x"), "temp_location", "gs://")
    for path in ("gs://b/t", "gs://Shop/t", "gs://shop-/t", "gs://1.2.3.4/t"):
        name = path.split("/")[2]
        temporary = (*CLOUD, f"pipeline.dataflow.temp_location={path}")
        one_line(_dry(shop, bucket, sets=temporary), path, f"no bucket is called '{name}'")
        one_line(_dry(shop, bucket, f"--staging_location={path}"), "staging_location", path)
    one_line(_dry(shop, bucket, "--temp_location=gs://shop"), "gs://bucket/folder")
    one_line(_dry(shop, bucket, "--project=No Project"), "No Project", "project")
    local = shop("preprocess", "--input", tiny_catalogue, "--dry-run", *DATAFLOW, sets=CLOUD)
    one_line(local, f"--input {tiny_catalogue}", "gs://bucket/folder")
    disk = Shop(shop.config, Path("/nowhere/out"))
    one_line(_dry(disk, bucket), "--prefix /nowhere/out", "gs://bucket/folder")
    typed = ("preprocess", "--input", f"{bucket}/catalogue", "--dry-run")
    one_line(shop(*typed), "--dry-run", "FnApiRunner", "--runner=DataflowRunner")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--flink_master=localhost:8081"], ["--flink_master", "FlinkRunner", "FnApiRunner"]),
        (["--num_workers=4"], ["--num_workers=4", "DataflowRunner", "FnApiRunner"]),
        (["--project=shop"], ["--project=shop", "--runner=DataflowRunner"]),
        (["--runner=DataflowRunner", "--direct_num_workers=2"], ["--direct_num_workers=2"]),
        (["--runner=FlinkRunner", "--machine_type=n1"], ["--machine_type=n1", "FlinkRunner"]),
        (["--prism_location=/bin/prism"], ["--prism_location", "PrismRunner"]),
    ],
)
def test_an_option_of_another_runner_is_refused(
    shop: Shop, tiny_catalogue: Path, options: list[str], words: list[str]
) -> None:
    one_line(shop("preprocess", "--input", tiny_catalogue, "--", *options), *words)
