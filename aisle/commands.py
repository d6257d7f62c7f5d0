"""Run a command and show what came of it: one small function each.

Each imports what it needs when it is called. Those of the stages, of labels and of the champion
have files of their own.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

from aisle import label_commands
from aisle.arguments import RUN_BEAM
from aisle.champion_commands import CHAMPION_COMMANDS
from aisle.label_tables import show_letters, show_plan, show_story
from aisle.output import showing, write_json
from aisle.stage_commands import STAGE_COMMANDS, setting_of
from aisle.tables import show_chain, show_figures, show_suggestion, show_trials, show_verdict
from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.settings import Settings
from pipelines import storage

Figures = dict[str, Any]
_PATHS = ("config", "prefix", "input", "dump", "products", "folder", "out", "output", "dry_run")


def run_command(given: argparse.Namespace) -> int:
    """Run the command; show its figures as a table, and as JSON where that was asked for."""
    _check_paths(given)
    _check_beam(given)
    started = time.perf_counter()
    figures = _COMMANDS[given.command](given)
    figures.setdefault("seconds", round(time.perf_counter() - started, 3))
    with showing():
        _show(given, figures)
    if why := figures.get("nothing_read"):  # of suggest-config: what it wrote is there to be mended
        raise UsageError(f"{why}; mend {given.out} before aisle run (docs/catalogues.md)")
    return 0


def _check_paths(given: argparse.Namespace) -> None:
    for name in _PATHS:
        if path := getattr(given, name, None):
            storage.check_scheme(path, f"--{name.replace('_', '-')}")


def _check_beam(given: argparse.Namespace) -> None:
    if given.beam and given.command not in RUN_BEAM:
        raise UsageError(
            f"{given.beam[0]} stands behind --, but only {', '.join(RUN_BEAM)} hand that on to "
            "Beam; write it before --, or leave it out"
        )


def _show(given: argparse.Namespace, figures: Figures) -> None:
    show = _SHOW.get(given.command, functools.partial(show_figures, given.command))
    show(figures)
    if given.json:
        write_json(figures)


def sample(given: argparse.Namespace) -> Figures:
    from pipelines.sample import check_numbers, write_catalogue, write_dump

    check_numbers(given.titles, given.dump_rows, given.seed)
    storage.make_folder(given.folder, "--folder")
    catalogue = f"{given.folder.rstrip('/')}/catalogue"
    dump = f"{given.folder.rstrip('/')}/dump.csv"
    written = write_catalogue(catalogue, titles=given.titles, seed=given.seed)
    rows = write_dump(dump, rows=given.dump_rows, seed=given.seed + 1)
    return {"catalogue": catalogue, "dump": dump, "written": written, "dump_rows": rows}


def suggest_config(given: argparse.Namespace) -> Figures:
    from pipelines.suggest.config import suggest_config

    return suggest_config(given.input, given.out)


def _with_setting(
    command: Callable[[argparse.Namespace, Settings, RunArtifacts], Figures],
) -> Callable[[argparse.Namespace], Figures]:
    return lambda given: command(given, *setting_of(given))


_COMMANDS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "sample": sample,
    "suggest-config": suggest_config,
    **STAGE_COMMANDS,
    "write-labels": _with_setting(label_commands.write_labels),
    "diff": _with_setting(label_commands.diff),
    "gate": _with_setting(label_commands.gate),
    "labels": _with_setting(label_commands.labels),
    "undo": _with_setting(label_commands.undo),
    "dead-letters": _with_setting(label_commands.dead_letters),
    **CHAMPION_COMMANDS,
}
_SHOW: dict[str, Callable[[Figures], None]] = {
    "run": show_chain,
    "tune": show_trials,
    "compare": functools.partial(show_verdict, "compare"),
    "suggest-config": show_suggestion,
    "labels": show_story,
    "dead-letters": show_letters,
    "plan-backfill": show_plan,
}
