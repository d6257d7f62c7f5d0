"""One small function a command; each imports what it needs when it is called."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from aisle.tables import show_chain, show_figures
from configs.artifacts import RunArtifacts
from configs.loading import load_settings
from configs.settings import Settings

Figures = dict[str, Any]


def run_command(given: argparse.Namespace) -> int:
    """Run the command; show its figures as a table, and as JSON where that was asked for."""
    started = time.perf_counter()
    figures = _COMMANDS[given.command](given)
    figures.setdefault("seconds", round(time.perf_counter() - started, 3))
    if given.command == "run":
        show_chain(figures)
    else:
        show_figures(given.command, figures)
    if given.json:
        sys.stdout.write(json.dumps(figures, ensure_ascii=False) + "\n")
    return 0


def sample(given: argparse.Namespace) -> Figures:
    from pipelines.sample import write_catalogue, write_dump

    catalogue = f"{given.folder.rstrip('/')}/catalogue"
    dump = f"{given.folder.rstrip('/')}/dump.csv"
    written = write_catalogue(catalogue, titles=given.titles, seed=given.seed)
    rows = write_dump(dump, rows=given.dump_rows, seed=given.seed + 1)
    return {"catalogue": catalogue, "dump": dump, "written": written, "dump_rows": rows}


def preprocess(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    return _preprocess(given, settings, artifacts)


def train(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    return _train(given, settings, artifacts)


def evaluate(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    return _evaluate(given, settings, artifacts, _model(given, settings))


def predict(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    artifacts.predictions(given.dump_id)
    return _predict(given, settings, artifacts, _model(given, settings))


def write_labels(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    return _write_labels(given, settings, artifacts)


def compare(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    _load_tensorflow()
    from trainer.compare import compare

    return compare(settings, artifacts, given.model, beam_arguments=given.beam)


def promote(given: argparse.Namespace) -> Figures:
    from pipelines.champion import promote

    return promote(given.prefix, given.run_id, given.model, reason=given.reason)


def rollback(given: argparse.Namespace) -> Figures:
    from pipelines.champion import rollback

    return rollback(given.prefix)


def champion(given: argparse.Namespace) -> Figures:
    from pipelines.champion import require_champion

    return asdict(require_champion(given.prefix))


def check_dump(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    _load_tensorflow()
    from pipelines.champion import require_champion
    from pipelines.check_dump import champion_features, check_dump

    features = champion_features(artifacts.prefix, require_champion(artifacts.prefix))
    return check_dump(settings, given.dump, features)


def plan_backfill(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    _load_tensorflow()
    from pipelines.backfill import plan_backfill
    from pipelines.champion import require_champion

    url = given.store or settings.store.url or artifacts.label_store_url
    champion = require_champion(artifacts.prefix)
    return plan_backfill(settings, artifacts.prefix, champion, given.products, url)


def run(given: argparse.Namespace) -> Figures:
    """The chain; each stage that was finished before is passed over."""
    settings, artifacts = _setting(given)
    artifacts.predictions(given.dump_id)
    figures: Figures = {"preprocess": _preprocess(given, settings, artifacts)}
    figures["train"] = _train(given, settings, artifacts)
    model = figures["train"]["model"]
    figures["evaluate"] = _evaluate(given, settings, artifacts, model)
    if given.dump:
        figures["predict"] = _predict(given, settings, artifacts, model)
        figures["write-labels"] = _write_labels(given, settings, artifacts)
    return figures


def _setting(given: argparse.Namespace) -> tuple[Settings, RunArtifacts]:
    return load_settings(given.config, given.set), RunArtifacts(given.prefix, given.run_id)


def _model(given: argparse.Namespace, settings: Settings) -> str:
    if given.model:
        return str(given.model)
    _load_tensorflow()
    from trainer.train import hparams_id

    return hparams_id(settings)


def _preprocess(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    _load_tensorflow()
    from pipelines.preprocess import preprocess

    return _figures(
        preprocess(settings, artifacts, given.input, beam_arguments=given.beam, force=given.force)
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


def _write_labels(
    given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts
) -> Figures:
    from pipelines.progress import counting
    from pipelines.stage import require_manifest
    from pipelines.write_labels import example_query, write_labels

    url = given.store or settings.store.url or artifacts.label_store_url
    predictions = artifacts.predictions(given.dump_id)
    total = require_manifest(predictions, "predict").figures.get("predictions")
    started = time.perf_counter()
    with counting("write-labels", "labels", total) as progress:
        figures = write_labels(
            predictions,
            store_url=url,
            dump_id=given.dump_id,
            settings=settings.store,
            on_progress=progress,
        )
    seconds = round(time.perf_counter() - started, 3)
    return {**figures, "query": example_query(url, settings.store), "seconds": seconds}


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
    "preprocess": preprocess,
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "write-labels": write_labels,
    "compare": compare,
    "promote": promote,
    "rollback": rollback,
    "champion": champion,
    "check-dump": check_dump,
    "plan-backfill": plan_backfill,
    "run": run,
}
