"""The commands that run the stages, one after the other or all in a chain: one function each."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from aisle import label_commands
from aisle.quiet import set_environment
from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.loading import load_settings, stored_at
from configs.settings import Settings

Figures = dict[str, Any]


def preprocess(given: argparse.Namespace) -> Figures:
    settings, artifacts = setting_of(given)
    if given.dry_run:
        return _plan_preprocess(given, settings, artifacts)
    return _preprocess(given, settings, artifacts)


def train(given: argparse.Namespace) -> Figures:
    settings, artifacts = setting_of(given)
    return _train(given, settings, artifacts)


def tune(given: argparse.Namespace) -> Figures:
    settings, artifacts = setting_of(given)
    _load_tensorflow()
    from trainer.tune import tune

    return _figures(tune(settings, artifacts, given.name, force=given.force))


def evaluate(given: argparse.Namespace) -> Figures:
    settings, artifacts = setting_of(given)
    return _evaluate(given, settings, artifacts, _model(given, settings))


def report(given: argparse.Namespace) -> Figures:
    from trainer.comparison import write_comparison

    settings, artifacts = setting_of(given)
    runs = [artifacts, *(RunArtifacts(given.prefix, name) for name in given.runs)]
    price = settings.evaluation.price_per_core_hour
    return write_comparison(runs, given.models, given.out or artifacts.report, price)


def explore(given: argparse.Namespace) -> Figures:
    settings, artifacts = setting_of(given)
    _load_tensorflow()
    from trainer.exploration import explore

    return explore(settings, artifacts, given.out or artifacts.exploration, given.rows)


def predict(given: argparse.Namespace) -> Figures:
    settings, artifacts = setting_of(given)
    artifacts.predictions(given.dump_id)
    plan_or_run = _plan_predict if given.dry_run else _predict
    return plan_or_run(given, settings, artifacts, _model(given, settings))


def run(given: argparse.Namespace) -> Figures:
    """The chain; each stage that was finished before is passed over."""
    settings, artifacts = setting_of(given)
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


def setting_of(given: argparse.Namespace) -> tuple[Settings, RunArtifacts]:
    """Return the settings that were named, with what was laid over them, and where output goes."""
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


STAGE_COMMANDS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "preprocess": preprocess,
    "train": train,
    "tune": tune,
    "evaluate": evaluate,
    "report": report,
    "explore": explore,
    "predict": predict,
    "run": run,
}
