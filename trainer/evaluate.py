"""The evaluate stage: score the test part with the exported model, and write what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from configs.artifacts import SPLITS, RunArtifacts, Split
from configs.columns import ColumnFeatures, read_columns
from configs.loading import fingerprint
from configs.settings import Settings
from pipelines import listing, storage
from pipelines.exports import require_export
from pipelines.made_with import check_made_with
from pipelines.stage import Outcome, read_manifest, run_stage
from pipelines.statistics import read_figures, read_taxonomy
from trainer.baselines import measured_baselines
from trainer.damage import naming_damage
from trainer.dataset import TITLE, read_examples, shard_files
from trainer.figures import MAIN_FIGURE, flat_figures
from trainer.labels import LabelReader
from trainer.measure import measure_exclusive, measure_rule_based
from trainer.report import render_report
from trainer.scoring import (
    COUNTED,
    NodeLabels,
    OneLabel,
    ScoredPart,
    Truth,
    label_counts,
    labelling_speed,
    load_export,
)

METRICS, REPORT = "metrics.json", "report.html"
_TIMED_TITLES = 50_000


def evaluate(
    settings: Settings, artifacts: RunArtifacts, model: str, *, force: bool = False
) -> Outcome:
    """Run the stage on the export named `model`; return its manifest with the main figures.

    Raises `UsageError` where the model is not exported or the test part is empty.
    """
    exported = require_export(artifacts, model)
    check_made_with(settings, artifacts)

    def body(work: str) -> dict[str, Any]:
        with naming_damage(_shards(artifacts)):
            metrics, context = _measure(settings, artifacts, model)
        document = {**metrics, "context": context}
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        storage.write_bytes(f"{work}/evaluation/{METRICS}", text.encode())
        page = render_report(metrics, context)
        storage.write_bytes(f"{work}/evaluation/{REPORT}", page.encode())
        return _main_figures(metrics, context, f"{artifacts.evaluation(model)}/{REPORT}")

    return run_stage(
        "evaluate",
        body,
        folders={"evaluation": artifacts.evaluation(model)},
        work=f"{artifacts.work}/{model}",
        input_fingerprint=exported.fingerprint,
        config_fingerprint=fingerprint(
            settings.evaluation.model_dump(exclude={"price_per_core_hour"})
        ),
        force=force,
    )


def _shards(artifacts: RunArtifacts) -> list[str]:
    return [info.path for info in listing.list_files(artifacts.tfrecords, "*.tfrecord.gz")]


def _measure(
    settings: Settings, artifacts: RunArtifacts, model: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    loaded, description = load_export(artifacts.exports(model))
    truth = _truth(settings, artifacts, description)
    valid, test = _parts(settings, artifacts, loaded, truth)
    measure = {"exclusive": measure_exclusive, "rule_based": measure_rule_based}[truth.objective]
    metrics, mistakes = measure(valid, test, truth.names, settings.evaluation)
    context = {
        "name": settings.name,
        "level": description["level"] if truth.objective == "exclusive" else "all",
        "run_id": artifacts.run_id,
        "model": model,
        "counts": _plain(read_figures(artifacts.stats)),
        "history": description["history"],
        "fingerprints": {k: v for k, v in description.items() if k.endswith("_fingerprint")},
        "columns": list(description.get("columns", {})),
        "parameters": description.get("parameters"),
        "fit_seconds": description.get("fit_seconds"),
        "separator": settings.categories.separator,
        "seconds": _seconds(artifacts, model),
        "speed": _speed(settings, artifacts, truth, loaded),
        "baselines": _baselines(settings, artifacts, truth, metrics, read_columns(description)),
        "examples": mistakes,
    }
    return metrics, context


def _truth(settings: Settings, artifacts: RunArtifacts, description: Mapping[str, Any]) -> Truth:
    """Return what the model was taught, and so what it is measured against."""
    taxonomy = read_taxonomy(artifacts.stats)
    if description.get("objective", "exclusive") == "rule_based":
        return NodeLabels(taxonomy.nodes)
    written = settings.objectives.exclusive.level
    return OneLabel(LabelReader(taxonomy, description["level"], written))


def _parts(
    settings: Settings, artifacts: RunArtifacts, loaded: Any, truth: Truth
) -> tuple[ScoredPart, ScoredPart]:
    size, rows = settings.evaluation.batch_size, settings.evaluation.calibration_rows
    valid = ScoredPart(loaded, artifacts, truth, "valid", batch_size=size, rows=rows)
    return valid, ScoredPart(loaded, artifacts, truth, "test", batch_size=size)


def _baselines(
    settings: Settings,
    artifacts: RunArtifacts,
    truth: Truth,
    metrics: Mapping[str, Any],
    columns: ColumnFeatures,
) -> dict[str, dict[str, Any]]:
    """Return the figures that cheap methods reach on the test part, by their names.

    Those that learn see the same columns as the model.
    """
    own = settings.evaluation.baselines
    files = {split: _files(artifacts, truth, split) for split in SPLITS}
    counts = label_counts(files["train"], truth, own.rows)
    support = np.array([row["support"] for row in metrics["per_class"]])
    if truth.objective == "rule_based":
        found = {"most frequent labels": most_frequent(support, metrics["examples"], counts)}
    else:
        share = float(support[counts.argmax()] / support.sum())
        found = {"majority class": {"accuracy": share}}
    seed = settings.training.seed
    return found | measured_baselines(settings.evaluation, files, truth, seed, columns)


def _files(artifacts: RunArtifacts, truth: Truth, split: Split) -> list[str]:
    """Return the shards of a part; none where the valid part is empty, as it may be."""
    if split == "valid" and not read_figures(artifacts.stats)[COUNTED[truth.objective]][split]:
        return []
    return shard_files(artifacts, split, truth.objective)


def most_frequent(support: np.ndarray, examples: int, train_counts: np.ndarray) -> dict[str, float]:
    """Return the figures of always giving the labels that are most frequent in training.

    As many as a title has on average; support: titles of the test part that have each label.
    """
    given = max(1, round(support.sum() / examples))
    hits = support[np.argsort(-train_counts, kind="stable")]
    micro_f1 = 2.0 * hits[:given].sum() / (given * examples + support.sum())
    return {"micro_f1": float(micro_f1), "precision_at_1": float(hits[0] / examples)}


def _speed(
    settings: Settings, artifacts: RunArtifacts, truth: Truth, loaded: Any
) -> dict[str, Any]:
    """Time the model on raw titles of the test part."""
    files = shard_files(artifacts, "test", truth.objective)
    batches = read_examples(files, (TITLE,), batch_size=8192, rows=_TIMED_TITLES)
    titles = [title for batch in batches for title in batch[TITLE].numpy().tolist()]
    return labelling_speed(loaded, titles, settings.evaluation.batch_size)


def _seconds(artifacts: RunArtifacts, model: str) -> dict[str, float]:
    stages = {"preprocess": artifacts.tfrecords, "train": artifacts.exports(model)}
    found = {stage: read_manifest(folder) for stage, folder in stages.items()}
    return {stage: manifest.seconds for stage, manifest in found.items() if manifest}


def _main_figures(
    metrics: Mapping[str, Any], context: Mapping[str, Any], report: str
) -> dict[str, Any]:
    main = MAIN_FIGURE[metrics["objective"]]
    found = flat_figures(metrics)
    beside = {name: figures[main] for name, figures in context["baselines"].items()}
    return {
        "objective": metrics["objective"],
        **found,
        "temperature": metrics["temperature"],
        "titles_per_second": context["speed"]["titles_per_second"],
        "baselines": beside,
        "report": report,
    }


def _plain(figures: Mapping[str, Any]) -> dict[str, int]:
    return {name: value for name, value in figures.items() if isinstance(value, int)}
