"""The evaluate stage: score the test part with the exported model, and write what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from configs.artifacts import RunArtifacts, Split
from configs.loading import fingerprint
from configs.settings import Settings
from pipelines import storage
from pipelines.progress import counting
from pipelines.stage import Outcome, read_manifest, require_manifest, run_stage
from pipelines.statistics import read_figures, read_taxonomy
from trainer.baselines import linear_accuracy
from trainer.dataset import TITLE, parse_examples, read_examples, shard_files
from trainer.export import DESCRIPTION, SAVED_MODEL
from trainer.labels import LabelReader
from trainer.metrics import classification_metrics, majority_accuracy
from trainer.report import render_report

METRICS, REPORT = "metrics.json", "report.html"
_SHOWN_MISTAKES = 2000


@dataclass(frozen=True)
class Scored:
    """Truth and answers for titles of one part: ids [n], classes and probabilities [n, k]."""

    titles: list[str]
    labels: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray


def evaluate(
    settings: Settings, artifacts: RunArtifacts, model: str, *, force: bool = False
) -> Outcome:
    """Run the stage on the export named `model`; return its manifest with the main figures.

    Raises `UsageError` where the model is not exported or the test part is empty.
    """
    exported = require_manifest(artifacts.exports(model), "train")

    def body(work: str) -> dict[str, Any]:
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
        config_fingerprint=fingerprint(settings.evaluation),
        force=force,
    )


def _measure(
    settings: Settings, artifacts: RunArtifacts, model: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    description = json.loads(storage.read_bytes(f"{artifacts.exports(model)}/{DESCRIPTION}"))
    taxonomy = read_taxonomy(artifacts.stats)
    reader = LabelReader(taxonomy, description["level"], settings.objectives.exclusive.level)
    loaded = tf.saved_model.load(f"{artifacts.exports(model)}/{SAVED_MODEL}")
    test = _score(loaded, artifacts, reader, settings.evaluation.batch_size)
    metrics = classification_metrics(
        test.labels,
        test.classes,
        test.probabilities,
        reader.names,
        top_k=settings.evaluation.top_k,
        bins=settings.evaluation.calibration_bins,
    )
    context = {
        "name": settings.name,
        "level": description["level"],
        "run_id": artifacts.run_id,
        "model": model,
        "counts": _plain(read_figures(artifacts.stats)),
        "history": description["history"],
        "fingerprints": {k: v for k, v in description.items() if k.endswith("_fingerprint")},
        "seconds": _seconds(artifacts, model),
        "baselines": _baselines(settings, artifacts, reader, test),
        "examples": _mistakes(test, reader.names),
    }
    return metrics, context


def _score(loaded: Any, artifacts: RunArtifacts, reader: LabelReader, batch_size: int) -> Scored:
    """Score the test part with the export's own graph, from the shards."""
    parts: list[tuple[Any, ...]] = []
    files = shard_files(artifacts, "test")
    total = read_figures(artifacts.stats)["examples_by_split"]["test"]
    with counting("evaluate", "titles", total) as progress:
        for serialised in read_examples(files, None, batch_size=batch_size):
            found = loaded.score_examples(serialised)
            parsed = parse_examples(serialised, (TITLE, *reader.features))
            label, counts = reader(parsed)
            keep = counts.numpy() > 0
            rows = (parsed[TITLE], label, found["classes"], found["probabilities"])
            parts.append(tuple(tensor.numpy()[keep] for tensor in rows))
            progress(len(keep))
    titles, labels, classes, probabilities = (np.concatenate(c) for c in zip(*parts, strict=True))
    return Scored(_decoded(titles), labels, classes, probabilities)


def _baselines(
    settings: Settings, artifacts: RunArtifacts, reader: LabelReader, test: Scored
) -> dict[str, float]:
    rows = settings.evaluation.baseline_rows
    titles, labels = _titles_and_labels(artifacts, reader, "train", rows)
    counts = np.bincount(labels, minlength=len(reader.names))
    found = {"majority class": majority_accuracy(test.labels, counts)}
    if settings.evaluation.linear_baseline and len(np.unique(labels)) > 1:
        of_test = (test.titles[:rows], test.labels[:rows])
        name = f"linear model, {len(titles):,} titles"
        found[name] = linear_accuracy((titles, labels), of_test, settings.training.seed)
    return found


def _titles_and_labels(
    artifacts: RunArtifacts, reader: LabelReader, split: Split, rows: int
) -> tuple[list[str], np.ndarray]:
    """Return the first titles of a part and their labels; the shards are in chance order."""
    titles, labels = [], []
    files = shard_files(artifacts, split)
    for batch in read_examples(files, (TITLE, *reader.features), batch_size=8192, rows=rows):
        label, counts = reader(batch)
        keep = counts.numpy() > 0
        titles.append(batch[TITLE].numpy()[keep])
        labels.append(label.numpy()[keep])
    return _decoded(np.concatenate(titles)), np.concatenate(labels)


def _mistakes(test: Scored, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return wrong answers, the surest first: what the report shows beside the confusions."""
    wrong = np.flatnonzero(test.classes[:, 0] != test.labels)
    surest = wrong[np.argsort(-test.probabilities[wrong, 0], kind="stable")][:_SHOWN_MISTAKES]
    return [
        {
            "title": test.titles[row],
            "true": names[test.labels[row]],
            "predicted": names[test.classes[row, 0]],
            "probability": round(float(test.probabilities[row, 0]), 4),
        }
        for row in surest.tolist()
    ]


def _seconds(artifacts: RunArtifacts, model: str) -> dict[str, float]:
    stages = {"preprocess": artifacts.tfrecords, "train": artifacts.exports(model)}
    found = {stage: read_manifest(folder) for stage, folder in stages.items()}
    return {stage: manifest.seconds for stage, manifest in found.items() if manifest}


def _main_figures(
    metrics: Mapping[str, Any], context: Mapping[str, Any], report: str
) -> dict[str, Any]:
    top = f"top_{metrics['top_k']}_accuracy"
    kept = ("examples", "accuracy", "macro_f1", "weighted_f1", top, "expected_calibration_error")
    figures = {key: metrics[key] for key in kept if key in metrics}
    return {**figures, "baselines": context["baselines"], "report": report}


def _plain(figures: Mapping[str, Any]) -> dict[str, int]:
    return {name: value for name, value in figures.items() if isinstance(value, int)}


def _decoded(titles: np.ndarray) -> list[str]:
    return [title.decode("utf-8", "replace") for title in titles.tolist()]
