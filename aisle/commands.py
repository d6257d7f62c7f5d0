"""One small function a command; each imports what it needs when it is called."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from aisle.tables import show_chain, show_figures, show_trials
from configs.artifacts import RunArtifacts
from configs.errors import UsageError
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
    elif given.command == "tune":
        show_trials(figures)
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


def write_labels(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    return _write_labels(given, settings, artifacts)


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


def _plan_preprocess(
    given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts
) -> Figures:
    _load_tensorflow()
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


def _write_labels(
    given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts
) -> Figures:
    from pipelines.progress import counting
    from pipelines.stage import require_manifest
    from pipelines.write_labels import example_query, write_labels

    url = _store_url(given, settings, artifacts)
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
            force=given.command == "write-labels" and given.force,
        )
    seconds = round(time.perf_counter() - started, 3)
    return {**figures, "query": example_query(url, settings.store), "seconds": seconds}


def diff(given: argparse.Namespace) -> Figures:
    """Show what would change; the pages go beside the run's other output."""
    from pipelines.label_diff import write_pages

    settings, artifacts = _setting(given)
    found = _diff(given, settings, artifacts)
    folder = given.output or f"{artifacts.root}/diffs/{given.dump_id}"
    data, page = write_pages(found, folder)
    told = {name: found[name] for name in ("counts", "gate", "gate_says", "store")}
    return {**told, "json": data, "report": page}


def gate(given: argparse.Namespace) -> Figures:
    settings, artifacts = _setting(given)
    found = _diff(given, settings, artifacts)
    if found["gate"] != "passes":
        raise UsageError(found["gate_says"])
    return {name: found[name] for name in ("counts", "gate", "store")}


def _diff(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    from pipelines.label_diff import diff_labels

    return diff_labels(
        artifacts.predictions(given.dump_id),
        store_url=_store_url(given, settings, artifacts),
        dump_id=given.dump_id,
        settings=settings.store,
    )


def labels(given: argparse.Namespace) -> Figures:
    """Tell the story of a product; set its label first, where one is given."""
    from pipelines.sinks.story import set_label, story_of

    if bool(given.label) != bool(given.person):
        raise UsageError("--label and --person belong together: what is set, and who sets it")
    settings, artifacts = _setting(given)
    with _ledger(given, settings, artifacts) as ledger:
        if given.label:
            write_id = set_label(ledger, given.product, given.label, given.person)
            _feed(ledger, settings, write_id)
        return story_of(ledger, given.product)


def undo(given: argparse.Namespace) -> Figures:
    from pipelines.sinks.story import undo

    settings, artifacts = _setting(given)
    with _ledger(given, settings, artifacts) as ledger:
        figures = undo(ledger, given.write)
        return figures | _feed(ledger, settings, figures["write_id"])


def dead_letters(given: argparse.Namespace) -> Figures:
    from pipelines.sinks.delivery import opened
    from pipelines.sinks.replay import dead_letters, replay

    settings, artifacts = _setting(given)
    with _ledger(given, settings, artifacts) as ledger:
        if not given.replay:
            found = dead_letters(ledger, given.write)
            return {"dead_letters": len(found), "letters": found, "store": ledger.url}
        with opened(settings.store.sinks) as sinks:
            return replay(ledger, sinks, given.write) | {"store": ledger.url}


def _feed(ledger: Any, settings: Settings, write_id: str) -> Figures:
    """Bring the changes of a small write to the sinks."""
    from pipelines.sinks.delivery import feed

    delivered = feed(ledger, settings.store.sinks, write_id)
    return {"sinks": delivered} if delivered else {}


def _store_url(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> str:
    return str(given.store or settings.store.url or artifacts.label_store_url)


def _ledger(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Any:
    from pipelines.sinks.engine import parse_url
    from pipelines.sinks.ledger import open_ledger

    return open_ledger(parse_url(_store_url(given, settings, artifacts)), settings.store)


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
    "tune": tune,
    "evaluate": evaluate,
    "report": report,
    "explore": explore,
    "predict": predict,
    "write-labels": write_labels,
    "diff": diff,
    "gate": gate,
    "labels": labels,
    "undo": undo,
    "dead-letters": dead_letters,
    "run": run,
}
