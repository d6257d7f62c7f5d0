"""The n-grams that training saw: each gets a row, and parts are brought together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from transforms.seen_ngrams import rows_of_buckets, seen_bits
from transforms.seen_steps import MergeSeen

BUCKETS = 13


def lists(*rows: list[int]) -> pa.ListArray:
    return pa.array(rows, pa.list_(pa.int64()))


def test_the_buckets_seen_in_any_part_get_rows_in_their_order() -> None:
    merge = MergeSeen()
    parts = [lists([12, 3], [], [3]), lists([0]), lists()]
    one = merge.add_input(merge.create_accumulator(), seen_bits(parts[0], BUCKETS))
    other = merge.add_input(merge.create_accumulator(), seen_bits(parts[1], BUCKETS))
    third = merge.add_input(merge.create_accumulator(), seen_bits(parts[2], BUCKETS))
    merged = merge.merge_accumulators([one, merge.create_accumulator(), other, third])
    rows = rows_of_buckets(merge.extract_output(merged), BUCKETS)
    assert rows.dtype == np.int32
    assert rows.tolist() == [1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3]


def test_a_slice_counts_only_its_own_rows() -> None:
    rows = rows_of_buckets(seen_bits(lists([1], [2], [5]).slice(1, 1), BUCKETS), BUCKETS)
    assert np.flatnonzero(rows).tolist() == [2]
