"""Product dumps into a Beam pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import apache_beam as beam
import pyarrow as pa

from configs.columns import ColumnFeature
from configs.dump import DumpSettings
from pipelines.dumps import DumpFile, read_dump_file
from pipelines.progress import ProgressLog
from pipelines.rejects import rejects_batch

REJECTS = "rejects"


class ReadDump(beam.PTransform):
    """Read files into batches of `DUMP_ROWS`; the output `rejects` holds batches of rejects."""

    def __init__(
        self,
        settings: DumpSettings,
        progress: ProgressLog,
        features: Mapping[str, ColumnFeature] | None = None,
    ) -> None:
        super().__init__()
        self._do_fn = _ReadDumpFile(settings, progress, features or {})

    def expand(self, files: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return files | beam.ParDo(self._do_fn).with_outputs(REJECTS, main="rows")


class _ReadDumpFile(beam.DoFn):
    def __init__(
        self,
        settings: DumpSettings,
        progress: ProgressLog,
        features: Mapping[str, ColumnFeature],
    ) -> None:
        self._settings, self._progress, self._features = settings, progress, features

    def process(self, file: DumpFile) -> Iterator[pa.RecordBatch | beam.pvalue.TaggedOutput]:
        for batch, rejects in read_dump_file(file, self._settings, self._features):
            self._progress.add("rows read", batch.num_rows + len(rejects))
            if batch.num_rows:
                yield batch
            if rejects:
                yield beam.pvalue.TaggedOutput(REJECTS, rejects_batch(rejects))
