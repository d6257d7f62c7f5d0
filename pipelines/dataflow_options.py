"""The options of Dataflow that the settings give, and where its workers get this package from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from configs.errors import UsageError
from configs.runners import AcceleratorSettings, DataflowSettings

DATAFLOW = "DataflowRunner"
_ALGORITHMS = {"throughput": "THROUGHPUT_BASED", "none": "NONE"}
_NEEDED = ("project", "region", "temp_location")
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
