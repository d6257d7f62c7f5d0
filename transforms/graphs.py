"""TensorFlow graphs over Arrow columns, traced once per process and setting."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import tensorflow as tf

from configs.features import NgramSettings, TextSettings, TokenSettings
from configs.preprocess import SplitSettings
from transforms.example_bytes import pack_int64
from transforms.text import clean_title, keyed_hash, ngram_buckets, tokenize
from transforms.title_parts import TitleFeatures
from transforms.titles import is_training, list_array
from transforms.tokens import TOKEN_COUNTS

_STRINGS = [tf.TensorSpec([None], tf.string)]
# No branch or loop here hangs on a tensor: looking for them would take most of the tracing.
_graph = functools.partial(tf.function, input_signature=_STRINGS, autograph=False)


def to_tensor(column: pa.Array) -> tf.Tensor:
    """Return a string or binary column [n] as a string tensor [n]."""
    return tf.constant(column.cast(pa.binary()).to_numpy(zero_copy_only=False), tf.string)


def from_tensor(tensor: tf.Tensor) -> pa.Array:
    """Return a string tensor [n] as a binary column [n]."""
    return pa.array(tensor.numpy(), pa.binary())


def clean_and_hash(title: pa.Array, text: TextSettings, key: int) -> tuple[pa.Array, pa.Array]:
    """Return the cleaned texts, binary [n], and their keyed hashes, int64 [n]."""
    cleaned, keys = cleaning_graph(text, key)(to_tensor(title))
    return from_tensor(cleaned), pa.array(keys.numpy())


def unique_tokens(text: pa.Array, strip: str, separate: str) -> pa.RecordBatch:
    """Return the distinct tokens of cleaned texts and their counts, as `TOKEN_COUNTS`."""
    tokens, counts = counting_graph(strip, separate)(to_tensor(text))
    return pa.RecordBatch.from_arrays(
        [from_tensor(tokens), pa.array(counts.numpy())], schema=TOKEN_COUNTS
    )


def title_features(
    titles: pa.RecordBatch, tokens: TokenSettings, ngrams: NgramSettings, split: SplitSettings
) -> TitleFeatures:
    """Return the features of titles, whose columns `key` and `text` matter."""
    graph = features_graph(tokens.model_dump_json(), ngrams.model_dump_json())
    found = graph(to_tensor(titles.column("text")))
    place, words, grams, sizes = (tensor.numpy() for tensor in found[1:])
    train = np.repeat(is_training(titles, split), words)
    inside = np.arange(len(place)) - np.repeat(np.cumsum(words) - words, words)
    dictionary = from_tensor(found[0])
    return TitleFeatures(
        list_array(place[inside < tokens.length], np.minimum(words, tokens.length)),
        pack_int64(list_array(grams, sizes)),
        dictionary,
        np.bincount(place[train], minlength=len(dictionary)),
    )


@functools.cache
def features_graph(tokens: str, ngrams: str) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
    """Return the graph from cleaned texts [n] to distinct tokens [m], the place of each word there
    [words], how many words each text has [n], the buckets of n-grams, and how many each has [n].
    """
    of_tokens = TokenSettings.model_validate_json(tokens)
    of_ngrams = NgramSettings.model_validate_json(ngrams)

    @_graph
    def run(text: tf.Tensor) -> tuple[tf.Tensor, ...]:
        words = tokenize(text, strip=of_tokens.strip, separate=of_tokens.separate)
        distinct, place = tf.unique(words.values)
        grams = ngram_buckets(
            words,
            sizes=of_ngrams.sizes,
            character_sizes=of_ngrams.character_sizes or (),
            buckets=of_ngrams.buckets,
        )
        return distinct, place, words.row_lengths(), grams.values, grams.row_lengths()

    return run


def cleaning_of(text: TextSettings) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return `clean_title` with these settings."""
    return functools.partial(
        clean_title,
        html=text.html,
        normalize=text.normalize,
        lower_case=text.lower_case,
        replace=[(rule.find, rule.replace) for rule in text.replace],
        drop_single_letters=text.drop_single_letters,
    )


@functools.cache
def _cleaning_graph(document: str, key: int) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    clean = cleaning_of(TextSettings.model_validate_json(document))

    @_graph
    def run(title: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        text = clean(title)
        return text, keyed_hash(text, key)

    return run


def cleaning_graph(
    text: TextSettings, key: int
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return the graph from titles [n] to cleaned texts [n] and hashes [n]."""
    return _cleaning_graph(text.model_dump_json(), key)


@functools.cache
def counting_graph(strip: str, separate: str) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return the graph from cleaned texts [n] to distinct tokens [m] and counts int64 [m]."""

    @_graph
    def run(text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        words = tokenize(text, strip=strip, separate=separate).values
        found = tf.unique_with_counts(words, out_idx=tf.int64)
        return found.y, found.count

    return run


@functools.cache
def hash_graph() -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the graph from strings [n] to their hashes, int64 [n], under a key of zero."""
    return _graph(functools.partial(keyed_hash, key=0))
