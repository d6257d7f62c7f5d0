"""From a product dump to Parquet: a label for each product, with where it comes from."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from configs.artifacts import RunArtifacts
from configs.columns import ColumnFeatures, read_columns
from configs.dump import DumpSettings
from configs.errors import UsageError
from configs.loading import fingerprint
from configs.rules import RuleBook
from configs.settings import Settings
from pipelines import storage
from pipelines.dumps import DumpFile, dump_fingerprint, find_dump_files, parts_of
from pipelines.exports import require_export
from pipelines.known_scores import SCORED_BY, earlier_parts, scored_by
from pipelines.predict_parts import CutById, PredictPart
from pipelines.progress import ProgressLog, show_progress
from pipelines.read_dump import REJECTS, ReadDump
from pipelines.rejects import count_reasons, most_frequent, with_reason
from pipelines.rules_of_today import RulesOfToday, rules_of_today, warn_of_unknown
from pipelines.run_files import read_description, read_label_names
from pipelines.runner import check_shared, is_on_this_machine, pipeline_options, running
from pipelines.stage import Outcome, run_stage
from pipelines.write_rejects import WriteRejects
from transforms.csv_records import NO_WORD
from transforms.predictions import Provenance
from transforms.title_steps import AddCounters

_COUNTS = "counts.json"
RULES_REPORT = "rules.json"


def batch_predict(
    settings: Settings,
    artifacts: RunArtifacts,
    dump: str,
    dump_id: str,
    model: str,
    *,
    beam_arguments: Sequence[str] = (),
    force: bool = False,
) -> Outcome:
    """Run the stage on the dump with the export named `model`; return its manifest.

    Raises `UsageError` where the model is not exported, the dump cannot be read, or not one of its
    rows gets a label.
    """
    options = _options(settings, artifacts, dump, beam_arguments)
    export, provenance, features, rules = _model(settings, artifacts, model)
    book = rules.book if rules else None
    files = find_dump_files(dump, settings.dump, features)
    reuse = settings.dump.reuse_scores and not features

    def body(work: str) -> dict[str, Any]:
        scorer = scored_by(export) if reuse else ""
        earlier = earlier_parts(artifacts, dump_id, scorer) if reuse else []
        here = is_on_this_machine(options) and not storage.is_remote(work)
        log = ProgressLog(f"{work}/progress.log" if here else None)
        unknown = rules.unknown_labels(read_label_names(f"{export}/model")) if rules else []
        warn_of_unknown(unknown)
        with (
            show_progress("predict", log, {}),
            running(options, settings.pipeline, work) as pipeline,
        ):
            model_path = f"{export}/model"
            build(
                pipeline,
                files,
                settings.dump,
                model_path,
                provenance,
                work,
                log,
                features,
                book,
                earlier,
            )
        counts = json.loads(storage.read_bytes(f"{work}/{_COUNTS}"))
        _check_some_labelled(dump, counts)
        rejects = f"{artifacts.predictions(dump_id)}/rejected"
        figures = with_reason(_figures(counts, provenance), _reasons(counts), rejects)
        if reuse:
            figures |= {"scored_before": counts.get("reused", 0), SCORED_BY: scorer}
        if rules:
            told = rules.report(counts, unknown)
            storage.write_bytes(f"{work}/predictions/{RULES_REPORT}", _json(told))
            figures["rules"] = {name: told[name] for name in told if name != "rules"}
        return figures

    return run_stage(
        "predict",
        body,
        folders={"predictions": artifacts.predictions(dump_id)},
        work=f"{artifacts.work}/{dump_id}",
        input_fingerprint=dump_fingerprint(files),
        config_fingerprint=_fingerprint(settings.dump, provenance, book),
        force=force,
        renamed_by="--dump-id",
    )


def predict_fingerprint(settings: Settings, artifacts: RunArtifacts, model: str) -> str:
    """Fingerprint what the labels of a dump hang on beside it: settings, export, rules of today."""
    _, provenance, _, rules = _model(settings, artifacts, model)
    return _fingerprint(settings.dump, provenance, rules.book if rules else None)


def _fingerprint(settings: DumpSettings, provenance: Provenance, rules: RuleBook | None) -> str:
    of_dump = settings.model_dump(mode="json", exclude={"reuse_scores"})
    return fingerprint(of_dump, vars(provenance), *([rules] if rules else []))


def plan_predict(
    settings: Settings,
    artifacts: RunArtifacts,
    dump: str,
    dump_id: str,
    model: str,
    folder: str,
    *,
    beam_arguments: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the Dataflow job that `batch_predict` would start to a folder; return what is in it."""
    from pipelines.dry_run import dry_run_options, write_job

    options = dry_run_options(_options(settings, artifacts, dump, beam_arguments))
    export, provenance, features, rules = _model(settings, artifacts, model)
    files = find_dump_files(dump, settings.dump, features)
    work = f"{artifacts.work}/{dump_id}/predict"
    pipeline = beam.Pipeline(options=options)
    model_path, log = f"{export}/model", ProgressLog()
    book = rules.book if rules else None
    build(pipeline, files, settings.dump, model_path, provenance, work, log, features, book)
    return write_job(pipeline, folder)


