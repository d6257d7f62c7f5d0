"""From further columns to features, with tf.Transform: learned on the training titles alone.

The analysis reads two kinds of rows: tokens of the titles with their rank, and the columns of the
training titles with a rank of 0, which is what every row has when the features are made. So what
is learned here looks at rows of rank 0 only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import tensorflow as tf
import tensorflow_transform as tft

from configs.columns import CategoricalColumn, ColumnFeature, DenseColumn, TextColumn
from transforms.text import hash_ngrams, tokenize, trim

_RESERVED_IDS = 2  # 0 is none, 1 any value or word that the vocabulary lacks
Features = dict[str, tf.Tensor | tf.RaggedTensor]


def column_features(
    inputs: Mapping[str, tf.Tensor],
    columns: Mapping[str, ColumnFeature],
    real: tf.Tensor,
    *,
    clean: Callable[[tf.Tensor], tf.Tensor],
    strip: str,
    separate: str,
) -> Features:
    """Return the outputs of the features, from `inputs` by feature name, each [batch].

    `real` [batch] says which rows to learn from. A text gives ragged int64 or float32
    [batch, (n)], a category int64 [batch], a number float32 [batch].
    """
    found: Features = {}
    for name, column in columns.items():
        if isinstance(column, TextColumn):
            words = tokenize(clean(inputs[name]), strip=strip, separate=separate)
            words = tf.ragged.boolean_mask(words, words != "")
            found |= _of_text(name, column, words, real)
        elif isinstance(column, CategoricalColumn):
            found[name] = _of_category(name, column, trim(inputs[name]), real)
        else:
            found[name] = _of_number(column, inputs[name], real)
    return found


def _of_text(name: str, column: TextColumn, words: tf.RaggedTensor, real: tf.Tensor) -> Features:
    found: Features = {}
    if "ngrams" in column.give:
        grams = hash_ngrams(words, sizes=column.sizes, buckets=column.buckets)
        found[f"{name}_ngrams"] = grams
    if {*column.give} == {"ngrams"}:
        return found
    ids = words.with_values(
        _known(name, words.values, _of_rows(words, real), column.vocabulary_size - _RESERVED_IDS)
    )
    if "ids" in column.give:
        found[f"{name}_ids"] = ids[:, : column.length]
    if {"bow", "tfidf"} & {*column.give}:
        bow, weights = _weights(name, ids, real, column.vocabulary_size)
        found[f"{name}_bow"] = bow
        if "tfidf" in column.give:
            found[f"{name}_tfidf"] = weights
    return found


def _of_rows(words: tf.RaggedTensor, real: tf.Tensor) -> tf.Tensor:
    return tf.ragged.boolean_mask(words, real).values


def _known(name: str, values: tf.Tensor, learned: tf.Tensor, top_k: int) -> tf.Tensor:
    """Return ids by falling frequency of the values that are `learned` from, 1 for others."""
    vocabulary = tft.vocabulary(learned, top_k=top_k, vocab_filename=name)
    ids = tft.apply_vocabulary(values, vocabulary, default_value=-1)
    return tf.where(ids < 0, tf.constant(1, tf.int64), ids + _RESERVED_IDS)


def _weights(
    name: str, ids: tf.RaggedTensor, real: tf.Tensor, size: int
) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Return the distinct known ids of each row and their TF-IDF weights."""
    known = tf.ragged.boolean_mask(ids, ids >= _RESERVED_IDS)
    sparse = tf.ragged.boolean_mask(known, real).to_sparse()
    bow, weights = tft.tfidf(sparse, size, smooth=True, name=f"{name}_tfidf")
    return _ragged(bow), _ragged(weights)


def _ragged(sparse: tf.SparseTensor) -> tf.RaggedTensor:
    """Return rows of values as ragged; tf.Transform must know that a value is one number."""
    ragged = tf.RaggedTensor.from_sparse(sparse)
    return ragged.with_values(tf.reshape(ragged.values, [-1]))


def _of_category(
    name: str, column: CategoricalColumn, value: tf.Tensor, real: tf.Tensor
) -> tf.Tensor:
    some = value != ""
    ids = _known(name, value, tf.boolean_mask(value, real & some), column.top_k)
    return tf.where(some, ids, tf.zeros_like(ids))


def _of_number(column: DenseColumn, value: tf.Tensor, real: tf.Tensor) -> tf.Tensor:
    missing = tf.math.is_nan(value)
    if column.default is not None:
        filled = tf.where(missing, tf.constant(column.default, tf.float32), value)
        return tft.scale_to_z_score(tf.boolean_mask(filled, real))
    places = tf.where(~missing)
    some = tf.SparseTensor(places, tf.gather_nd(value, places), tf.shape(value, tf.int64))
    scaled = tft.scale_to_z_score(some)
    return tf.scatter_nd(places, scaled.values, tf.shape(value, tf.int64))
