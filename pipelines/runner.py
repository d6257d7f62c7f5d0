"""Beam's options: those after `--` on the command line, then the settings, then the machine."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.runners.runner import create_runner

from configs.errors import UsageError
from configs.settings import RunnerSettings
from pipelines import storage
from pipelines.cluster_trouble import explained
from pipelines.spill import spilling

LOCAL_RUNNER = "FnApiRunner"


def pipeline_options(settings: RunnerSettings, arguments: Sequence[str]) -> PipelineOptions:
    """Return the options of a pipeline; `arguments` are Beam's own, as after `--`.

    Raises `UsageError` for an argument or a value that Beam does not know.
    """
    given = list(arguments)
    if not _names(given, "runner"):
        given.append(f"--runner={settings.runner}")
    if is_local(given):
        if not _names(given, "direct_num_workers"):
            given.append(f"--direct_num_workers={settings.workers}")
        if not _names(given, "direct_running_mode"):
            given.append(f"--direct_running_mode={settings.running_mode}")
    _refuse_unknown(arguments)
    return _parsed(given)


def _parsed(arguments: Sequence[str]) -> PipelineOptions:
    """Let Beam read its options now: left to itself it ends the process, after pages of usage."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options = PipelineOptions(list(arguments))
            options.get_all_options()
    except SystemExit as stop:
        reason = said.getvalue().strip().rpartition("error: ")[2]
        raise UsageError(f"-- {reason}; see the options of Apache Beam") from stop
    runner = options.view_as(StandardOptions).runner
    try:
        create_runner(runner)
    except (ValueError, ImportError, AttributeError, TypeError) as error:
        known = ", ".join(StandardOptions.KNOWN_RUNNER_NAMES)
        raise UsageError(f"--runner={runner}: no runner of Apache Beam here; known: {known}") from (
            error
        )
    return options


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
        yield stack.enter_context(beam.Pipeline(options=options))


def _in_this_process(options: PipelineOptions) -> bool:
    mode = options.view_as(DirectOptions).direct_running_mode
    return options.view_as(StandardOptions).runner == LOCAL_RUNNER and mode == "in_memory"


def is_local(arguments: Sequence[str]) -> bool:
    """Tell whether these arguments name the local runner."""
    return any(a in (f"--runner={LOCAL_RUNNER}", LOCAL_RUNNER) for a in arguments)


def _names(arguments: Sequence[str], option: str) -> bool:
    return any(a == f"--{option}" or a.startswith(f"--{option}=") for a in arguments)


def _refuse_unknown(arguments: Sequence[str]) -> None:
    known = set(PipelineOptions([]).get_all_options(drop_default=False))
    previous = "="
    for argument in arguments:
        name = argument.removeprefix("--").partition("=")[0]
        option = argument.startswith("--")
        stray = not option and (not previous.startswith("--") or "=" in previous)
        if stray or (option and name not in known and name.removeprefix("no_") not in known):
            raise UsageError(f"-- {argument}: not an option of Apache Beam; see its documentation")
        previous = argument
