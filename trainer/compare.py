"""The compare stage: the best new model beside the champion, on the same titles; a verdict.

The champion reads the test titles of the new run as raw text, so that both answer the same
questions. A title's part follows from its cleaned text and `split`: where both runs have these the
same, the champion learned none of them. Where not, each enters with the figures of its own run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.schedule import METRIC_NAMES
from configs.settings import Settings
from pipelines import listing, storage
from pipelines.batch_predict import batch_predict, predict_fingerprint
from pipelines.champion import Champion, read_reign, require_champion
from pipelines.dumps import dump_fingerprint, find_dump_files
from pipelines.made_with import other_parts
from pipelines.predict_parts import load_classifier
from pipelines.promotion import changed_labels, objections
from pipelines.run_files import read_description, read_metrics
from pipelines.stage import require_manifest
from pipelines.statistics import read_taxonomy
from trainer.dataset import TITLE, read_examples, shard_files
from trainer.export import SAVED_MODEL
from trainer.figures import flat_figures
from trainer.labels import LabelReader
from trainer.metrics import classification_metrics

COMPARISON, REPORT = "comparison.json", "report.html"
SAME_TITLES = "the test titles of the new run"
OWN_TITLES = "the test titles of each one's own run"
_ROWS = 8192


@dataclass(frozen=True)
class _Basis:
    """The champion's figures and on what titles they were measured."""

    metrics: dict[str, Any]
    titles: str


def compare(
    settings: Settings,
    artifacts: RunArtifacts,
    models: Sequence[str],
    *,
    beam_arguments: Sequence[str] = (),
) -> dict[str, Any]:
    """Choose the best of `models` and hold it against the champion; write the report; return it.

    Figures: `passed`, `reasons`, `model` (the best), `champion`, both metrics, `report`. Raises
    `UsageError` where a model is not evaluated, or the champion's export is gone.
    """
    measured = {model: _metrics(artifacts, model) for model in models}
    _check_metric(measured, settings.promotion.metric)
    best = max(measured, key=lambda model: measured[model][settings.promotion.metric])
    storage.make_folder(artifacts.comparison(best))
    figures = {
        "run_id": artifacts.run_id,
        "model": best,
        "metric": settings.promotion.metric,
        "value": measured[best][settings.promotion.metric],
        "models": {name: found[settings.promotion.metric] for name, found in measured.items()},
    }
    if read_reign(artifacts.prefix).champion is None:
        return _written(artifacts, {**figures, "champion": None, "passed": True, "reasons": []})
    champion = require_champion(artifacts.prefix)
    figures["champion"] = f"{champion.run_id}/{champion.model}"
    if champion.is_same(Champion(artifacts.run_id, best)):
        return _written(artifacts, {**figures, "passed": True, "reasons": []})
    basis = _champion_metrics(settings, artifacts, best, champion)
    changed = _changed_labels(settings, artifacts, best, champion, beam_arguments)
    reasons = objections(measured[best], basis.metrics, changed, settings.promotion)
    more = {
        "champion_value": basis.metrics[settings.promotion.metric],
        "measured_on": basis.titles,
        "changed_labels": changed,
    }
    return _written(artifacts, {**figures, **more, "passed": not reasons, "reasons": reasons})


def _metrics(artifacts: RunArtifacts, model: str) -> dict[str, Any]:
    require_manifest(artifacts.evaluation(model), "evaluate")
    metrics = read_metrics(artifacts.evaluation(model), model, "objective", "per_class")
    return {**flat_figures(metrics), "per_class": metrics["per_class"]}


def _check_metric(measured: Mapping[str, Mapping[str, Any]], metric: str) -> None:
    for model, figures in measured.items():
        if metric not in figures:
            known = [name for name in METRIC_NAMES if name in figures]
            raise UsageError(
                f"promotion.metric is {metric}, but the evaluation of {model} has only "
                f"{', '.join(known)}; set it to one of these"
            )


