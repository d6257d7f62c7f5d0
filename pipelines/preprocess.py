"""From category files to training examples, the transform function, statistics and rejects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow_transform.beam as tft_beam

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.loading import fingerprint
from configs.settings import Settings
from pipelines import storage
from pipelines.category_files import (
    CategoryFile,
    ReadCategoryFiles,
    empty_titles,
    find_category_files,
)
from pipelines.progress import ProgressLog, show_progress
from pipelines.rejects import WriteRejects, count_reasons
from pipelines.runner import pipeline_options
from pipelines.stage import Outcome, run_stage
from pipelines.statistics import read_figures, write_seen_ngrams, write_statistics
from pipelines.write_examples import SEEN, WriteExamples
from transforms.categories import Taxonomy, make_taxonomy
from transforms.column_steps import AddTrainColumns
from transforms.features import (
    ALONG,
    input_config,
    make_preprocessing_fn,
    part_batch,
    text_config,
    vocabulary_batch,
)
from transforms.graphs import cleaning_of
from transforms.seen_ngrams import MergeSeen
from transforms.title_steps import (
    REJECTS,
    STATS,
    AddCounters,
    CleanTitles,
    CountTokens,
    DistinctTitles,
)


def preprocess(
    settings: Settings,
    artifacts: RunArtifacts,
    input_root: str,
    *,
    beam_arguments: Sequence[str] = (),
    force: bool = False,
) -> Outcome:
    """Run the stage; return its manifest, whose figures are `statistics.read_figures`'.

    Raises `UsageError` for an input without a file, a file without a category, an unknown option.
    """
    options = pipeline_options(settings.pipeline, beam_arguments)
    files, input_fingerprint, size = find_category_files(input_root, settings)
    folders = {
        "tfrecords": artifacts.tfrecords,
        "transform_fn": artifacts.transform_fn,
        "stats": artifacts.stats,
        "rejected": artifacts.rejected,
    }

    def body(work: str) -> dict[str, Any]:
        log = ProgressLog(None if storage.is_remote(work) else f"{work}/progress.log")
        with (
            show_progress("preprocess", log, {}),
            beam.Pipeline(options=options) as pipeline,
        ):
            build(pipeline, files, settings, work, log)
        figures = {"files": len(files), "bytes": size, **read_figures(f"{work}/stats")}
        if not figures["examples"]:
            raise UsageError(
                f"--input {input_root}: none of {figures['records']} records became an example; "
                "see why under rejected/ after correcting source.columns, or name another folder"
            )
        return figures

    return run_stage(
        "preprocess",
        body,
        folders=folders,
        work=artifacts.work,
        input_fingerprint=input_fingerprint,
        config_fingerprint=preprocess_fingerprint(settings),
        force=force,
    )


def preprocess_fingerprint(settings: Settings) -> str:
    """Fingerprint what the examples depend on; the runner and its workers are not among it.

    Nor is how wide a model's embedding of a column is.
    """
    features = settings.features.model_dump(
        mode="json", exclude={"columns": {"__all__": {"embedding_width"}}}
    )
    return fingerprint(
        settings.source,
        settings.categories,
        settings.text,
        features,
        settings.split,
        settings.objectives,
        settings.preprocess,
    )


def build(
    pipeline: beam.Pipeline,
    files: Sequence[CategoryFile],
    settings: Settings,
    work: str,
    log: ProgressLog,
) -> None:
    """Lay out the pipeline; everything it makes lies below `work`."""
    shards = settings.preprocess.num_shards
    sources = [file.relative for file in files]
    read = (
        pipeline
        | "List the files" >> beam.Create(list(files))
        | "Spread the files" >> beam.Reshuffle()
        | "Read the records"
        >> ReadCategoryFiles(settings.source, settings.categories, log, settings.features.columns)
    )
    cleaned = read.read | "Clean the titles" >> CleanTitles(
        settings.text, settings.split.key, settings.preprocess.batch_rows
    )
    distinct = cleaned.cleaned | "Keep distinct titles" >> DistinctTitles(shards)
    vocabulary = distinct.titles | "Count the tokens" >> CountTokens(
        settings.features.tokens, settings.split
    )
    taxonomy = distinct[STATS] | "Find the categories" >> FindTaxonomy(settings)
    rejects = (
        read[REJECTS],
        cleaned[REJECTS] | "Name empty titles" >> beam.Map(empty_titles, sources),
    ) | "All rejects" >> beam.Flatten()
    rejects | "Keep the rejects" >> WriteRejects(f"{work}/rejected", shards)
    transformed = (distinct.titles, vocabulary) | "Make features" >> MakeFeatures(
        settings, f"{work}/transform_fn", f"{work}/tft"
    )
    written = transformed | "Write the examples" >> WriteExamples(
        settings, taxonomy, f"{work}/tfrecords", log
    )
    (
        written[SEEN]
        | "All n-grams seen" >> beam.CombineGlobally(MergeSeen())
        | ("Keep the n-grams seen" >> beam.Map(write_seen_ngrams, folder=f"{work}/stats"))
    )
    counts = (
        (
            distinct[STATS],
            written.counts,
            read.read | "Count the records" >> beam.Map(_count_read),
            rejects | "Count the rejects" >> beam.Map(count_reasons),
        )
        | "All counts" >> beam.Flatten()
        | "Add them up" >> beam.CombineGlobally(AddCounters())
    )
    counts | "Write the statistics" >> beam.Map(
        write_statistics,
        beam.pvalue.AsSingleton(taxonomy),
        beam.pvalue.AsSingleton(vocabulary),
        folder=f"{work}/stats",
        level=settings.objectives.exclusive.level,
    )


def _count_read(batch: pa.RecordBatch) -> Counter:
    return Counter({("read",): batch.num_rows})


class FindTaxonomy(beam.PTransform):
    """Collect the categories that occur in counters into one `Taxonomy`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        levels = settings.categories.levels.items()
        self._separator = settings.categories.separator
        self._rules = {level: (rule.part, rule.min_parts) for level, rule in levels}

    def expand(self, counters: beam.PCollection) -> beam.PCollection:
        return (
            counters
            | "Add up" >> beam.CombineGlobally(AddCounters())
            | "Build the tree" >> beam.Map(_taxonomy_of, self._separator, self._rules)
        )


