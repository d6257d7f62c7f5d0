"""One small function a command; each imports what it needs when it is called."""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable
from typing import Any

from aisle import label_commands
from aisle.champion_commands import CHAMPION_COMMANDS
from aisle.label_tables import show_letters, show_plan, show_story
from aisle.output import showing, write_json
from aisle.quiet import set_environment
from aisle.tables import show_chain, show_figures, show_suggestion, show_trials, show_verdict
from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.loading import load_settings, stored_at
from configs.settings import Settings
from pipelines import storage

Figures = dict[str, Any]
_PATHS = ("config", "prefix", "input", "dump", "products", "folder", "out", "output", "dry_run")


def run_command(given: argparse.Namespace) -> int:
    """Run the command; show its figures as a table, and as JSON where that was asked for."""
    _check_paths(given)
    started = time.perf_counter()
    figures = _COMMANDS[given.command](given)
    figures.setdefault("seconds", round(time.perf_counter() - started, 3))
    with showing():
        _show(given, figures)
    return 0


def _check_paths(given: argparse.Namespace) -> None:
    for name in _PATHS:
        if path := getattr(given, name, None):
            storage.check_scheme(path, f"--{name.replace('_', '-')}")


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


def preprocess(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    if given.dry_run:
        return _plan_preprocess(given, settings, artifacts)
    return _preprocess(given, settings, artifacts)


def train(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    return _train(given, settings, artifacts)


def tune(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    _load_tensorflow()
    from trainer.tune import tune

    return _figures(tune(settings, artifacts, given.name, force=given.force))


def evaluate(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    return _evaluate(given, settings, artifacts, _model(given, settings))


def report(given: argparse.Namespace) -> Figures:
    from trainer.comparison import write_comparison

    settings, artifacts = _setting(given)
    runs = [artifacts, *(RunArtifacts(given.prefix, name) for name in given.runs)]
    price = settings.evaluation.price_per_core_hour
    return write_comparison(runs, given.models, given.out or artifacts.report, price)


def explore(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    _load_tensorflow()
    from trainer.exploration import explore

    return explore(settings, artifacts, given.out or artifacts.exploration, given.rows)


def predict(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    artifacts.predictions(given.dump_id)
    plan_or_run = _plan_predict if given.dry_run else _predict
    return plan_or_run(given, settings, artifacts, _model(given, settings))


def run(given: argparse.Namespace) -> Figures:
    """The chain; each stage that was finished before is passed over."""
    settings, artifacts = _setting(given)
    _check_dump(given, settings, artifacts)
    figures: Figures = {"preprocess": _preprocess(given, settings, artifacts)}
    figures["train"] = _train(given, settings, artifacts)
    model = figures["train"]["model"]
    if settings.split.test:  # else all titles are for the model that labels: none to measure with
        figures["evaluate"] = _evaluate(given, settings, artifacts, model)
    if given.dump:
        figures["predict"] = _predict(given, settings, artifacts, model)
        figures["write-labels"] = label_commands.write_labels(given, settings, artifacts)
    return figures


def _check_dump(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> None:
    """Refuse before the training what could not be labelled after it."""
    if given.dump_id and not given.dump:
        raise UsageError(
            f"--dump-id {given.dump_id} without --dump: nothing would be labelled; name the dump "
            "too, or leave --dump-id away"
        )
    given.dump_id = given.dump_id or "dump"
    artifacts.predictions(given.dump_id)
    if given.dump:
        from configs.rules import load_rules
        from pipelines.dumps import find_dump_files
        from pipelines.sinks.engine import parse_url

        store = stored_at(settings.store, given.store).database or artifacts.label_store_url
        parse_url(str(store))
        if settings.dump.rules:
            load_rules(settings.dump.rules)
        find_dump_files(given.dump, settings.dump)


def _with_setting(
    command: Callable[[argparse.Namespace, Settings, RunArtifacts], Figures],
) -> Callable[[argparse.Namespace], Figures]:
    return lambda given: command(given, *_setting(given))


def _setting(given: argparse.Namespace) -> tuple[Settings, RunArtifacts]:
    return load_settings(given.config, given.set), RunArtifacts(given.prefix, given.run_id)


def _model(given: argparse.Namespace, settings: Settings) -> str:
    if given.model:
        return str(given.model)
    _load_tensorflow()
    from trainer.train import hparams_id

    return hparams_id(settings)


def _preprocess(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    set_environment()
    from pipelines.preprocess import preprocess

    return _figures(
        preprocess(settings, artifacts, given.input, beam_arguments=given.beam, force=given.force)
    )


def _plan_preprocess(
    given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts
) -> Figures:
    set_environment()
    from pipelines.preprocess import plan_preprocess

    return plan_preprocess(
        settings, artifacts, given.input, given.dry_run, beam_arguments=given.beam
    )


def _plan_predict(
    given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts, model: str
) -> Figures:
    _load_tensorflow()
    from pipelines.batch_predict import plan_predict

    return plan_predict(
        settings,
        artifacts,
        given.dump,
        given.dump_id,
        model,
        given.dry_run,
        beam_arguments=given.beam,
    )


def _train(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    _load_tensorflow()
    from trainer.train import train

    return _figures(train(settings, artifacts, force=given.force))


def _evaluate(
    given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts, model: str
) -> Figures:
    _load_tensorflow()
    from trainer.evaluate import evaluate

    return _figures(evaluate(settings, artifacts, model, force=given.force))


def _predict(
    given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts, model: str
) -> Figures:
    _load_tensorflow()
    from pipelines.batch_predict import batch_predict

    outcome = batch_predict(
        settings,
        artifacts,
        given.dump,
        given.dump_id,
        model,
        beam_arguments=given.beam,
        force=given.force,
    )
    return _figures(outcome)


def _load_tensorflow() -> None:
    from aisle.quiet import import_tensorflow

    import_tensorflow()


def _figures(outcome: Any) -> Figures:
    manifest = outcome.manifest
    return {
        **manifest.figures,
        "seconds": manifest.seconds,
        "peak_rss": manifest.peak_rss,
        "done_before": outcome.skipped,
    }


_COMMANDS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "sample": sample,
    "suggest-config": suggest_config,
    "preprocess": preprocess,
    "train": train,
    "tune": tune,
    "evaluate": evaluate,
    "report": report,
    "explore": explore,
    "predict": predict,
    "write-labels": _with_setting(label_commands.write_labels),
    "diff": _with_setting(label_commands.diff),
    "gate": _with_setting(label_commands.gate),
    "labels": _with_setting(label_commands.labels),
    "undo": _with_setting(label_commands.undo),
    "dead-letters": _with_setting(label_commands.dead_letters),
    **CHAMPION_COMMANDS,
    "run": run,
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
