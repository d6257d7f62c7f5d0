"""Write rejected rows: where each was, why, and its raw bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

import transforms.batches  # noqa: F401  registers the coder of record batches
from pipelines import storage
from pipelines.category_files import REJECTED


class WriteRejects(beam.PTransform):
    """Write batches of `REJECTED` to `<folder>/part-NNNNN-of-NNNNN.parquet`; gives their counts.

    Rows are kept together by source and sorted by source and line: the same rejects, the same files.
    """

    def __init__(self, folder: str, parts: int) -> None:
        super().__init__()
        self._folder, self._parts = folder, parts

    def expand(self, rejects: beam.PCollection) -> beam.PCollection:
        return (
            rejects
            | "Cut by source"
            >> beam.FlatMap(_by_source, self._parts).with_output_types(tuple[int, pa.RecordBatch])
            | "Group by source" >> beam.GroupByKey()
            | "Write the rejects" >> beam.Map(_write, self._folder, self._parts)
        )


def _by_source(batch: pa.RecordBatch, parts: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    for source in batch.column("source").unique():
        rows = batch.filter(pa.compute.equal(batch.column("source"), source))
        yield zlib.crc32(source.as_py().encode("utf-8", "surrogateescape")) % parts, rows


def _write(element: tuple[int, Iterable[pa.RecordBatch]], folder: str, parts: int) -> int:
    part, batches = element
    table = pa.Table.from_batches(list(batches), REJECTED)
    table = table.sort_by([("source", "ascending"), ("line", "ascending"), ("raw", "ascending")])
    path = f"{folder}/part-{part:05d}-of-{parts:05d}.parquet"
    with storage.open_output(path) as file:
        pq.write_table(table, file)
    return table.num_rows
