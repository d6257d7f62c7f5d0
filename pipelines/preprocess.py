"""From category files to training examples, the transform function, statistics and rejects."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

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
from pipelines.cleaned_files import COUNTS, ReadCleanedFiles, entry_names, known_entries
from pipelines.known_tokens import CountChanges
from pipelines.learn_features import FindTaxonomy, MakeFeatures
from pipelines.made_with import write_made_with
from pipelines.progress import ProgressLog, show_progress
from pipelines.rejects import WriteRejects, count_reasons
from pipelines.runner import check_shared, is_on_this_machine, pipeline_options, running
from pipelines.stage import Outcome, run_stage
from pipelines.statistics import (
    read_figures,
    why_no_example,
    write_seen_ngrams,
    write_statistics,
)
from pipelines.write_examples import SEEN, WriteExamples
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
    check_shared(options, {"--input": input_root, "--prefix": artifacts.prefix})
    files, input_fingerprint, size = find_category_files(input_root, settings)
    cache, shards = _cache(settings, artifacts), settings.preprocess.shards_of(size)
    folders = {
        "tfrecords": artifacts.tfrecords,
        "transform_fn": artifacts.transform_fn,
        "stats": artifacts.stats,
        "rejected": artifacts.rejected,
    }

    def body(work: str) -> dict[str, Any]:
        here = is_on_this_machine(options) and not storage.is_remote(work)
        log = ProgressLog(f"{work}/progress.log" if here else None)
        taken = {"files_known": _known(files, settings, cache.cleaned_files)} if cache else {}
        with (
            transform_folders(work, options) as learned,
            show_progress("preprocess", log, {}),
            running(options, settings.pipeline, work) as pipeline,
        ):
            build(pipeline, files, settings, shards, work, log, learned, cache)
        work_stats = f"{work}/stats"
        write_made_with(settings, work_stats)
        figures = {"files": len(files), **taken, "bytes": size, **read_figures(work_stats)}
        if not figures["examples"]:
            raise UsageError(
                f"--input {input_root}: none of {figures['records']} records became an example "
                f"({why_no_example(work_stats, settings.objectives.exclusive.level)}); correct "
                "source or categories in the config, or name another folder"
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


def _known(files: Sequence[CategoryFile], settings: Settings, cache: str) -> int:
    """Return of how many files an earlier run has left what it made."""
    known = known_entries(cache)
    return sum(name in known for name in entry_names(files, settings))


def plan_preprocess(
    settings: Settings,
    artifacts: RunArtifacts,
    input_root: str,
    folder: str,
    *,
    beam_arguments: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the Dataflow job that `preprocess` would start to a folder; return what is in it."""
    from pipelines.dry_run import TEMPORARY, dry_run_options, write_job

    options = dry_run_options(pipeline_options(settings.pipeline, beam_arguments))
    check_shared(options, {"--input": input_root, "--prefix": artifacts.prefix})
    files, _, size = find_category_files(input_root, settings)
    work = f"{artifacts.work}/preprocess"
    pipeline = beam.Pipeline(options=options)
    learned = (f"{work}/transform_fn", TEMPORARY)
    cache, shards = _cache(settings, artifacts), settings.preprocess.shards_of(size)
    build(pipeline, files, settings, shards, work, ProgressLog(), learned, cache)
    return write_job(pipeline, folder)


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
        settings.preprocess.model_dump(mode="json", exclude={"incremental"}),
    )


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
    cache: RunArtifacts | None = None,
) -> None:
    """Lay out the pipeline; everything it makes lies below `work`, or in the `learned` folders.

    `cache` says where what earlier runs made of files and parts is, and is put.
    """
    if cache is None:
        cleaned, rejects, read = _read_and_clean(pipeline, files, settings, shards, log)
    else:
        cleaned, rejects, read = _read_or_take(pipeline, files, settings, log, cache.cleaned_files)
    distinct = cleaned | "Keep distinct titles" >> DistinctTitles(shards)
    tokens, split = settings.features.tokens, settings.split
    count = CountChanges(tokens, split, shards, cache.counted_tokens) if cache else None
    vocabulary = distinct.titles | "Count the tokens" >> CountTokens(tokens, split, count)
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


def _cache(settings: Settings, artifacts: RunArtifacts) -> RunArtifacts | None:
    """Return where what earlier runs made of whole files is kept, if they are to be used."""
    shape = settings.preprocess
    return artifacts if shape.incremental and shape.rows is None else None


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
    read = (
        pipeline
        | "List the files" >> beam.Create(list(files))
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
