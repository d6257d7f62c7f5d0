"""Which hashed n-grams occur in training: a bit a bucket.

A model that gives rows only to these may hash into many more buckets than it has rows: few
n-grams share one then, and one that training never saw has none.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def seen_bits(ngrams: pa.ListArray, buckets: int) -> bytes:
    """Return a bit for each bucket, packed: whether it stands in the lists int64 [n, (m)]."""
    return seen_in(ngrams.flatten().to_numpy(zero_copy_only=False), buckets)


def seen_in(ngrams: np.ndarray, buckets: int) -> bytes:
    """Return the same of the n-grams of all lists, int64 [m]."""
    seen = np.zeros(buckets, np.bool_)
    seen[ngrams] = True
    return np.packbits(seen).tobytes()


def rows_of_buckets(bits: bytes, buckets: int) -> np.ndarray:
    """Return the row of each bucket, int32 [buckets]: 1, 2, 3 and so on; 0 where it is not seen."""
    seen = np.unpackbits(np.frombuffer(bits, np.uint8), count=buckets)
    rows = np.cumsum(seen, dtype=np.int32)
    rows[seen == 0] = 0
    return rows


def merge_seen(bits: bytes, more: bytes) -> bytes:
    """Bring packed bits together: a bit is set that is set in either; no bytes are no bits."""
    if not bits or not more:
        return bits or more
    both = np.frombuffer(bits, np.uint8) | np.frombuffer(more, np.uint8)
    return both.tobytes()