def _champion_metrics(
    settings: Settings, artifacts: RunArtifacts, model: str, champion: Champion
) -> _Basis:
    """Measure the champion; as it was evaluated, where it needs more than titles, or knows them."""
    of_champion = RunArtifacts(artifacts.prefix, champion.run_id)
    theirs = read_description(of_champion.exports(champion.model), "level")
    ours = read_description(artifacts.exports(model), "level")
    level, objective = ours["level"], ours.get("objective", "exclusive")
    for what, new in (("level", level), ("objective", objective)):
        if (old := theirs.get(what, "exclusive")) != new:
            raise UsageError(
                f"the {what} of {champion.run_id}/{champion.model} is {old!r}, that of the new "
                f"model {new!r}: they cannot be compared; promote by hand with `aisle promote`"
            )
    if of_champion.run_id == artifacts.run_id:
        return _Basis(_metrics(of_champion, champion.model), SAME_TITLES)
    if objective != "exclusive" or theirs.get("columns"):  # not to be scored on titles alone
        return _Basis(_metrics(of_champion, champion.model), OWN_TITLES)
    if why := other_parts(artifacts, of_champion):
        told = f"{OWN_TITLES}, as the champion may have learned those of the new run ({why})"
        return _Basis(_metrics(of_champion, champion.model), told)
    reader = LabelReader(read_taxonomy(artifacts.stats), level, settings.objectives.exclusive.level)
    model_path = f"{of_champion.exports(champion.model)}/{SAVED_MODEL}"
    metrics = _scored(model_path, artifacts, reader, settings)
    return _Basis(metrics, SAME_TITLES)


def _scored(
    model_path: str, artifacts: RunArtifacts, reader: LabelReader, settings: Settings
) -> dict[str, Any]:
    """Score the run's test titles with another run's export; classes are matched by name."""
    classifier, known = load_classifier(model_path)
    names = list(reader.names)
    numbers = {name: number for number, name in enumerate(names)}
    for name in known.to_pylist():  # what only the champion knows stands behind, without support
        numbers.setdefault(name, len(numbers))
    names = list(numbers)
    place = np.array([numbers[name] for name in known.to_pylist()])
    parts = []
    files = shard_files(artifacts, "test")
    for batch in read_examples(files, (TITLE, *reader.features), batch_size=_ROWS):
        label, counts = reader(batch)
        keep = counts.numpy() > 0
        found = classifier(title=batch[TITLE])
        rows = (label, found["classes"], found["probabilities"])
        parts.append([tensor.numpy()[keep] for tensor in rows])
    labels, classes, probabilities = (np.concatenate(column) for column in zip(*parts, strict=True))
    top_k = min(settings.evaluation.top_k, classes.shape[1])
    bins = settings.evaluation.calibration_bins
    return classification_metrics(
        labels, place[classes], probabilities, names, top_k=top_k, bins=bins
    )


def _changed_labels(
    settings: Settings,
    artifacts: RunArtifacts,
    model: str,
    champion: Champion,
    beam_arguments: Sequence[str],
) -> dict[str, Any] | None:
    """Label the reference dump with both, unless that was done, and count the differences.

    What the labels hang on is in the name: with another `dump.*`, or where a rule has ended, they
    are made anew.
    """
    dump = settings.promotion.reference_dump
    if dump is None:
        return None
    content = dump_fingerprint(find_dump_files(dump, settings.dump))
    tables = []
    for run, name in (
        (RunArtifacts(artifacts.prefix, champion.run_id), champion.model),
        (artifacts, model),
    ):
        made_by = predict_fingerprint(settings, run, name)
        dump_id = f"reference-{content[:8]}-{made_by[:8]}-{name}"
        batch_predict(settings, run, dump, dump_id, name, beam_arguments=beam_arguments)
        parts = listing.list_files(run.predictions(dump_id), "part-*.parquet")
        tables.append(pa.concat_tables([_labels(part.path) for part in parts]))
    return changed_labels(*tables)


def _labels(path: str) -> pa.Table:
    with storage.open_input(path) as file:
        return pq.read_table(file, columns=["id", "label"])


def _written(artifacts: RunArtifacts, figures: dict[str, Any]) -> dict[str, Any]:
    folder = artifacts.comparison(figures["model"])
    figures = {**figures, "report": f"{folder}/{REPORT}"}
    text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    storage.write_bytes(f"{folder}/{REPORT}", _template().render(figures).encode())
    storage.write_bytes(f"{folder}/{COMPARISON}", text.encode())
    return figures


@cache
def _template() -> Template:
    loader = PackageLoader("trainer", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("gate.html.j2")
