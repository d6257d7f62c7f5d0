"""Write rejected rows: where each was, why, and its raw bytes."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines import storage
from transforms.csv_records import RejectedRow

REJECTED = pa.schema(
    [
        ("source", pa.string()),
        ("line", pa.int64()),
        ("reason", pa.string()),
        ("raw", pa.binary()),
    ]
)
NO_RECORD = "the file holds no record"
MOST_OFTEN = "rejected_most_often"


def by_source(batch: pa.RecordBatch, parts: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    for source in batch.column("source").unique():
        rows = batch.filter(pc.equal(batch.column("source"), source))
        yield zlib.crc32(source.as_py().encode("utf-8", "surrogateescape")) % parts, rows


def write_rejects(element: tuple[int, Iterable[pa.RecordBatch]], folder: str, parts: int) -> int:
    part, batches = element
    table = pa.Table.from_batches(list(batches), REJECTED)
    table = table.sort_by([("source", "ascending"), ("line", "ascending"), ("raw", "ascending")])
    path = f"{folder}/part-{part:05d}-of-{parts:05d}.parquet"
    with storage.open_output(path) as file:
        pq.write_table(table, file)
    return table.num_rows


def rejects_batch(rejects: list[RejectedRow]) -> pa.RecordBatch:
    """Return the rejects as a batch of `REJECTED`."""
    columns = zip(*rejects, strict=True)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, REJECTED, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=REJECTED)


def count_reasons(rejects: pa.RecordBatch) -> Counter:
    """Count rejects: `("rejected", reason)`, and `("empty_files",)`, which held no record."""
    found = pc.value_counts(rejects.column("reason"))
    pairs = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
    return Counter(
        {("empty_files",) if why == NO_RECORD else ("rejected", why): n for why, n in pairs}
    )


def most_frequent(reasons: Mapping[str, int]) -> str:
    """Return the reason of most rejects; of several the first by name.

    >>> most_frequent({"no title": 2, "no id": 2, "holds a NUL byte": 1})
    'no id'
    """
    return min(reasons, key=lambda reason: (-reasons[reason], reason))


def with_reason(
    figures: Mapping[str, Any], reasons: Mapping[str, int], folder: str
) -> dict[str, Any]:
    """Return a stage's figures; behind `rejected` stand the most frequent reason and the folder.

    Where nothing was rejected neither is there.
    """
    found: dict[str, Any] = {}
    for name, value in figures.items():
        found[name] = value
        if name == "rejected" and value:
            found |= {MOST_OFTEN: most_frequent(reasons), "rejects": folder}
    return found
