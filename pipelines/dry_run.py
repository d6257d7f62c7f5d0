"""Build a Dataflow job and write it down, without credentials and without starting it."""

from __future__ import annotations

import io
import json
import os
from typing import IO, Any

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, TestOptions
from apache_beam.runners.dataflow.internal.apiclient import DataflowApplicationClient, Job
from google.protobuf import json_format

from aisle.quiet import native_stderr_closed
from configs.errors import UsageError
from pipelines import storage
from pipelines.dataflow_options import DATAFLOW

JOB, PIPELINE, STAGED = "job.json", "pipeline.json", "staged"
# TensorFlow Transform writes a graph while the pipeline is built. Without credentials that goes to
# TensorFlow's file system in memory; the job that is started has a folder of the bucket there.
TEMPORARY = "ram://aisle-dry-run"


def dry_run_options(options: PipelineOptions) -> PipelineOptions:
    """Return options with which Dataflow's runner builds a job and sends nothing."""
    if options.get_all_options()["runner"].rpartition(".")[2] != DATAFLOW:
        raise UsageError(
            f"--dry-run: writes a job of {DATAFLOW}, and the runner is "
            f"{options.get_all_options()['runner']}; add -- --runner={DATAFLOW}"
        )
    options.view_as(TestOptions).dry_run = True
    options.view_as(GoogleCloudOptions).no_auth = True
    return options


def write_job(pipeline: beam.Pipeline, folder: str) -> dict[str, Any]:
    """Write the job of a pipeline to a folder; return what it holds.

    `job.json` is what Dataflow would be sent: machines, packages, options. `pipeline.json` has the
    steps, and `staged/` the files that the workers would get.
    """
    storage.make_folder(f"{folder}/{STAGED}", "--dry-run")
    with native_stderr_closed():  # Beam runs setup.py, which tells its way
        job: Job = pipeline.run().job
    _Client(job.options, f"{folder}/{STAGED}").create_job_description(job)
    steps = json_format.MessageToDict(job.proto_pipeline)
    storage.write_bytes(f"{folder}/{JOB}", job.json().encode())
    storage.write_bytes(f"{folder}/{PIPELINE}", (json.dumps(steps, indent=1) + "\n").encode())
    pool = job.proto.environment.worker_pools[0]
    return {
        "job": f"{folder}/{JOB}",
        "name": job.proto.name,
        "machine_type": pool.machine_type,
        "packages": [package.name for package in pool.packages],
        "steps": sum(1 for _ in steps["components"]["transforms"]),
    }


class _Client(DataflowApplicationClient):
    """Stages into a folder of this machine what the job says is in the bucket."""

    def __init__(self, options: PipelineOptions, folder: str) -> None:
        super().__init__(options)
        self._folder = folder

    def stage_file_with_retry(
        self,
        gcs_or_local_path: str,
        file_name: str,
        stream_or_path: str | IO[bytes],
        mime_type: str = "application/octet-stream",
        total_size: int | None = None,
    ) -> None:
        path = f"{self._folder}/{os.path.basename(file_name)}"
        if isinstance(stream_or_path, str):
            with open(stream_or_path, "rb") as file:
                storage.write_bytes(path, file.read())
        else:
            assert isinstance(stream_or_path, io.IOBase)
            storage.write_bytes(path, stream_or_path.read())
