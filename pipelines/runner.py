"""Beam's options: those after `--` on the command line, then the settings, then the machine."""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options import pipeline_options as of_beam
from apache_beam.options.pipeline_options import (
    DirectOptions,
    GoogleCloudOptions,
    PipelineOptions,
    StandardOptions,
    TestOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.runner import PipelineRunner, create_runner

from configs.errors import UsageError
from configs.runners import LOCAL_RUNNER, AcceleratorSettings, RunnerSettings
from pipelines import storage
from pipelines.cluster_trouble import explained
from pipelines.dataflow_options import DATAFLOW, check_cloud_folder, dataflow_arguments
from pipelines.spill import spilling

_ON_THIS_MACHINE = (LOCAL_RUNNER, "DirectRunner", "BundleBasedDirectRunner", "PrismRunner")
# Whose options are of use to which runners; those of all other classes are of use to any.
_OWNERS: dict[str, tuple[str, ...]] = {
    "DirectOptions": (LOCAL_RUNNER, "DirectRunner", "BundleBasedDirectRunner"),
    "GoogleCloudOptions": (DATAFLOW,),
    "WorkerOptions": (DATAFLOW,),
    "FlinkRunnerOptions": ("FlinkRunner",),
    "SparkRunnerOptions": ("SparkRunner",),
    "PrismRunnerOptions": ("PrismRunner", "DirectRunner"),
    "KafkaStreamsRunnerOptions": ("KafkaStreamsRunner",),
}
_OF_ANY = ("temp_location",)


def pipeline_options(
    settings: RunnerSettings,
    arguments: Sequence[str],
    *,
    gpu: AcceleratorSettings | None = None,
) -> PipelineOptions:
    """Return the options of a pipeline; `arguments` are Beam's own, as after `--`.

    `gpu` is what its workers have on Dataflow. Raises `UsageError` for an argument or a value that
    Beam does not know, one that the runner lacks, and one that is another runner's.
    """
    given = list(arguments)
    if not names(given, "runner"):
        given.append(f"--runner={settings.runner}")
    if is_local(given):
        if not names(given, "direct_num_workers"):
            given.append(f"--direct_num_workers={settings.workers}")
        if not names(given, "direct_running_mode"):
            given.append(f"--direct_running_mode={settings.running_mode}")
    _refuse_unknown(arguments)
    options, runner = _parsed(given)
    _refuse_of_others(arguments, _name(runner))
    if _name(runner) == DATAFLOW:
        options, runner = _parsed([*given, *dataflow_arguments(settings.dataflow, given, gpu)])
        _check_buckets(options)
    _check(options, runner)
    return options


def _parsed(arguments: Sequence[str]) -> tuple[PipelineOptions, PipelineRunner]:
    """Let Beam read its options now: left to itself it ends the process, after pages of usage."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = PipelineOptions(list(arguments))
            options.get_all_options()
    except SystemExit as stop:
        reason = said.getvalue().strip().rpartition("error: ")[2]
        raise UsageError(f"-- {reason}; see the options of Apache Beam") from stop
    name = options.view_as(StandardOptions).runner
    try:
        return options, create_runner(name)
    except (ValueError, ImportError, AttributeError, TypeError) as error:
        known = ", ".join(StandardOptions.KNOWN_RUNNER_NAMES)
        raise UsageError(f"--runner={name}: no runner of Apache Beam here; known: {known}") from (
            error
        )


def _check(options: PipelineOptions, runner: PipelineRunner) -> None:
    """Say the first thing that Beam itself finds wrong, as `beam.Pipeline` would.

    As in a dry run, it does not ask Cloud Storage how the buckets are set: without credentials
    that takes minutes.
    """
    testing = options.view_as(TestOptions)
    testing.dry_run, asked = True, testing.dry_run
    errors = PipelineOptionsValidator(options, runner).validate()
    testing.dry_run = asked
    for found in errors:
        raise UsageError(f"-- {' '.join(str(found).split())}; see the options of {_name(runner)}")


def _name(runner: PipelineRunner) -> str:
    return type(runner).__name__


def is_on_this_machine(options: PipelineOptions) -> bool:
    """Tell whether the workers are processes of this machine that see its temporary files."""
    return options.view_as(StandardOptions).runner.rpartition(".")[2] in _ON_THIS_MACHINE


def check_shared(options: PipelineOptions, paths: dict[str, str]) -> None:
    """Raise `UsageError` for a path, by its option, that workers of Dataflow cannot see."""
    if options.view_as(StandardOptions).runner.rpartition(".")[2] != DATAFLOW:
        return
    for option, path in paths.items():
        _check_remote(option, path)


def _check_buckets(options: PipelineOptions) -> None:
    """Beam would take one folder in the place of the other, or make a bucket for both."""
    of_cloud = options.view_as(GoogleCloudOptions)
    for option in ("temp_location", "staging_location"):
        if (path := getattr(of_cloud, option)) is not None:
            check_cloud_folder(option, path)


def _check_remote(option: str, path: str) -> None:
    if not storage.is_remote(path):
        raise UsageError(
            f"{option} {path}: workers of {DATAFLOW} do not see this machine's disk; expected "
            f"gs://bucket/folder; name one with {option}"
        )


@contextlib.contextmanager
def running(
    options: PipelineOptions, settings: RunnerSettings, work: str
) -> Iterator[beam.Pipeline]:
    """Give a pipeline; run it when the block ends, with what its runner needs around it.

    Raises `UsageError` where a cluster fails for a reason that an option can mend.
    """
    with contextlib.ExitStack() as stack:
        if _in_this_process(options) and not storage.is_remote(work):
            stack.enter_context(spilling(work, settings.mebibytes_in_memory << 20))
        stack.enter_context(explained(options))
        runner = _LocalRunner() if _is_local_runner(options) else None
        yield stack.enter_context(beam.Pipeline(runner, options=options))


class _LocalRunner(FnApiRunner):
    """Beam's local runner, whose worker processes, where it starts some, are Aisle's."""

    def run_via_runner_api(
        self, pipeline_proto: beam_runner_api_pb2.Pipeline, options: PipelineOptions
    ) -> Any:
        for environment in pipeline_proto.components.environments.values():
            if environment.urn == python_urns.SUBPROCESS_SDK:
                environment.payload = f"{sys.executable} -m pipelines.worker_process".encode()
        return super().run_via_runner_api(pipeline_proto, options)


def _is_local_runner(options: PipelineOptions) -> bool:
    return options.view_as(StandardOptions).runner == LOCAL_RUNNER


def _in_this_process(options: PipelineOptions) -> bool:
    mode = options.view_as(DirectOptions).direct_running_mode
    return _is_local_runner(options) and mode == "in_memory"


def is_local(arguments: Sequence[str]) -> bool:
    """Tell whether these arguments name the local runner."""
    return any(a in (f"--runner={LOCAL_RUNNER}", LOCAL_RUNNER) for a in arguments)


def names(arguments: Sequence[str], option: str) -> bool:
    """Tell whether an option is among the arguments."""
    return any(a == f"--{option}" or a.startswith(f"--{option}=") for a in arguments)


def _refuse_of_others(arguments: Sequence[str], runner: str) -> None:
    for argument in arguments:
        name = argument.partition("=")[0]
        owners = _owners().get(name)
        if argument.startswith("--") and owners and runner not in owners:
            raise UsageError(
                f"-- {argument}: an option of {owners[0]}, but the runner is {runner}; take it "
                f"away, or add --runner={owners[0]}"
            )


@functools.cache
def _owners() -> dict[str, tuple[str, ...]]:
    """Return which runners have a use for an option, by its name on the command line."""
    found = {}
    for kind, owners in _OWNERS.items():
        parser = argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
        getattr(of_beam, kind)._add_argparse_args(parser)
        for action in parser._actions:
            if action.dest not in _OF_ANY:
                found.update(dict.fromkeys(action.option_strings, owners))
    return found


def _refuse_unknown(arguments: Sequence[str]) -> None:
    known = set(PipelineOptions([]).get_all_options(drop_default=False))
    previous = "="
    for argument in arguments:
        name = argument.removeprefix("--").partition("=")[0]
        option = argument.startswith("--")
        stray = not option and (not previous.startswith("--") or "=" in previous)
        unknown = name not in known and name.removeprefix("no_") not in known
        if stray or (option and unknown and f"--{name}" not in _owners()):
            raise UsageError(f"-- {argument}: not an option of Apache Beam; see its documentation")
        previous = argument
