"""The door for category files as a step: from a list of files to batches of titles and rejects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import apache_beam as beam
import pyarrow as pa

from configs.categories import CategorySettings
from configs.columns import ColumnFeature
from configs.settings import SourceSettings
from pipelines.category_files import CategoryFile, first_records, read_category_file
from pipelines.progress import ProgressLog
from pipelines.rejects import rejects_batch
from transforms.title_steps import REJECTS


class ReadCategoryFiles(beam.PTransform):
    """Read files into batches of `READ`; the output `rejects` holds batches of `REJECTED`.

    `first`: take only so many records of each file.
    """

    def __init__(
        self,
        source: SourceSettings,
        categories: CategorySettings,
        progress: ProgressLog,
        features: Mapping[str, ColumnFeature] | None = None,
        first: int | None = None,
    ) -> None:
        super().__init__()
        self._do_fn = _ReadCategoryFile(source, categories, progress, features or {}, first)

    def expand(self, files: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return files | beam.ParDo(self._do_fn).with_outputs(REJECTS, main="read")


class _ReadCategoryFile(beam.DoFn):
    def __init__(
        self,
        source: SourceSettings,
        categories: CategorySettings,
        progress: ProgressLog,
        features: Mapping[str, ColumnFeature],
        first: int | None,
    ) -> None:
        self._source, self._categories, self._progress = source, categories, progress
        self._features, self._first = features, first

    def process(self, file: CategoryFile) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
        read = read_category_file(file, self._source, self._categories, self._features)
        for batch, rejects in read if self._first is None else first_records(read, self._first):
            self._progress.add("records read", batch.num_rows + len(rejects))
            if batch.num_rows:
                yield batch
            if rejects:
                yield beam.pvalue.TaggedOutput(REJECTS, rejects_batch(rejects))
