"""The one text path: cleaning, tokens and n-grams as TensorFlow string operations.

Preprocessing, training and, inside the exported graph, prediction all call these functions.
Each takes a string tensor of shape [batch] (UTF-8) and can be traced into a graph.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf

from transforms.characters import one_form
from transforms.markup import plain_text
from transforms.rows import in_rows
from transforms.text_keys import KEY_BITS

# What Python's `\s` and `str.strip` take for white space; RE2's own `\s` is ASCII only.
_NOT_PLAIN_SPACES = (
    r"\t-\r\x1c-\x1f\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
)
_SPACE = f"[ {_NOT_PLAIN_SPACES}]"
_EDGES = f"^{_SPACE}+|{_SPACE}+$"
# A lone space is left alone: matching it would cost more than all the rest of the cleaning.
_RUNS = f"[{_NOT_PLAIN_SPACES}]{_SPACE}*| {_SPACE}+"
# RE2 has neither look-around nor a Unicode `\b`: the neighbours are matched and put back.
_SINGLE_LETTER = r"(^|[^\pL\pN_])[a-zA-Z]($|[^\pL\pN_])"
# Scripts written without spaces between words: each character stands for itself.
_UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"


# Without a language nobody knows what `I` is in small letters: the four letters are one.
_TURKISH_I = "i\u0307|\u0131"

_MULTIPLIER = 0x5851F42D4C957F2D  # Knuth's MMIX linear congruential multiplier
_CHARACTER = 0x1E3779B97F4A7C15  # odd; spreads code points, which are small, over 64 bits
_HALF = 32


def clean_title(
    title: tf.Tensor,
    *,
    html: bool,
    normalize: bool,
    lower_case: bool,
    replace: Sequence[tuple[str, str]],
    drop_single_letters: bool,
) -> tf.Tensor:
    """Clean titles [batch] -> [batch], in the order of the course notebook.

    `"Sony 49""-Class | A TV"` read as `Sony 49"-Class | A TV` gives `sony 49 class tv`. Before that
    `html` writes entities and tags as what they show (`transforms.markup`), and `normalize`
    characters in one form (`transforms.characters`). `replace` holds pairs of an RE2 pattern and
    what stands for it.
    """
    text = plain_text(title) if html else title
    text = tf.strings.lower(text) if lower_case else text
    if normalize or lower_case:  # only rows beyond ASCII pay for Unicode's rules
        further = functools.partial(_in_unicode, normalize=normalize, lower_case=lower_case)
        text = in_rows(_beyond_ascii(text), further, text)
    for pattern, replacement in replace:
        text = tf.strings.regex_replace(text, pattern, replacement)
    text = trim(text)
    if drop_single_letters:
        once = _drop_single_letters(text)
        # Neighbours share the character between them: `a b` needs a second pass.
        text = in_rows(tf.not_equal(once, text), _drop_single_letters, once)
    return tf.strings.regex_replace(text, _RUNS, " ")


def trim(text: tf.Tensor) -> tf.Tensor:
    """Remove white space of any script at both ends of texts [batch]."""
    return tf.strings.regex_replace(text, _EDGES, "")


def _in_unicode(text: tf.Tensor, *, normalize: bool, lower_case: bool) -> tf.Tensor:
    if normalize:
        text = one_form(text)
    if lower_case:
        text = tf.strings.lower(text, encoding="utf-8")
    if normalize and lower_case:
        text = tf.strings.regex_replace(text, _TURKISH_I, "i")
    return text


def _beyond_ascii(text: tf.Tensor) -> tf.Tensor:
    return tf.not_equal(tf.strings.length(text), tf.strings.length(text, unit="UTF8_CHAR"))


def _drop_single_letters(text: tf.Tensor) -> tf.Tensor:
    return tf.strings.regex_replace(text, _SINGLE_LETTER, r"\1\2")


def _space_characters(text: tf.Tensor) -> tf.Tensor:
    return tf.strings.regex_replace(text, _UNSPACED, r" \1 ")


def keyed_hash(text: tf.Tensor, key: int) -> tf.Tensor:
    """Return SipHash-2-4 of the text under `key`, int64 [batch] in [0, 2^62).

    It decides the split, the shard and the order of a title on every machine alike.
    """
    return tf.strings.to_hash_bucket_strong(text, 1 << KEY_BITS, [key, ~key & ((1 << 63) - 1)])


def tokenize(text: tf.Tensor, *, strip: str, separate: str) -> tf.RaggedTensor:
    """Cut cleaned text [batch] into tokens, strings [batch, (words)].

    `men's 49" tv,red` gives `[mens, 49, tv, red]`. What matches `strip` is removed, what matches
    `separate` parts words; scripts that do not space their words are cut into characters. Text
    without a word has no token.
    """
    if strip:
        text = tf.strings.regex_replace(text, strip, "")
    if separate:
        text = tf.strings.regex_replace(text, separate, " ")
    text = in_rows(_beyond_ascii(text), _space_characters, text)
    return tf.strings.split(text)


def ngram_buckets(
    tokens: tf.RaggedTensor, *, sizes: Sequence[int], character_sizes: Sequence[int], buckets: int
) -> tf.RaggedTensor:
    """Return the buckets of all n-grams, int64 [batch, (n-grams)]: of words, then of characters.

    Where there are both, words have the even buckets and characters the odd ones: a model can tell
    them apart, and may pass over one kind.
    """
    grams = word_buckets(tokens, sizes=sizes, even=bool(character_sizes), buckets=buckets)
    if not character_sizes:
        return grams
    inner = hash_characters(tokens, sizes=character_sizes, buckets=buckets // 2)
    return tf.concat([grams, inner.with_values(2 * inner.values + 1)], axis=1)


def word_buckets(
    tokens: tf.RaggedTensor, *, sizes: Sequence[int], even: bool, buckets: int
) -> tf.RaggedTensor:
    """Return the buckets of the n-grams of words, int64 [batch, (n-grams)]: any, or `even` ones."""
    if not even:
        return hash_ngrams(tokens, sizes=sizes, buckets=buckets)
    grams = hash_ngrams(tokens, sizes=sizes, buckets=buckets // 2)
    return grams.with_values(2 * grams.values)


def hash_ngrams(tokens: tf.RaggedTensor, *, sizes: Sequence[int], buckets: int) -> tf.RaggedTensor:
    """Return one bucket per n-gram, int64 [batch, (n-grams)]: size by size, in reading order.

    An n-gram's hash is that of its first n-1 words times a constant, plus that of its last word,
    modulo 2^64; the hashing trick: Weinberger et al. 2009, https://arxiv.org/abs/0902.2206.
    """
    words = tokens.with_values(tf.strings.to_hash_bucket_fast(tokens.values, (1 << 63) - 1))
    return _in_buckets(tf.concat(_rolling_hashes(words, sizes), axis=1), buckets)


def hash_characters(
    tokens: tf.RaggedTensor, *, sizes: Sequence[int], buckets: int
) -> tf.RaggedTensor:
    """Return one bucket per n-gram of characters, int64 [batch, (n-grams)], word by word.

    A word's edges count as characters: of `tv` sizes 2 and 3 give `<t`, `tv`, `v>`, `<tv`, `tv>`.
    So words that share a stem, or are spelt wrong, share n-grams: Bojanowski et al. 2017,
    https://arxiv.org/abs/1607.04606. Hashed like the n-grams of words.
    """
    edged = tf.strings.join(["<", tokens.values, ">"])
    points = tf.cast(tf.strings.unicode_decode(edged, "UTF-8"), tf.int64)
    characters = points.with_values((points.values + 1) * _CHARACTER)
    of_word = tf.concat(_rolling_hashes(characters, sizes), axis=1)
    of_title = tokens.with_values(of_word).merge_dims(1, 2)
    # Code points are small: without the high bits, like words would fall into like buckets.
    high = tf.bitwise.right_shift(of_title.values, tf.constant(_HALF, tf.int64))
    mixed = of_title.with_values(tf.bitwise.bitwise_xor(of_title.values, high))
    return _in_buckets(mixed, buckets)


def _rolling_hashes(items: tf.RaggedTensor, sizes: Sequence[int]) -> list[tf.RaggedTensor]:
    """Return the hashes of the n-grams of each row's items, int64 [batch, (items)], by size."""
    grams, found = items, []
    for size in range(1, max(sizes) + 1):
        if size > 1:
            shorter = grams[:, :-1]
            last = items[:, size - 1 :]
            grams = shorter.with_values(shorter.values * _MULTIPLIER + last.values)
        if size in sizes:
            found.append(grams)
    return found


def _in_buckets(hashes: tf.RaggedTensor, buckets: int) -> tf.RaggedTensor:
    return hashes.with_values(tf.math.floormod(hashes.values, buckets))
