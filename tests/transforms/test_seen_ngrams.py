"""The n-grams that training saw: each gets a row or shares one, and parts are brought together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from transforms.seen_ngrams import SeenNgrams, seen_bits
from transforms.seen_steps import MergeSeen

BUCKETS = 200


def lists(*rows: list[int]) -> pa.ListArray:
    return pa.array(rows, pa.list_(pa.int64()))


def seen(*rows: list[int]) -> SeenNgrams:
    return SeenNgrams(seen_bits(lists(*rows), BUCKETS), BUCKETS)


def test_the_buckets_seen_in_any_part_get_rows_in_their_order() -> None:
    merge = MergeSeen()
    parts = [lists([12, 3], [], [199]), lists([0]), lists()]
    one = merge.add_input(merge.create_accumulator(), seen_bits(parts[0], BUCKETS))
    other = merge.add_input(merge.create_accumulator(), seen_bits(parts[1], BUCKETS))
    third = merge.add_input(merge.create_accumulator(), seen_bits(parts[2], BUCKETS))
    merged = merge.merge_accumulators([one, merge.create_accumulator(), other, third])
    rows = SeenNgrams(merge.extract_output(merged), BUCKETS).rows()
    assert {bucket: row for bucket, row in enumerate(rows) if row} == {0: 1, 3: 2, 12: 3, 199: 4}


def test_a_slice_counts_only_its_own_rows() -> None:
    bits = seen_bits(lists([1], [2], [5]).slice(1, 1), BUCKETS)
    assert np.flatnonzero(SeenNgrams(bits, BUCKETS).rows()).tolist() == [2]


def test_a_title_more_or_less_in_a_part_changes_nothing() -> None:
    """However titles are cut into parts: an n-gram is seen again if all of them hold it twice."""
    titles = [[5, 7], [64, 7], [], [7, 9, 9], [128, 5]]
    merge = MergeSeen()
    whole = seen_bits(lists(*titles), BUCKETS)
    for cut in range(len(titles) + 1):
        parts = [seen_bits(lists(*part), BUCKETS) for part in (titles[:cut], titles[cut:])]
        assert merge.merge_accumulators(parts) == whole


def test_with_too_few_rows_what_is_seen_once_shares_them() -> None:
    """Of eight n-grams two are seen again: they keep rows of their own, six share three."""
    ngrams = seen([10, 70, 71, 72], [70, 130, 199], [0, 199, 131])
    rows = ngrams.rows(5)
    assert (rows[70], rows[199]) == (1, 2)
    assert [rows[bucket] for bucket in (0, 10, 71, 72, 130, 131)] == [3, 4, 5, 3, 4, 5]
    assert sum(row > 0 for row in rows) == 8


def test_enough_rows_are_the_same_as_no_bound() -> None:
    ngrams = seen([1, 2, 3], [3, 150])
    assert ngrams.rows(4).tolist() == ngrams.rows().tolist()
    assert ngrams.rows().max() == 4


@pytest.mark.parametrize("most", [4, 5, 40, 199])
@pytest.mark.parametrize("again", [0, 7, 200])
def test_there_are_never_more_rows_than_may_be(most: int, again: int) -> None:
    """Nor is a quarter of them lost to those seen once, however many are seen again."""
    rows = seen(list(range(BUCKETS)), list(range(again))).rows(most)
    assert set(rows) <= set(range(1, most + 1))
    assert len(set(rows[again:])) >= min(most // 4, BUCKETS - again)


def test_no_ngram_has_row_0_and_none_at_all_is_no_error() -> None:
    assert set(seen([]).rows()) == {0}
