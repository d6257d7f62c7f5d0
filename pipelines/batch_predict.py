"""From a product dump to Parquet: a label for each product, with where it comes from."""

from __future__ import annotations

import datetime
import functools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.artifacts import RunArtifacts
from configs.columns import ColumnFeatures, read_columns
from configs.errors import UsageError
from configs.loading import fingerprint
from configs.rules import RuleBook, load_rules
from configs.settings import DumpSettings, Settings
from pipelines import storage
from pipelines.dumps import DUMP_ROWS, REJECTS, DumpFile, ReadDump, find_dump_files
from pipelines.progress import ProgressLog, show_progress
from pipelines.rejects import WriteRejects, count_reasons
from pipelines.runner import pipeline_options
from pipelines.stage import Outcome, require_manifest, run_stage
from transforms.overlap import OverlappedDoFn
from transforms.predictions import PREDICTIONS, Provenance, last_rows, predictions_batch
from transforms.rules import RULED_PREDICTIONS, apply_rules, report
from transforms.title_steps import AddCounters
from transforms.titles import cut_by_key

_COUNTS = "counts.json"
RULES_REPORT = "rules.json"
_NO_INPUTS = {*DUMP_ROWS.names, "key"}


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

    Raises `UsageError` where the model is not exported, or the dump cannot be read.
    """
    options = pipeline_options(settings.pipeline, beam_arguments)
    export = artifacts.exports(model)
    require_manifest(export, "train")
    provenance, features = _provenance(export), _features(export)
    book = load_rules(settings.dump.rules) if settings.dump.rules else None
    rules = in_force(book, features) if book else None
    files, dump_fingerprint = find_dump_files(dump, settings.dump, features)

    def body(work: str) -> dict[str, Any]:
        log = ProgressLog(None if storage.is_remote(work) else f"{work}/progress.log")
        with (
            show_progress("predict", log, {}),
            beam.Pipeline(options=options) as pipeline,
        ):
            model_path = f"{export}/model"
            build(
                pipeline, files, settings.dump, model_path, provenance, work, log, features, rules
            )
        counts = json.loads(storage.read_bytes(f"{work}/{_COUNTS}"))
        figures = _figures(counts, provenance)
        if rules:
            told = report(_rule_counts(counts), rules.rules, rules.version)
            storage.write_bytes(f"{work}/predictions/{RULES_REPORT}", _json(told))
            figures["rules"] = {name: told[name] for name in ("version", "never_fire", "disagree")}
        return figures

    return run_stage(
        "predict",
        body,
        folders={"predictions": artifacts.predictions(dump_id)},
        work=f"{artifacts.work}/{dump_id}",
        input_fingerprint=dump_fingerprint,
        config_fingerprint=fingerprint(
            settings.dump, vars(provenance), *([rules] if rules else [])
        ),
        force=force,
    )


def in_force(book: RuleBook, features: ColumnFeatures) -> RuleBook:
    """Return the rules that hold today; raise `UsageError` for a column that is not read."""
    for rule in book.rules:
        for column in rule.column_is:
            if column not in features:
                raise UsageError(
                    f"rule {rule.name!r}: column_is names {column!r}, but the model reads only "
                    f"{sorted(features) or 'the title'}; name it in features.columns and train"
                )
    today = datetime.datetime.now(datetime.UTC).date()
    return book.model_copy(update={"rules": book.in_force(today)})


def _rule_counts(counts: dict[str, int]) -> Counter[tuple[str, ...]]:
    named = ((key.split(":"), count) for key, count in counts.items())
    return Counter({tuple(key[1:]): count for key, count in named if key[0] == "rule"})


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _provenance(export: str) -> Provenance:
    found = json.loads(storage.read_bytes(f"{export}/model.json"))
    return Provenance(
        run_id=found["run_id"],
        model=found["model"],
        model_fingerprint=found["model_fingerprint"],
        config_fingerprint=found["config_fingerprint"],
        transform_fingerprint=found["transform_fingerprint"],
    )


def _features(export: str) -> ColumnFeatures:
    """Return the features that a model takes beside the title, as `features.columns` said them."""
    return read_columns(json.loads(storage.read_bytes(f"{export}/model.json")))


def _figures(counts: dict[str, int], provenance: Provenance) -> dict[str, Any]:
    rejected = sum(n for key, n in counts.items() if key.startswith("rejected"))
    rows = counts.get("rows", 0) + rejected
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
) -> None:
    """Lay out the pipeline; everything it makes lies below `work`."""
    shards = settings.num_shards
    read = (
        pipeline
        | "List the files" >> beam.Create(list(files))
        | "Spread the files" >> beam.Reshuffle()
        | "Read the rows" >> ReadDump(settings, log, features)
    )
    counts = (
        read.rows
        | "Hash the ids"
        >> beam.ParDo(_CutById(shards)).with_output_types(tuple[int, pa.RecordBatch])
        | "Group by id" >> beam.GroupByKey()
        | "Predict and write"
        >> beam.ParDo(_PredictPart(model, provenance, settings, f"{work}/predictions", log, rules))
    )
    rejects = read[REJECTS]
    rejects | "Keep the rejects" >> WriteRejects(f"{work}/predictions/rejected", shards)
    (
        (
            counts,
            read.rows | "Count the rows" >> beam.Map(lambda b: Counter({("rows",): b.num_rows})),
            rejects | "Count the rejects" >> beam.Map(count_reasons),
        )
        | "All counts" >> beam.Flatten()
        | "Add them up" >> beam.CombineGlobally(AddCounters())
        | "Write the counts" >> beam.Map(_write_counts, f"{work}/{_COUNTS}")
    )


class _CutById(OverlappedDoFn):
    """Adds the keyed hash of the id as `key`, and cuts the batch by it."""

    def __init__(self, parts: int) -> None:
        self._parts = parts

    def work(self, batch: pa.RecordBatch) -> list[tuple[int, pa.RecordBatch]]:
        from transforms.graphs import hash_graph, to_tensor

        keys = hash_graph()(to_tensor(batch.column("id")))
        keyed = batch.append_column("key", pa.array(keys.numpy()))
        return list(cut_by_key(keyed, self._parts))


class _PredictPart(OverlappedDoFn):
    """Keeps the last row of each id, scores its title, and writes one Parquet file a part."""

    def __init__(
        self,
        model: str,
        provenance: Provenance,
        settings: DumpSettings,
        folder: str,
        log: ProgressLog,
        rules: RuleBook | None = None,
    ) -> None:
        self._rules = rules
        self._model, self._provenance, self._folder = model, provenance, folder
        self._of, self._batch_rows, self._log = settings.num_shards, settings.batch_rows, log
        self._top_k = settings.top_k

    def setup(self) -> None:
        load_classifier(self._model)

    def work(self, element: tuple[int, Iterable[pa.RecordBatch]]) -> list[Counter]:
        part, batches = element
        rows = pa.Table.from_batches(list(batches)).combine_chunks().to_batches()[0]
        kept = last_rows(rows)
        path = f"{self._folder}/part-{part:05d}-of-{self._of:05d}.parquet"
        schema = RULED_PREDICTIONS if self._rules else PREDICTIONS
        counts: Counter[tuple[str, ...]] = Counter()
        with storage.open_output(path) as file, pq.ParquetWriter(file, schema) as writer:
            for begin in range(0, kept.num_rows, self._batch_rows):
                batch = kept.slice(begin, self._batch_rows)
                found = score(batch, self._model, self._top_k, self._provenance)
                if self._rules:
                    book = self._rules
                    found, did = apply_rules(batch, found, book.rules, book.version)
                    counts.update({("rule", *key): count for key, count in did.items()})
                writer.write_batch(found)
                self._log.add("titles labelled", batch.num_rows)
        names = load_classifier(self._model)[1].to_pylist()
        counts["taxonomy", fingerprint({"names": names})] = 1
        counts["predictions",] = kept.num_rows
        counts["repeated_ids",] = rows.num_rows - kept.num_rows
        return [counts]


def score(rows: pa.RecordBatch, model: str, top_k: int, provenance: Provenance) -> pa.RecordBatch:
    """Return the predictions of rows with `id` and `title`, as a batch of `PREDICTIONS`.

    Further columns are what the model takes beside the title, by the names of its inputs.
    """
    from transforms.graphs import hash_graph, to_tensor

    classifier, names = load_classifier(model)
    titles = to_tensor(rows.column("title"))
    further = {
        name: values.to_numpy() if pa.types.is_floating(values.type) else to_tensor(values)
        for name, values in zip(rows.schema.names, rows.columns, strict=True)
        if name not in _NO_INPUTS
    }
    found = classifier(title=titles, **further)
    return predictions_batch(
        rows.column("id"),
        hash_graph()(titles).numpy(),
        found["classes"].numpy()[:, :top_k],
        found["probabilities"].numpy()[:, :top_k],
        names,
        provenance,
    )


@functools.cache
def load_classifier(model: str) -> tuple[Any, pa.Array]:
    """Load an export once a process; return its scoring signature and its class names."""
    import tensorflow as tf

    loaded = tf.saved_model.load(model)
    names = pa.array(np.char.decode(loaded.names.numpy().astype(bytes), "utf-8").tolist())
    score_signature = loaded.signatures["score"]
    score_signature.keep_alive = loaded  # the signature alone does not hold its variables
    return score_signature, names


def _write_counts(counts: Counter, path: str) -> None:
    plain = {":".join(map(str, key)): count for key, count in counts.items()}
    storage.write_bytes(path, json.dumps(plain).encode())