def _taxonomy_of(counts: Counter, separator: str, rules: dict[str, tuple[int, int]]) -> Taxonomy:
    names = (key[1] for key in counts if key[0] == "category_titles")
    return make_taxonomy(names, separator, rules)


class MakeFeatures(beam.PTransform):
    """Learn the transform function from the vocabulary, write it, and apply it to the titles.

    Takes pairs of a part and a batch of `titles.DISTINCT`, and the one batch of `TOKEN_COUNTS`.
    Gives one batch a part: `title`, `key`, `part`, `categories`, `tokens`, `ngrams`, all lists.
    """

    def __init__(self, settings: Settings, folder: str, temporary: str) -> None:
        super().__init__()
        features = settings.features
        self._folder, self._temporary = folder, temporary
        self._preprocessing_fn = make_preprocessing_fn(
            vocabulary_size=features.tokens.vocabulary_size,
            length=features.tokens.length,
            strip=features.tokens.strip,
            separate=features.tokens.separate,
            sizes=features.ngrams.sizes,
            buckets=features.ngrams.buckets,
            columns=features.columns,
            clean=cleaning_of(settings.text),
        )
        self._columns, self._split = features.columns, settings.split

    def expand(self, inputs: tuple[beam.PCollection, beam.PCollection]) -> beam.PCollection:
        titles, vocabulary = inputs
        with tft_beam.Context(temp_dir=self._temporary, passthrough_keys=set(ALONG)):
            tokens = vocabulary | "Rank the tokens" >> beam.Map(
                lambda counts: vocabulary_batch(counts.column("token"))
            )
            if self._columns:
                tokens = (tokens, titles) | "Add the columns" >> AddTrainColumns(
                    self._columns, self._split
                )
            transform_fn = (tokens, input_config(self._columns)) | "Learn" >> (
                tft_beam.AnalyzeDataset(self._preprocessing_fn)
            )
            transform_fn | "Write the transform function" >> tft_beam.WriteTransformFn(self._folder)
            rows = titles | "Take the texts" >> beam.Map(part_batch, list(self._columns))
            transformed, _ = ((rows, text_config(self._columns)), transform_fn) | "Apply" >> (
                tft_beam.TransformDataset(output_record_batches=True)
            )
        return transformed | "Take the batch" >> beam.Map(lambda element: element[0])
