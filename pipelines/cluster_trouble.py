"""What goes wrong between a command and a cluster, in one line that names the option to change."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import urllib.request
from collections.abc import Iterator

from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    PipelineOptions,
    PortableOptions,
    PrismRunnerOptions,
    StandardOptions,
)

from configs.errors import PassingFault, UsageError

_SECONDS = 5.0
_FLINK, _LOOK_FOR_ONE = "FlinkRunner", "[auto]"
_IN_FLINK = "in Flink's settings"
# What a worker process raised: its traceback alone comes over, as text.
_BY_A_WORKER = re.compile(r"^configs\.errors\.(\w+): (.+?) \[while running '", re.MULTILINE)
_SMALL = "a task manager has too little memory"
# What Flink, Beam's job server or a Python worker say, and what to do about it.
_REASONS = {
    r"Insufficient number of network buffers": (
        f"{_SMALL} for its network buffers; raise taskmanager.memory.network.max and .min "
        f"{_IN_FLINK}, or lower --parallelism"
    ),
    r"[Tt]oo (?:little|few) memory|Could not allocate \d+ pages": (
        f"{_SMALL} to sort; raise taskmanager.memory.managed.size {_IN_FLINK}"
    ),
    r"fresh sort buffer. Record too large|exceeds the maximum size of a sort buffer": (
        f"{_SMALL} to sort what a grouping takes; raise taskmanager.memory.managed.size {_IN_FLINK}"
    ),
    r"OutOfMemoryError: Java heap space|GC overhead limit exceeded": (
        f"{_SMALL}; raise taskmanager.memory.task.heap.size {_IN_FLINK}, or make smaller parts "
        "with preprocess.num_shards"
    ),
    r"OutOfMemoryError: (?:Cannot reserve|Direct buffer)": (
        f"{_SMALL}; raise taskmanager.memory.task.off-heap.size {_IN_FLINK}"
    ),
    r"OutOfMemoryError: Metaspace": (
        f"{_SMALL}; raise taskmanager.memory.jvm-metaspace.size {_IN_FLINK}"
    ),
    r"NoResourceAvailableException|Could not acquire the minimum required resources": (
        "Flink has not enough task slots; lower --parallelism or start more task managers"
    ),
    r"Java must be installed": (
        "no java here, in which Beam's job server for Flink runs; install it, or name a job server "
        "with --job_endpoint"
    ),
    r"Unable to fetch remote job server jar at (?P<url>\S+?): ": (
        "Beam's job server for Flink cannot be had from {url}; name one that runs with "
        "--job_endpoint, or its jar with --flink_job_server_jar"
    ),
    r"ModuleNotFoundError: No module named '(?P<name>[\w.]+)'": (
        "the Python workers of --environment_config={environment} lack the package {name!r}; "
        "install Aisle and requirements.lock there, and start them with "
        "python -m pipelines.worker_pool"
    ),
}


@contextlib.contextmanager
def explained(options: PipelineOptions) -> Iterator[None]:
    """Raise `UsageError` for what an option can mend, in the block or before it.

    Those of steps are raised as they were, without what Beam adds to them.
    """
    _check_job_server(options)
    _check_prism(options)
    try:
        yield
    except UsageError as error:
        said, within, _ = str(error).partition(" [while running '")
        if not within:  # else Beam has added the name of the step
            raise
        raise type(error)(said) from error
    except Exception as error:
        if found := _BY_A_WORKER.search(str(error)):
            kind = PassingFault if found[1] == PassingFault.__name__ else UsageError
            raise kind(found[2]) from error
        reason = _reason_of(error, options)
        if reason:
            raise UsageError(reason) from error
        raise


def _check_job_server(options: PipelineOptions) -> None:
    """Beam itself would wait for minutes; without an endpoint it would ask Maven for a server."""
    endpoint = options.view_as(PortableOptions).job_endpoint
    if not endpoint and _names_no_flink(options):
        raise UsageError(
            f"--runner={_FLINK}: no --job_endpoint, the host:port of a job server; name one (make "
            "flink starts one, and says where), or with --flink_master=[local] let Beam start one"
        )
    if not endpoint or endpoint == "embed":
        return
    if not answers(endpoint):
        raise UsageError(
            f"--job_endpoint={endpoint}: no job server answers there; start one (make flink shows "
            "how), or name another"
        )


def _names_no_flink(options: PipelineOptions) -> bool:
    """Tell whether nothing but the runner says which Flink is meant."""
    flink, runner = options.view_as(FlinkRunnerOptions), options.view_as(StandardOptions).runner
    given = flink.flink_job_server_jar or flink.flink_master != _LOOK_FOR_ONE
    return str(runner).endswith(_FLINK) and not given


def _check_prism(options: PipelineOptions) -> None:
    location = options.view_as(PrismRunnerOptions).prism_location
    if location and "://" not in location and not os.path.isfile(location):
        raise UsageError(
            f"--prism_location={location}: no such file; make prism builds one into cluster/target"
        )


def answers(address: str) -> bool:
    """Tell whether something listens at `host:port`."""
    host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def _reason_of(error: Exception, options: PipelineOptions) -> str | None:
    standard, portable = options.view_as(StandardOptions), options.view_as(PortableOptions)
    if standard.runner is not None and "Flink" not in str(standard.runner):
        return None
    master = options.view_as(FlinkRunnerOptions).flink_master
    if ":" in master and not answers(master):
        return f"--flink_master={master}: Flink does not answer there; start it, or name another"
    said = f"{error}\n{_said_by_flink(master)}"
    environment = portable.environment_config
    for pattern, advice in _REASONS.items():
        if found := re.search(pattern, said):
            return advice.format(environment=environment, **found.groupdict())
    if re.search(r"ExternalEnvironmentFactory", said) and "UNAVAILABLE" in said:
        return (
            f"--environment_config={environment}: no Python workers answer there; start "
            "python -m pipelines.worker_pool beside each task manager, or name another address"
        )
    return None


def _said_by_flink(master: str) -> str:
    """Return why the last job failed: Beam passes on only the last of a chain of reasons."""
    if ":" not in master:
        return ""
    web = "http://" + master.removeprefix("http://").rstrip("/")
    try:
        jobs = _ask(f"{web}/jobs/overview")["jobs"]
        last = max(jobs, key=lambda job: job["start-time"])["jid"]
        history = _ask(f"{web}/jobs/{last}/exceptions")["exceptionHistory"]["entries"]
        return "\n".join(entry["stacktrace"] for entry in history)
    except (OSError, ValueError, KeyError):
        return ""


def _ask(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:
        found: dict = json.load(answer)
        return found
