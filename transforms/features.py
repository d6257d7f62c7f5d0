"""From cleaned text to features, with tf.Transform: token ids and hashed n-grams.

The vocabulary is not learned from a token per word, which is what makes such pipelines slow, but
from a table of tokens and how often each occurs: `tft.vocabulary` sees each token once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from tfx_bsl.tfxio import tensor_adapter, tensor_representation_util

from configs.columns import ColumnFeature, DenseColumn
from transforms.column_features import column_features
from transforms.column_values import missing_values
from transforms.text import ngram_buckets, tokenize
from transforms.tokens import NGRAMS, RESERVED_IDS, TEXT, TOKENS, VOCABULARY

TOKEN, RANK = "token", "rank"

# What is not a feature but stays beside the features of its title.
ALONG = {
    "title": pa.binary(),
    "key": pa.int64(),
    "part": pa.int64(),
    "categories": pa.string(),
}


def make_preprocessing_fn(
    *,
    vocabulary_size: int,
    length: int,
    strip: str,
    separate: str,
    sizes: Sequence[int],
    buckets: int,
    character_sizes: Sequence[int] = (),
    columns: Mapping[str, ColumnFeature] | None = None,
    clean: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
) -> Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor | tf.RaggedTensor]]:
    """Return the function that tf.Transform traces.

    It takes `text` [batch], and while it is analysed `token` and `rank` [batch]; it gives
    `tokens` int64 [batch, (at most length)] and `ngrams` int64 [batch, (n-grams)]. With further
    columns it takes these too, by feature name, and gives their `column_features`; `clean` is
    what a text in them goes through first.
    """

    def preprocessing_fn(
        inputs: Mapping[str, tf.Tensor],
    ) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        vocabulary = tft.vocabulary(
            inputs[TOKEN],
            weights=inputs[RANK],
            top_k=vocabulary_size - RESERVED_IDS,
            vocab_filename=VOCABULARY,
        )
        words = tokenize(inputs[TEXT], strip=strip, separate=separate)
        ids = tft.apply_vocabulary(words[:, :length], vocabulary, default_value=-1)
        known = ids.with_values(
            tf.where(ids.values < 0, np.int64(1), ids.values + np.int64(RESERVED_IDS))
        )
        grams = ngram_buckets(words, sizes=sizes, character_sizes=character_sizes, buckets=buckets)
        found = {TOKENS: known, NGRAMS: grams}
        if not columns:
            return found
        real = tf.equal(inputs[RANK], 0.0)
        further = column_features(
            inputs, columns, real, clean=clean, strip=strip, separate=separate
        )
        return {**found, **further}

    return preprocessing_fn


def input_config(
    columns: Mapping[str, ColumnFeature] | None = None,
) -> tensor_adapter.TensorAdapterConfig:
    """Say how the columns of the analysis become tensors of shape [batch]."""
    return _config({TEXT: tf.string, TOKEN: tf.string, RANK: tf.float32, **_dtypes(columns or {})})


def text_config(
    columns: Mapping[str, ColumnFeature] | None = None,
) -> tensor_adapter.TensorAdapterConfig:
    """Say how the columns of `text_batch` become tensors; the columns `ALONG` only go along."""
    if not columns:
        return _config({TEXT: tf.string}, ALONG)
    return _config({TEXT: tf.string, RANK: tf.float32, **_dtypes(columns)}, ALONG)


def _dtypes(columns: Mapping[str, ColumnFeature]) -> dict[str, tf.DType]:
    return {
        name: tf.float32 if isinstance(column, DenseColumn) else tf.string
        for name, column in columns.items()
    }


def _config(
    tensors: Mapping[str, tf.DType], along: Mapping[str, pa.DataType] | None = None
) -> tensor_adapter.TensorAdapterConfig:
    arrow = {tf.string: pa.binary(), tf.float32: pa.float32()}
    fields = [(name, pa.list_(arrow[dtype])) for name, dtype in tensors.items()]
    fields += [(name, pa.list_(dtype)) for name, dtype in (along or {}).items()]
    spec = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in tensors.items()}
    representations = tensor_representation_util.InferTensorRepresentationsFromMixedSchema(
        tft.DatasetMetadata.from_feature_spec(spec).schema
    )
    return tensor_adapter.TensorAdapterConfig(pa.schema(fields), representations)


def vocabulary_batch(tokens: pa.Array) -> pa.RecordBatch:
    """Return what the analysis reads: tokens from the most frequent to the least.

    tf.Transform sorts by weight; a rank, unlike a count beyond 2^24, is exact as a float32.
    """
    rank = np.arange(len(tokens), 0, -1, dtype=np.float32)
    nothing = pa.array([b""] * len(tokens), pa.binary())
    return _lists({TEXT: nothing, TOKEN: tokens, RANK: pa.array(rank)})


def column_batch(titles: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    """Return what the analysis reads of further columns: those of titles, with a rank of 0."""
    size = titles.num_rows
    nothing = pa.array([b""] * size, pa.binary())
    return _lists({TEXT: nothing, TOKEN: nothing, **further_values(titles, columns)})


def without_columns(tokens: pa.RecordBatch, columns: Mapping[str, ColumnFeature]) -> pa.RecordBatch:
    """Return a batch of `vocabulary_batch` with further columns in which nothing stands."""
    further = {
        name: missing_values(dtype == tf.float32, tokens.num_rows)
        for name, dtype in _dtypes(columns).items()
    }
    lists = _lists(further)
    return pa.RecordBatch.from_arrays(
        [*tokens.columns, *lists.columns], [*tokens.schema.names, *lists.schema.names]
    )


def further_values(titles: pa.RecordBatch, columns: Sequence[str]) -> dict[str, pa.Array]:
    """Return further columns of titles as tensors take them, and a rank of 0 where there are any.

    Where there are none, there is nothing.
    """
    found = {name: titles.column(name) for name in columns}
    values = {n: v.cast(pa.binary()) if v.type == pa.string() else v for n, v in found.items()}
    rank = {RANK: pa.array(np.zeros(titles.num_rows, np.float32))} if columns else {}
    return {**rank, **values}


def text_batch(
    text: pa.Array,
    *,
    categories: pa.ListArray,
    further: Mapping[str, pa.Array] | None = None,
    **along: pa.Array,
) -> pa.RecordBatch:
    """Return what the transformation reads: cleaned texts, with the columns `ALONG`.

    `further` are `further_values`; the columns stand in the order of `text_config`.
    """
    flat = _lists({TEXT: text, **(further or {}), "title": text, **along})
    return pa.RecordBatch.from_arrays(
        [*flat.columns, categories], [*flat.schema.names, "categories"]
    )


def part_batch(element: tuple[int, pa.RecordBatch], columns: Sequence[str]) -> pa.RecordBatch:
    """Return what the transformation reads of a part: a batch of `titles.DISTINCT`, its number."""
    part, titles = element
    return text_batch(
        titles.column(TEXT),
        key=titles.column("key"),
        part=pa.array([part] * titles.num_rows, pa.int64()),
        categories=titles.column("categories"),
        further=further_values(titles, columns),
    )


def _lists(columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Put each value into a list of its own: what TFX's tensor adapter takes."""
    size = len(next(iter(columns.values())))
    offsets = pa.array(np.arange(size + 1, dtype=np.int32))
    arrays = [pa.ListArray.from_arrays(offsets, column) for column in columns.values()]
    return pa.RecordBatch.from_arrays(arrays, list(columns))
