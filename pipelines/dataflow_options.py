"""The options of Dataflow that the settings give, and where its workers get this package from."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from configs.errors import UsageError
from configs.runners import AcceleratorSettings, DataflowSettings

DATAFLOW = "DataflowRunner"
_ALGORITHMS = {"throughput": "THROUGHPUT_BASED", "none": "NONE"}
_NEEDED = ("project", "region", "temp_location")
# https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"(?=.{3,222}$)[a-z0-9][a-z0-9_-]{0,62}(?:\.[a-z0-9_-]{1,63})*")
# The names under which an option may also stand on the command line.
_ALSO = {"worker_machine_type": ("machine_type",), "sdk_container_image": ("setup_file",)}


def dataflow_arguments(
    settings: DataflowSettings, given: Sequence[str], gpu: AcceleratorSettings | None
) -> list[str]:
    """Return what the settings add to the options given; raise `UsageError` for what is missing."""
    named = {argument.partition("=")[0].removeprefix("--") for argument in given}
    for option in _NEEDED:
        if option not in named and getattr(settings, option) is None:
            raise UsageError(
                f"pipeline.dataflow.{option} is not set, and {DATAFLOW} needs it; set it in the "
                f"config, or pass -- --{option}="
            )
    values = {
        "project": settings.project,
        "region": settings.region,
        "temp_location": settings.temp_location,
        "worker_machine_type": settings.machine_type,
        "disk_size_gb": settings.disk_gb,
        "worker_disk_type": settings.disk_type,
        "num_workers": settings.workers,
        "max_num_workers": settings.max_workers,
        "autoscaling_algorithm": _ALGORITHMS[settings.autoscaling],
        "sdk_container_image": settings.container_image,
        "service_account_email": settings.service_account,
        "subnetwork": settings.subnetwork,
        "setup_file": None if _brings_the_package(settings, named) else _setup_file(settings),
    }
    added = [
        f"--{option}={value}"
        for option, value in values.items()
        if value is not None and not named & {option, *_ALSO.get(option, ())}
    ]
    return [*added, *([f"--dataflow_service_option={gpu.service_option}"] if gpu else [])]


def check_cloud_folder(option: str, path: str) -> None:
    """Raise `UsageError` for what cannot be a folder of a bucket.

    Beam would look for a bucket of its own in its place, for minutes, and make one.
    """
    bucket, slash, _ = path.removeprefix("gs://").partition("/")
    mend = f"set pipeline.dataflow.{option}, or pass -- --{option}="
    if not path.startswith("gs://") or not slash:
        raise UsageError(f"{option} is {path!r}, expected gs://bucket/folder; {mend}")
    if not _is_bucket(bucket):
        raise UsageError(
            f"{option} is {path!r}, but no bucket is called {bucket!r}: expected 3 to 63 small "
            f"letters, digits, '-' and '_', beginning and ending with a letter or digit; {mend}"
        )


def _is_bucket(name: str) -> bool:
    """Tell whether a bucket can have this name; only one with dots is longer than 63."""
    whole = _BUCKET.fullmatch(name) is not None and name[-1].isalnum()
    address = re.fullmatch(r"\d+(\.\d+){3}", name)
    return whole and not address and not name.startswith("goog") and "google" not in name


def _brings_the_package(settings: DataflowSettings, named: set[str]) -> bool:
    return bool(settings.container_image or named & {"setup_file", "sdk_container_image"})


def _setup_file(settings: DataflowSettings) -> str:
    """Return the path of the setup.py that packages what a worker runs."""
    here = Path(__file__).resolve().parents[1] / "setup.py"
    path = os.path.abspath(settings.setup_file or here)
    if not os.path.isfile(path) or os.path.basename(path) != "setup.py":
        raise UsageError(
            f"pipeline.dataflow.setup_file: no setup.py at {path}, from which {DATAFLOW}'s workers "
            "would install Aisle; name that of a checkout, or set container_image"
        )
    return path
