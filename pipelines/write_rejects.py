"""The door for rejects as a step: batches of `REJECTED` become Parquet files."""

from __future__ import annotations

import apache_beam as beam
import pyarrow as pa

import transforms.batches  # noqa: F401  registers the coder of record batches
from pipelines.rejects import by_source, write_rejects


class WriteRejects(beam.PTransform):
    """Write batches of `REJECTED` to `<folder>/part-NNNNN-of-NNNNN.parquet`; gives their counts.

    Rows are kept together by source, sorted by source and line: the same rejects, the same files.
    """

    def __init__(self, folder: str, parts: int) -> None:
        super().__init__()
        self._folder, self._parts = folder, parts

    def expand(self, rejects: beam.PCollection) -> beam.PCollection:
        return (
            rejects
            | "Cut by source"
            >> beam.FlatMap(by_source, self._parts).with_output_types(tuple[int, pa.RecordBatch])
            | "Group by source" >> beam.GroupByKey()
            | "Write the rejects" >> beam.Map(write_rejects, self._folder, self._parts)
        )
