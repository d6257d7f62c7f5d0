"""The steps from read titles to distinct ones, as Beam runs them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.testing.util import assert_that, equal_to

from configs.features import TextSettings, TokenSettings
from configs.preprocess import SplitSettings
from transforms.title_batches import READ, clean_batch
from transforms.title_steps import (
    STATS,
    AddCounters,
    CleanTitles,
    CountTokens,
    DistinctTitles,
    MergeTokenCounts,
)
from transforms.titles import CLEANED, DISTINCT
from transforms.tokens import TOKEN_COUNTS

ALL_TRAIN = SplitSettings(train=1.0, valid=0.0, test=0.0)


def batch(schema: pa.Schema, *rows: tuple) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def rows_of(found: pa.RecordBatch) -> list[tuple]:
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def all_rows(*, behind: int = 0) -> beam.PTransform:
    """Turn batches into tuples, without the first columns."""
    return beam.FlatMap(lambda found: [row[behind:] for row in rows_of(found)])


def holds(expected: list[tuple]) -> Callable[[Iterable[pa.RecordBatch]], None]:
    """Check that there is one batch, with these rows in this order."""

    def check(batches: Iterable[pa.RecordBatch]) -> None:
        assert [rows_of(found) for found in batches] == [expected]

    return check


@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
def test_titles_are_cleaned_and_those_of_which_nothing_is_left_are_rejects(batch_rows: int) -> None:
    with beam.Pipeline("FnApiRunner") as pipeline:
        found = (
            pipeline
            | beam.Create(
                [
                    batch(READ, (0, 2, "home", " Bed | A "), (0, 3, "home", "x")),
                    batch(READ, (1, 2, "baby", ""), (1, 3, "baby", "Bib-Set")),
                ]
            )
            | CleanTitles(TextSettings(), key=1, batch_rows=batch_rows)
        )
        assert_that(
            found.cleaned | "Rows" >> all_rows(behind=1),
            equal_to([(0, 2, "home", b"bed "), (1, 3, "baby", b"bib set")]),
        )
        assert_that(
            found.rejects | "Rejects" >> all_rows(),
            equal_to([(0, 3, "home", "x"), (1, 2, "baby", "")]),
            label="rejects",
        )


def test_a_batch_without_an_empty_title_has_no_rejects() -> None:
    cleaned, rejects = clean_batch(batch(READ, (0, 2, "a", "Bed-Set")), TextSettings(), 1)
    assert [row[1:] for row in rows_of(cleaned)] == [(0, 2, "a", b"bed set")]
    assert rows_of(rejects) == []


def test_each_text_is_kept_once_and_everything_is_counted() -> None:
    cleaned = [
        batch(CLEANED, (8, 1, 2, "b", b"red bed"), (3, 0, 2, "a", b"bib")),
        batch(CLEANED, (8, 0, 3, "a", b"red bed"), (8, 0, 9, "a", b"red bed")),
    ]
    with beam.Pipeline("FnApiRunner") as pipeline:
        found = pipeline | beam.Create(cleaned) | DistinctTitles(parts=4)
        assert_that(
            found.titles | beam.FlatMap(lambda pair: [(pair[0], *row) for row in rows_of(pair[1])]),
            equal_to([(0, 8, b"red bed", ["a", "b"]), (3, 3, b"bib", ["a"])]),
        )
        assert_that(
            found[STATS] | beam.CombineGlobally(AddCounters()),
            equal_to(
                [
                    Counter(
                        {
                            ("records",): 4,
                            ("titles",): 2,
                            ("repeats_elsewhere",): 1,
                            ("category_records", "a"): 3,
                            ("category_records", "b"): 1,
                            ("category_titles", "a"): 2,
                            ("category_titles", "b"): 1,
                            ("words", 1): 1,
                            ("words", 2): 1,
                        }
                    )
                ]
            ),
            label="counts",
        )


def titles(*texts: bytes) -> pa.RecordBatch:
    return batch(DISTINCT, *((number, text, ["a"]) for number, text in enumerate(texts)))


@pytest.mark.parametrize(
    "parts",
    [
        [titles(b"dog bed, dog", b"cat bed ant")],
        [titles(b"cat bed ant"), titles(b"dog bed, dog")],
        [titles(b"dog"), titles(b"bed,"), titles(b"dog"), titles(b"cat bed ant")],
    ],
    ids=len,
)
def test_tokens_are_counted_over_all_parts(parts: list[pa.RecordBatch]) -> None:
    with beam.Pipeline("FnApiRunner") as pipeline:
        found = (
            pipeline
            | beam.Create(list(enumerate(parts)))
            | CountTokens(TokenSettings(vocabulary_size=3), ALL_TRAIN)
            | beam.Map(lambda counts: counts.sort_by("token"))
        )
        assert_that(found, holds([(b"ant", 1), (b"bed", 2), (b"cat", 1), (b"dog", 2)]))


def test_tokens_outside_the_training_part_are_not_counted() -> None:
    of_test = (1 << 62) - 1
    both = batch(DISTINCT, (0, b"train", ["a"]), (of_test, b"test", ["a"]))
    with beam.Pipeline("FnApiRunner") as pipeline:
        found = pipeline | beam.Create([(0, both)]) | CountTokens(TokenSettings(), SplitSettings())
        assert_that(found, holds([(b"train", 1)]))


def test_counts_are_the_same_however_they_are_merged() -> None:
    merge = MergeTokenCounts()
    batches = [batch(TOKEN_COUNTS, (b"x", n), (f"t{n % 3}".encode(), 1)) for n in range(20)]
    one = merge.create_accumulator()
    for found in batches:
        one = merge.add_input(one, found)
    halves = [[*batches[:7]], [*batches[7:]], []]
    expected = {b"x": sum(range(20)), b"t0": 7, b"t1": 7, b"t2": 6}
    for accumulator in (one, merge.merge_accumulators(halves)):
        assert dict(rows_of(merge.extract_output(accumulator))) == expected
    assert merge.extract_output(merge.create_accumulator()).num_rows == 0
