"""The n-grams that were seen, brought together as Beam does it."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import apache_beam as beam

from transforms.seen_ngrams import merge_seen


class MergeSeen(beam.CombineFn):
    """Bring packed bits together: what any has seen, and what was seen again."""

    def create_accumulator(self) -> bytes:
        return b""

    def add_input(self, accumulator: bytes, element: bytes) -> bytes:
        return merge_seen(accumulator, element)

    def merge_accumulators(self, accumulators: Iterable[bytes]) -> bytes:
        return functools.reduce(merge_seen, accumulators, b"")

    def extract_output(self, accumulator: bytes) -> bytes:
        return accumulator