def _options(
    settings: Settings, artifacts: RunArtifacts, dump: str, arguments: Sequence[str]
) -> PipelineOptions:
    gpu = settings.pipeline.dataflow.predict_gpu
    options = pipeline_options(settings.pipeline, arguments, gpu=gpu)
    check_shared(options, {"--dump": dump, "--prefix": artifacts.prefix})
    return options


def _model(
    settings: Settings, artifacts: RunArtifacts, model: str
) -> tuple[str, Provenance, ColumnFeatures, RulesOfToday | None]:
    """Return an export's folder, what it says of itself, and the rules that hold for it today."""
    export = artifacts.exports(model)
    require_export(artifacts, model)
    provenance, features = _provenance(export), _features(export)
    rules = rules_of_today(settings.dump.rules, features) if settings.dump.rules else None
    return export, provenance, features, rules


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _provenance(export: str) -> Provenance:
    keys = [key.name for key in dataclasses.fields(Provenance)]
    found = read_description(export, *keys)
    return Provenance(**{key: found[key] for key in keys})


def _features(export: str) -> ColumnFeatures:
    """Return the features that a model takes beside the title, as `features.columns` said them."""
    return read_columns(read_description(export))


def _reasons(counts: dict[str, int]) -> dict[str, int]:
    """Return how many rows were rejected for each reason."""
    named = ((key.partition(":"), count) for key, count in counts.items())
    return {reason: count for (kind, _, reason), count in named if kind == "rejected"}


def _rows(counts: dict[str, int], reasons: dict[str, int]) -> int:
    """Return how many rows the dump has: those without a word were read, and rejected after."""
    return counts.get("rows", 0) + sum(reasons.values()) - reasons.get(NO_WORD, 0)


def _check_some_labelled(dump: str, counts: dict[str, int]) -> None:
    """Raise `UsageError` where there are rows, but none got a label. None at all is no error."""
    reasons = _reasons(counts)
    if reasons and not counts.get("predictions"):
        what = "got a label" if counts.get("rows") else "could be read"
        raise UsageError(
            f"--dump {dump}: none of {_rows(counts, reasons)} rows {what} (most often: "
            f"{most_frequent(reasons)}); correct dump in the config, or name another file"
        )


def _figures(counts: dict[str, int], provenance: Provenance) -> dict[str, Any]:
    reasons = _reasons(counts)
    rejected = sum(reasons.values())
    rows = _rows(counts, reasons)
    predictions = counts.get("predictions", 0)
    repeated = counts.get("repeated_ids", 0)
    if rows != predictions + rejected + repeated:
        raise RuntimeError(
            f"predict lost rows: {rows} read, {predictions} predicted, {rejected} rejected, "
            f"{repeated} repeated"
        )
    return {
        "rows": rows,
        "rejected": rejected,
        "repeated_ids": repeated,
        "predictions": predictions,
        "model": provenance.model,
        "taxonomy_version": next(
            (key.split(":")[1] for key in counts if key.startswith("taxonomy:")), None
        ),
    }


def build(
    pipeline: beam.Pipeline,
    files: Sequence[DumpFile],
    settings: DumpSettings,
    model: str,
    provenance: Provenance,
    work: str,
    log: ProgressLog,
    features: ColumnFeatures | None = None,
    rules: RuleBook | None = None,
    earlier: Sequence[str] = (),
) -> None:
    """Lay out the pipeline; everything it makes lies below `work`.

    `earlier` are files with what the same export said before.
    """
    shards = settings.shards_of(sum(file.size for file in files))
    read = (
        pipeline
        | "List the files" >> beam.Create(list(files))
        | "Cut large files" >> beam.FlatMap(parts_of, settings)
        | "Spread the files" >> beam.Reshuffle()
        | "Read the rows" >> ReadDump(settings, log, features)
    )
    predicted = (
        read.rows
        | "Hash the ids"
        >> beam.ParDo(CutById(shards)).with_output_types(tuple[int, pa.RecordBatch])
        | "Group by id" >> beam.GroupByKey()
        | "Predict and write"
        >> beam.ParDo(
            PredictPart(
                model,
                provenance,
                settings,
                [file.relative for file in files],
                shards,
                f"{work}/predictions",
                log,
                rules,
                earlier,
            )
        ).with_outputs(REJECTS, main="counts")
    )
    rejects = (read[REJECTS], predicted[REJECTS]) | "All rejects" >> beam.Flatten()
    rejects | "Keep the rejects" >> WriteRejects(f"{work}/predictions/rejected", shards)
    (
        (
            predicted.counts,
            read.rows | "Count the rows" >> beam.Map(lambda b: Counter({("rows",): b.num_rows})),
            rejects | "Count the rejects" >> beam.Map(count_reasons),
        )
        | "All counts" >> beam.Flatten()
        | "Add them up" >> beam.CombineGlobally(AddCounters())
        | "Write the counts" >> beam.Map(_write_counts, f"{work}/{_COUNTS}")
    )


def _write_counts(counts: Counter, path: str) -> None:
    plain = {":".join(map(str, key)): count for key, count in counts.items()}
    storage.write_bytes(path, json.dumps(plain).encode())
