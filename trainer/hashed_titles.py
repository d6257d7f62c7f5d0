"""Titles as sparse matrices, a batch at a time: the n-grams of the shards in fewer buckets."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer

from configs.columns import ColumnFeature, DenseColumn, outputs_of
from trainer.dataset import NGRAMS, read_examples
from trainer.models.columns import bags
from trainer.scoring import Truth

_MOST_WEIGHTS = 1 << 27  # of one linear model: half a gigabyte of float32
_FEWEST_BITS = 8
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Knuth's multiplicative hash
_BINS, _BIN_ENDS = 2, 8  # a number's bins: so many a standard deviation, so many on either side


@dataclass(frozen=True)
class Batch:
    """Some titles: counts float32 [n, buckets]; title i has the next `lengths[i]` of `labels`."""

    counts: sparse.csr_matrix
    lengths: np.ndarray
    labels: np.ndarray

    def has_label(self, classes: int) -> np.ndarray:
        """Return bool [n, classes]."""
        found = np.zeros((len(self.lengths), classes), np.bool_)
        found[np.repeat(np.arange(len(self.lengths)), self.lengths), self.labels] = True
        return found


@dataclass(frozen=True)
class HashedTitles:
    """The titles of some shards, batch by batch, in the same order each time.

    `rows` above 0 takes only so many; shards are in chance order, for a title's place follows from
    its hash. Titles that have no label are left out. What `columns` say is hashed like n-grams.
    """

    files: Sequence[str]
    truth: Truth
    buckets: int
    batch_rows: int
    rows: int = 0
    columns: Mapping[str, ColumnFeature] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Batch]:
        features = (NGRAMS, *self.truth.features, *outputs_of(self.columns))
        for batch in read_examples(
            self.files,
            features,
            batch_size=self.batch_rows,
            rows=self.rows,
            columns=self.columns,
        ):
            lengths, labels = self.truth(batch)
            counts = hashed_counts(batch[NGRAMS], self.buckets)
            for ids in _ids_of(batch, self.columns):
                counts += hashed_counts(ids, self.buckets)
            kept = lengths > 0
            yield Batch(counts if kept.all() else counts[kept], lengths[kept], labels)


def _ids_of(
    batch: Mapping[str, Any], columns: Mapping[str, ColumnFeature]
) -> Iterator[tf.RaggedTensor]:
    """Yield what columns say as ids [n, (m)], spread so that two columns share none but by chance.

    A number is the bin that it lies in; a baseline weighs words by itself, not by their TF-IDF.
    """
    for name in dict.fromkeys(bag.ids for bag in bags(columns)):
        ids = batch[name]
        if not isinstance(ids, tf.RaggedTensor):
            ids = tf.RaggedTensor.from_tensor(ids[:, tf.newaxis])
        yield ids.with_values(_spread(ids.values.numpy(), name))
    for name, column in columns.items():
        if isinstance(column, DenseColumn):
            bins = np.clip(np.floor(batch[name].numpy() * _BINS), -_BIN_ENDS, _BIN_ENDS)
            yield tf.RaggedTensor.from_tensor(_spread(bins.astype(np.int64), name)[:, np.newaxis])


def _spread(ids: np.ndarray, name: str) -> np.ndarray:
    salted = (ids + (zlib.crc32(name.encode()) << 20)).astype(np.uint64)
    return ((salted * _GOLDEN) >> np.uint64(24)).astype(np.int64)


def hashed_counts(ngrams: tf.RaggedTensor, buckets: int) -> sparse.csr_matrix:
    """Count each title's n-grams in `buckets` buckets: ids [n, (m)] to float32 [n, buckets].

    The hashing trick: Weinberger et al. 2009, https://arxiv.org/abs/0902.2206.
    """
    place = (ngrams.values.numpy() % buckets).astype(np.int32)
    begins = ngrams.row_splits.numpy()
    ones = np.ones(len(place), np.float32)
    counts = sparse.csr_matrix((ones, place, begins), shape=(len(begins) - 1, buckets))
    counts.sum_duplicates()
    return counts


def fitting_buckets(hash_bits: int, classes: int) -> int:
    """Return how many buckets a model of so many classes gets: a power of two.

    2^hash_bits, unless its weights would be more than half a gigabyte.

    >>> fitting_buckets(20, 17), fitting_buckets(20, 523)
    (1048576, 131072)
    """
    most = (_MOST_WEIGHTS // max(1, classes)).bit_length() - 1
    return 1 << min(hash_bits, max(_FEWEST_BITS, most))


def tf_idf_of(titles: HashedTitles) -> tuple[TfidfTransformer, int]:
    """Return what turns counts into TF-IDF, and the number of titles; reads them once.

    Weights are (1 + ln count) (1 + ln((1 + titles) / (1 + titles with the bucket))), rows of
    length one, as in scikit-learn with `sublinear_tf`, whose own `fit` wants all titles at once.
    """
    seen, rows = np.zeros(titles.buckets, np.int64), 0
    for batch in titles:
        seen += np.bincount(batch.counts.indices, minlength=titles.buckets)
        rows += len(batch.lengths)
    transformer = TfidfTransformer(sublinear_tf=True)
    transformer.idf_ = (np.log((1 + rows) / (1 + seen)) + 1).astype(np.float32)
    return transformer, rows
