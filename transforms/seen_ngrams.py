"""Which hashed n-grams occur in training, and which more than once: two bits a bucket.

A model that gives rows only to these may hash into many more buckets than it has rows: few
n-grams share one then, and one that training never saw has none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

_SHARED = 4  # with too few rows for all, a quarter of them at least is for n-grams seen once


def seen_bits(ngrams: pa.ListArray, buckets: int) -> bytes:
    """Return whether each bucket stands in the lists int64 [n, (m)], and whether again.

    A bit a bucket, packed; behind the bits that say whether those that say whether more than once.
    """
    return seen_in(ngrams.flatten().to_numpy(zero_copy_only=False), buckets)


def seen_in(ngrams: np.ndarray, buckets: int) -> bytes:
    """Return the same of the n-grams of all lists, int64 [m]."""
    ordered = np.sort(ngrams.astype(np.int32))
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return _bits_of(ordered, buckets) + _bits_of(again, buckets)


def merge_seen(bits: bytes, more: bytes) -> bytes:
    """Bring packed bits of two parts together; no bytes are no bits.

    What either has seen is seen; what one has seen again, or both have seen, is seen again.
    """
    if not bits or not more:
        return bits or more
    (once, again), (other, other_again) = _packed(bits), _packed(more)
    return np.stack([once | other, again | other_again | (once & other)]).tobytes()


def _bits_of(ordered: np.ndarray, buckets: int) -> bytes:
    """Return a bit for each bucket, packed as `np.packbits` does: those of the sorted [m] are set.

    A part has few of all buckets: only octets in which some of them fall are touched.
    """
    packed = np.zeros(-(-buckets // 8), np.uint8)
    if len(ordered):
        octet, bit = ordered >> 3, (0x80 >> (ordered & 7)).astype(np.uint8)
        begins = np.flatnonzero(np.diff(octet, prepend=-1))
        packed[octet[begins]] = np.bitwise_or.reduceat(bit, begins)
    return packed.tobytes()


def bytes_of(buckets: int) -> int:
    """Return how many bytes the packed bits of so many buckets have."""
    return 2 * -(-buckets // 8)


def _packed(bits: bytes) -> np.ndarray:
    return np.frombuffer(bits, np.uint8).reshape(2, -1)


@dataclass(frozen=True)
class SeenNgrams:
    """The hashed n-grams that training saw; `bits` are those of `seen_bits`, `buckets` of them."""

    bits: bytes
    buckets: int

    def rows(self, most: int | None = None) -> np.ndarray:
        """Return the row of each bucket, int32 [buckets], from 1 to `most`; 0 of those not seen.

        A bucket has a row of its own if there are enough for all. If not, those seen again have
        rows of their own while three quarters of `most` suffice, and those seen once share the
        rest, an equal number each row.
        """
        seen, again = (
            np.unpackbits(plane, count=self.buckets).view(np.bool_) for plane in _packed(self.bits)
        )
        count = int(np.count_nonzero(seen))
        rows = np.zeros(self.buckets, np.int32)
        if most is None or count <= most:
            _give(rows, seen, 1, max(1, count))
            return rows
        own = max(1, min(int(np.count_nonzero(again)), most - most // _SHARED))
        _give(rows, again, 1, own)
        _give(rows, seen & ~again, 1 + own, most - own)
        return rows


def _give(rows: np.ndarray, to: np.ndarray, first: int, count: int) -> None:
    """Give the buckets for which `to`, bool [buckets], is true so many rows, one after another."""
    places = np.flatnonzero(to)
    rows[places] = first + np.arange(len(places), dtype=np.int32) % count
