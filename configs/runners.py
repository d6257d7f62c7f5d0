"""Where pipelines run: Beam's runner on this machine, or Dataflow."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.section import Count, Section

CloudFolder = Annotated[str, Field(pattern=r"^gs://[^/]+(/.*)?$")]

LOCAL_RUNNER = "FnApiRunner"


class AcceleratorSettings(Section):
    """GPUs of each worker that predicts; the workers' image must bring the libraries for them."""

    type: str = Field(default="nvidia-tesla-t4", pattern=r"^[a-z0-9-]+$")
    count: Count = 1

    @property
    def service_option(self) -> str:
        """What Dataflow calls it (https://cloud.google.com/dataflow/docs/gpu/use-gpus)."""
        return f"worker_accelerator=type:{self.type};count:{self.count};install-nvidia-driver"


class DataflowSettings(Section):
    """Google Cloud Dataflow; options after `--` on the command line come before these.

    `temp_location` is a folder of a bucket. The workers install the package that `setup_file`
    makes, by default this one's; with `container_image` they have it already. `autoscaling: none`
    keeps `workers`; `throughput` goes up to `max_workers`.
    """

    project: str | None = None
    region: str | None = None
    temp_location: CloudFolder | None = None
    machine_type: str = Field(default="n2-standard-4", pattern=r"^[a-z0-9-]+$")
    disk_gb: Annotated[int, Field(ge=30)] = 50
    disk_type: str | None = None
    workers: Count = 1
    max_workers: Count = 10
    autoscaling: Literal["throughput", "none"] = "throughput"
    setup_file: str | None = None
    container_image: str | None = None
    service_account: str | None = None
    subnetwork: str | None = None
    predict_gpu: AcceleratorSettings | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.workers > self.max_workers:
            raise ValueError(
                f"workers is {self.workers}, but max_workers is {self.max_workers}: raise it"
            )
        if self.predict_gpu and not self.container_image:
            raise ValueError(
                "predict_gpu needs container_image: an image of Beam with TensorFlow for GPUs"
            )
        return self


class RunnerSettings(Section):
    """Beam's runner on this machine; options after `--` on the command line come before these.

    One worker in memory is the default: a step's heavy part runs on a thread a core anyhow
    (`transforms/overlap.py`), nothing is copied between processes, libraries load once.
    `mebibytes_in_memory`: what may lie between the steps in memory, in that mode; the rest goes to
    the disk of the prefix.
    """

    runner: str = LOCAL_RUNNER
    workers: Count = 1
    running_mode: Literal["in_memory", "multi_processing"] = "in_memory"
    mebibytes_in_memory: Annotated[int, Field(ge=0)] = 512
    dataflow: DataflowSettings = DataflowSettings()
