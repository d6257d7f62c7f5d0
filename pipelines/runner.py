"""Beam's options: those after `--` on the command line, then the settings, then the machine."""

from __future__ import annotations

from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from configs.errors import UsageError
from configs.settings import RunnerSettings

LOCAL_RUNNER = "FnApiRunner"


def pipeline_options(settings: RunnerSettings, arguments: Sequence[str]) -> PipelineOptions:
    """Return the options of a pipeline; `arguments` are Beam's own, as after `--`.

    Raises `UsageError` for an argument that Beam does not know.
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
    return PipelineOptions(given)


def is_local(arguments: Sequence[str]) -> bool:
    """Tell whether these arguments name the local runner."""
    return any(a in (f"--runner={LOCAL_RUNNER}", LOCAL_RUNNER) for a in arguments)


def _names(arguments: Sequence[str], option: str) -> bool:
    return any(a == f"--{option}" or a.startswith(f"--{option}=") for a in arguments)


def _refuse_unknown(arguments: Sequence[str]) -> None:
    known = set(PipelineOptions([]).get_all_options(drop_default=False))
    for argument in arguments:
        name = argument.removeprefix("--").partition("=")[0]
        if (
            argument.startswith("--")
            and name not in known
            and name.removeprefix("no_") not in known
        ):
            raise UsageError(f"-- {argument}: not an option of Apache Beam; see its documentation")
