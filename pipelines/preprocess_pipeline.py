"""Preprocessing as a Beam pipeline, for any runner."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from configs.settings import Settings
from pipelines import storage
from pipelines.category_files import CategoryFile, empty_titles, parts_of
from pipelines.cleaned_files import entry_names
from pipelines.learn_features import FindTaxonomy, MakeFeatures
from pipelines.progress import ProgressLog
from pipelines.read_category_files import ReadCategoryFiles
from pipelines.read_cleaned_files import COUNTS, ReadCleanedFiles
from pipelines.rejects import count_reasons
from pipelines.runner import is_on_this_machine, running
from pipelines.statistics import write_seen_ngrams, write_statistics
from pipelines.vocabulary import vocabulary_of
from pipelines.write_examples import SEEN, WriteExamples
from pipelines.write_rejects import WriteRejects
from transforms.seen_steps import MergeSeen
from transforms.title_steps import (
    REJECTS,
    STATS,
    AddCounters,
    CleanTitles,
    CountTokens,
    DistinctTitles,
)


def run_pipeline(
    options: PipelineOptions,
    files: Sequence[CategoryFile],
    settings: Settings,
    shards: int,
    work: str,
    log: ProgressLog,
    cleaned: str | None,
) -> None:
    """Make everything below `work`; `cleaned` is where what is made of whole files is kept."""
    with (
        transform_folders(work, options) as learned,
        running(options, settings.pipeline, work) as pipeline,
    ):
        build(pipeline, files, settings, shards, work, log, learned, cleaned)


def plan_pipeline(
    options: PipelineOptions,
    files: Sequence[CategoryFile],
    settings: Settings,
    shards: int,
    work: str,
    folder: str,
    cleaned: str | None,
) -> dict[str, Any]:
    """Write the job that `run_pipeline` would start to a folder; return what is in it."""
    from pipelines.dry_run import TEMPORARY, dry_run_options, write_job

    pipeline = beam.Pipeline(options=dry_run_options(options))
    learned = (f"{work}/transform_fn", TEMPORARY)
    build(pipeline, files, settings, shards, work, ProgressLog(), learned, cleaned)
    return write_job(pipeline, folder)


@contextlib.contextmanager
def transform_folders(work: str, options: PipelineOptions) -> Iterator[tuple[str, str]]:
    """Give the folders that TensorFlow writes itself: the transform function, and a temporary one.

    On one machine they are on its disk, and the first is then published. The workers of a cluster
    share neither disk nor file layer there: they get the paths themselves.
    """
    learned, temporary = f"{work}/transform_fn", f"{work}/tft"
    if not is_on_this_machine(options):
        yield learned, temporary
        return
    with storage.published(learned) as here, storage.scratch(temporary) as scratch:
        yield here, scratch


def build(
    pipeline: beam.Pipeline,
    files: Sequence[CategoryFile],
    settings: Settings,
    shards: int,
    work: str,
    log: ProgressLog,
    learned: tuple[str, str],
    cache: str | None = None,
) -> None:
    """Lay out the pipeline; everything it makes lies below `work`, or in the `learned` folders.

    `cache` is the folder where what earlier runs made of whole files is, and is put.
    """
    if cache is None:
        cleaned, rejects, read = _read_and_clean(pipeline, files, settings, shards, log)
    else:
        cleaned, rejects, read = _read_or_take(pipeline, files, settings, log, cache)
    distinct = cleaned | "Keep distinct titles" >> DistinctTitles(shards)
    tokens, split = settings.features.tokens, settings.split
    vocabulary = (
        distinct.titles
        | "Count the tokens" >> CountTokens(tokens, split)
        | "Choose the vocabulary" >> beam.Map(vocabulary_of, tokens)
    )
    taxonomy = distinct[STATS] | "Find the categories" >> FindTaxonomy(settings)
    rejects | "Keep the rejects" >> WriteRejects(f"{work}/rejected", shards)
    transformed = (distinct.titles, vocabulary) | "Make features" >> MakeFeatures(
        settings, *learned
    )
    written = transformed | "Write the examples" >> WriteExamples(
        settings, shards, taxonomy, f"{work}/tfrecords", log
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
            read,
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


def _first(rows: int | None, files: int) -> int | None:
    """Return how many records a file may give, so that all give about `rows`; one at least."""
    return None if rows is None else max(1, rows // files)


_Read = tuple[beam.PCollection, beam.PCollection, beam.PCollection]


def _read_and_clean(
    pipeline: beam.Pipeline,
    files: Sequence[CategoryFile],
    settings: Settings,
    shards: int,
    log: ProgressLog,
) -> _Read:
    """Return batches of `CLEANED`, of `REJECTED`, and counters of what was read."""
    listed = pipeline | "List the files" >> beam.Create(list(files))
    if settings.preprocess.rows is None:  # else only the first of each file are read
        listed |= "Cut large files" >> beam.FlatMap(parts_of, settings.source)
    read = (
        listed
        | "Spread the files" >> beam.Reshuffle()
        | "Read the records"
        >> ReadCategoryFiles(
            settings.source,
            settings.categories,
            log,
            settings.features.columns,
            first=_first(settings.preprocess.rows, len(files)),
        )
    )
    cleaned = read.read | "Clean the titles" >> CleanTitles(
        settings.text, settings.split.key, settings.preprocess.batch_rows_of(shards)
    )
    sources = [file.relative for file in files]
    rejects = (
        read[REJECTS],
        cleaned[REJECTS] | "Name empty titles" >> beam.Map(empty_titles, sources),
    ) | "All rejects" >> beam.Flatten()
    counts = read.read | "Count the records" >> beam.Map(_count_read)
    return cleaned.cleaned, rejects, counts


def _read_or_take(
    pipeline: beam.Pipeline,
    files: Sequence[CategoryFile],
    settings: Settings,
    log: ProgressLog,
    cache: str,
) -> _Read:
    """Return the same; what an earlier run made of a file is taken from its entry."""
    names = entry_names(files, settings)
    found = (
        pipeline
        | "List the files" >> beam.Create(list(zip(files, names, strict=True)))
        | "Spread the files" >> beam.Reshuffle()
        | "Read and clean, or take" >> ReadCleanedFiles(settings, cache, log)
    )
    return found.cleaned, found[REJECTS], found[COUNTS]


def _count_read(batch: pa.RecordBatch) -> Counter:
    return Counter({("read",): batch.num_rows})
