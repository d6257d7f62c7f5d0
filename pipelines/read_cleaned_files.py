"""Files that are cleaned, or were before, as a step: see `cleaned_files`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from configs.settings import Settings
from pipelines.category_files import CategoryFile
from pipelines.cleaned_files import CleanedFile, FileCleaner, with_file
from pipelines.progress import ProgressLog
from transforms.overlap import OverlappedDoFn
from transforms.title_steps import REJECTS

COUNTS = "counts"


class ReadCleanedFiles(beam.PTransform):
    """Turn pairs of a file and the name of its entry into batches of `CLEANED`.

    The output `rejects` holds batches of `REJECTED`, `counts` counters as `AddCounters` takes them.
    """

    def __init__(self, settings: Settings, folder: str, progress: ProgressLog) -> None:
        super().__init__()
        self._do_fn = _ReadCleanedFile(FileCleaner.of(settings, folder), progress)

    def expand(self, files: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return files | beam.ParDo(self._do_fn).with_outputs(REJECTS, COUNTS, main="cleaned")


class _ReadCleanedFile(OverlappedDoFn):
    def __init__(self, cleaner: FileCleaner, progress: ProgressLog) -> None:
        self._cleaner, self._progress = cleaner, progress

    def work(self, element: tuple[CategoryFile, str]) -> list[Any]:
        file, name = element
        found = self._cleaner.take(file, name)
        self._progress.add("records read", found.records)
        return list(_outputs(found, file.number))


def _outputs(found: CleanedFile, number: int) -> Iterator[Any]:
    for batch in found.titles:
        yield with_file(batch, number)
    for rejects in found.rejects:
        yield beam.pvalue.TaggedOutput(REJECTS, rejects)
    yield beam.pvalue.TaggedOutput(COUNTS, Counter({("read",): found.read}))
