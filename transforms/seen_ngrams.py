"""Which hashed n-grams occur in training: a bit a bucket.

A model that gives rows only to these may hash into many more buckets than it has rows: few
n-grams share one then, and one that training never saw has none.
"""

from __future__ import annotations

from collections.abc import Iterable

import apache_beam as beam
import numpy as np
import pyarrow as pa


def seen_bits(ngrams: pa.ListArray, buckets: int) -> bytes:
    """Return a bit for each bucket, packed: whether it stands in the lists int64 [n, (m)]."""
    seen = np.zeros(buckets, np.bool_)
    seen[ngrams.flatten().to_numpy(zero_copy_only=False)] = True
    return np.packbits(seen).tobytes()


def rows_of_buckets(bits: bytes, buckets: int) -> np.ndarray:
    """Return the row of each bucket, int32 [buckets]: 1, 2, 3 and so on; 0 where it is not seen."""
    seen = np.unpackbits(np.frombuffer(bits, np.uint8), count=buckets)
    rows = np.cumsum(seen, dtype=np.int32)
    rows[seen == 0] = 0
    return rows


class MergeSeen(beam.CombineFn):
    """Bring packed bits together: a bit is set that is set in any."""

    def create_accumulator(self) -> bytes:
        return b""

    def add_input(self, accumulator: bytes, element: bytes) -> bytes:
        if not accumulator:
            return element
        return np.bitwise_or(
            np.frombuffer(accumulator, np.uint8), np.frombuffer(element, np.uint8)
        ).tobytes()

    def merge_accumulators(self, accumulators: Iterable[bytes]) -> bytes:
        merged = b""
        for accumulator in accumulators:
            if accumulator:
                merged = self.add_input(merged, accumulator)
        return merged

    def extract_output(self, accumulator: bytes) -> bytes:
        return accumulator
