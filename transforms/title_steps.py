"""The steps from read titles to distinct ones and their vocabulary, as PTransforms.

Each wraps functions of `transforms.text`, `transforms.titles` and `transforms.features`.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa

import transforms.batches  # noqa: F401  registers the coder of record batches
from configs.features import TextSettings, TokenSettings
from configs.preprocess import SplitSettings
from transforms.overlap import OverlappedDoFn, in_global_window
from transforms.title_batches import clean_batch, count_tokens
from transforms.title_counts import count_titles
from transforms.titles import cut_by_key, distinct_titles
from transforms.tokens import TOKEN_COUNTS, merge_token_counts

REJECTS = "rejects"
STATS = "stats"


class CleanTitles(beam.PTransform):
    """Clean the titles of batches of `title_batches.READ` and hash them; gives batches of
    `titles.CLEANED`.

    `(0, 7, home, ' Bed | A ')` becomes `(key, 0, 7, home, 'bed ')`. A row of which nothing is left
    goes to the output `rejects`, as a batch of `READ`.
    """

    def __init__(self, text: TextSettings, key: int, batch_rows: int) -> None:
        super().__init__()
        self._do_fn = _CleanTitles(text, key, batch_rows)

    def expand(self, batches: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return batches | beam.ParDo(self._do_fn).with_outputs(REJECTS, main="cleaned")


class _CleanTitles(OverlappedDoFn):
    """Gathers the small batches of small files into large ones before the graph runs."""

    def __init__(self, text: TextSettings, key: int, batch_rows: int) -> None:
        self._text, self._key, self._batch_rows = text, key, batch_rows

    def start_bundle(self) -> None:
        super().start_bundle()
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def process(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= self._batch_rows:
            yield from self.overlap(self._gathered())

    def finish_bundle(self) -> Iterator[Any]:
        if self._waiting:
            yield from map(in_global_window, self.overlap(self._gathered()))
        yield from super().finish_bundle()

    def _gathered(self) -> list[pa.RecordBatch]:
        gathered, self._waiting, self._rows = self._waiting, [], 0
        return gathered

    def work(self, batches: list[pa.RecordBatch]) -> list[Any]:
        rows = pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
        cleaned, rejects = clean_batch(rows, self._text, self._key)
        tagged = [beam.pvalue.TaggedOutput(REJECTS, rejects)] if rejects.num_rows else []
        return [cleaned, *tagged]


class DistinctTitles(beam.PTransform):
    """Group batches of `CLEANED` by key into `parts`, and keep one row a text.

    Gives pairs of a part's number and one batch of `titles.DISTINCT`, sorted by key; the output
    `stats` gives counters. Every part is made by one worker from all its rows.
    """

    def __init__(self, parts: int) -> None:
        super().__init__()
        self._parts = parts

    def expand(self, batches: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        pair = tuple[int, pa.RecordBatch]
        return (
            batches
            | "Cut into parts by key"
            >> beam.FlatMap(cut_by_key, self._parts).with_output_types(pair)
            | "Group the parts" >> beam.GroupByKey()
            | "Keep one of each"
            >> beam.ParDo(_FinishPart()).with_output_types(pair).with_outputs(STATS, main="titles")
        )


class _FinishPart(OverlappedDoFn):
    def work(self, element: tuple[int, Iterable[pa.RecordBatch]]) -> list[Any]:
        part, batches = element
        rows = list(batches)
        titles = distinct_titles(rows)
        counts = count_titles(rows, titles)
        return [(part, titles), beam.pvalue.TaggedOutput(STATS, counts)]


class AddCounters(beam.CombineFn):
    """Add up `collections.Counter`s."""

    def create_accumulator(self) -> Counter:
        return Counter()

    def add_input(self, accumulator: Counter, element: Counter) -> Counter:
        accumulator.update(element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Counter]) -> Counter:
        return functools.reduce(self.add_input, accumulators, Counter())

    def extract_output(self, accumulator: Counter) -> Counter:
        return accumulator


class CountTokens(beam.PTransform):
    """Count the tokens of the training titles; gives one batch of `tokens.TOKEN_COUNTS`.

    Takes pairs of a part and a batch of `titles.DISTINCT`. The valid and test parts are not looked
    at.
    """

    def __init__(self, tokens: TokenSettings, split: SplitSettings) -> None:
        super().__init__()
        self._count = _CountTokens(tokens, split)

    def expand(self, titles: beam.PCollection) -> beam.PCollection:
        return (
            titles
            | "Count in each part" >> beam.ParDo(self._count)
            | "Add up" >> beam.CombineGlobally(MergeTokenCounts())
        )


class _CountTokens(OverlappedDoFn):
    """Counts each part with `count_tokens`."""

    def __init__(self, tokens: TokenSettings, split: SplitSettings) -> None:
        self._tokens, self._split = tokens, split

    def work(self, element: tuple[int, pa.RecordBatch]) -> list[pa.RecordBatch]:
        return [count_tokens(element[1], self._tokens, self._split)]


class MergeTokenCounts(beam.CombineFn):
    """Add up batches of `tokens.TOKEN_COUNTS`, a few at a time."""

    _AT_ONCE = 8

    def create_accumulator(self) -> list[pa.RecordBatch]:
        return []

    def add_input(
        self, accumulator: list[pa.RecordBatch], element: pa.RecordBatch
    ) -> list[pa.RecordBatch]:
        accumulator.append(element)
        return self.compact(accumulator) if len(accumulator) >= self._AT_ONCE else accumulator

    def merge_accumulators(
        self, accumulators: Iterable[list[pa.RecordBatch]]
    ) -> list[pa.RecordBatch]:
        return self.compact([batch for accumulator in accumulators for batch in accumulator])

    def compact(self, accumulator: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
        return [merge_token_counts(accumulator)] if len(accumulator) > 1 else accumulator

    def extract_output(self, accumulator: list[pa.RecordBatch]) -> pa.RecordBatch:
        empty = pa.RecordBatch.from_arrays(
            [pa.array([], f.type) for f in TOKEN_COUNTS], schema=TOKEN_COUNTS
        )
        return merge_token_counts([empty, *accumulator])
