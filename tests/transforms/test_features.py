"""Features: token ids and n-grams as tf.Transform makes them, in Beam and in the saved layer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from apache_beam.testing.util import assert_that

from configs.settings import Settings
from pipelines.learn_features import MakeFeatures
from transforms.features import RANK, TOKEN
from transforms.text import hash_ngrams, tokenize
from transforms.titles import DISTINCT
from transforms.tokens import TEXT, TOKEN_COUNTS, merge_token_counts, most_frequent

SETTINGS = Settings(
    name="shop",
    features={
        "tokens": {"vocabulary_size": 5, "length": 3},
        "ngrams": {"sizes": [1, 2], "buckets": 1000},
    },
)
# 0 pads, 1 is unknown: `bed` gets 2, `dog` 3, `ant` 4
VOCABULARY = [(b"bed", 9), (b"dog", 9), (b"ant", 1)]
TITLES = [b"dog bed, ant bed", b"cat dog", b"!", b"bed"]
TOKENS = [[3, 2, 4], [1, 3], [], [2]]


def counts(rows: list[tuple[bytes, int]]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [(), ()]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, TOKEN_COUNTS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=TOKEN_COUNTS)


def rows_of(found: pa.RecordBatch) -> list[tuple]:
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def expected_ngrams() -> list[list[int]]:
    tokens = SETTINGS.features.tokens
    words = tokenize(tf.constant(TITLES), strip=tokens.strip, separate=tokens.separate)
    return hash_ngrams(words, sizes=[1, 2], buckets=1000).to_list()


def test_the_most_frequent_tokens_come_first_and_ties_go_by_the_token() -> None:
    found = counts([(b"c", 2), (b"b", 5), ("é".encode(), 2), (b"a", 2), (b"d", 1)])
    assert rows_of(most_frequent(found, 10)) == [
        (b"b", 5),
        (b"a", 2),
        (b"c", 2),
        ("é".encode(), 2),
        (b"d", 1),
    ]
    assert rows_of(most_frequent(found, 2)) == [(b"b", 5), (b"a", 2)]
    assert rows_of(most_frequent(counts([]), 2)) == []


def test_counts_of_a_token_are_added_up() -> None:
    merged = merge_token_counts([counts([(b"a", 1), (b"b", 2)]), counts([]), counts([(b"a", 3)])])
    assert sorted(rows_of(merged)) == [(b"a", 4), (b"b", 2)]
    assert merged.schema == TOKEN_COUNTS


def test_titles_become_ids_and_ngrams_and_the_saved_layer_gives_the_same(tmp_path: Path) -> None:
    """Known tokens by rank from 2, unknown ones 1, at most `length`; what goes along stays."""
    columns = [
        pa.array([5, 6, 7, 8]),
        pa.array(TITLES),
        pa.array([["a"], ["a", "b"], ["b"], ["a"]]),
    ]
    titles = pa.RecordBatch.from_arrays(columns, schema=DISTINCT)

    def check(batches: Iterable[pa.RecordBatch]) -> None:
        (found,) = batches
        plain = {name: found.column(name).to_pylist() for name in found.schema.names}
        assert plain == {
            "title": [[title] for title in TITLES],
            "key": [[5], [6], [7], [8]],
            "part": [[3], [3], [3], [3]],
            "categories": [["a"], ["a", "b"], ["b"], ["a"]],
            "tokens": TOKENS,
            "ngrams": expected_ngrams(),
        }

    saved = str(tmp_path / "transform_fn")
    with beam.Pipeline("FnApiRunner") as pipeline:
        pairs = pipeline | "Titles" >> beam.Create([(3, titles)])
        vocabulary = pipeline | "Vocabulary" >> beam.Create([counts(VOCABULARY)])
        found = (pairs, vocabulary) | MakeFeatures(SETTINGS, saved, str(tmp_path / "temporary"))
        assert_that(found, check)

    layer = tft.TFTransformOutput(saved).transform_features_layer()
    blank, rank = tf.fill([len(TITLES)], ""), tf.zeros([len(TITLES)])
    again = layer({TEXT: tf.constant(TITLES), TOKEN: blank, RANK: rank})
    assert _lists(again["tokens"]) == TOKENS
    assert _lists(again["ngrams"]) == expected_ngrams()


def _lists(feature: tf.RaggedTensor | tf.SparseTensor) -> list[list[int]]:
    if isinstance(feature, tf.SparseTensor):
        feature = tf.RaggedTensor.from_sparse(feature)
    return feature.to_list()
