"""Forms of a character that mean the same, written as one: TensorFlow operations on UTF-8 text.

Feeds write the same letter in several ways: accents apart from their letter (files of a Mac), Latin
letters as wide as Chinese ones and katakana half as wide (Japanese shops), letters joined or in the
shapes of Arabic print, bold letters of the mathematicians' alphabets (sellers who want to be seen).
What becomes of them is Unicode's NFC (https://www.unicode.org/reports/tr15/), and of the forms that
`_FORMS` names also NFKC. Not of others: `㎡` is no `m2` to a shop, `™` no `tm`.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from transforms.rows import in_rows

_FORMS = {"<wide>", "<narrow>", "<font>", "<initial>", "<medial>", "<final>", "<isolated>"}
_LIGATURES = range(0xFB00, 0xFB18)  # Latin and Armenian ones, `<compat>` as much else
_PLANES = (*range(0x80, 0x20000), *range(0x2F800, 0x2FA20))  # outside nothing has parts
_MARKS_AT_MOST = 3  # on one letter: Greek has three, Vietnamese two
_FIRST = 1 << 32  # what the first character of a pair counts
# Korean syllables are reckoned, not looked up: section 3.12 of the Unicode standard.
_SYLLABLES, _LEADS, _VOWELS, _TRAILS = 0xAC00, 0x1100, 0x1161, 0x11A7
_LEAD_COUNT, _VOWEL_COUNT, _TRAIL_COUNT = 19, 21, 28


def one_form(text: tf.Tensor) -> tf.Tensor:
    """Write each character of texts [batch] in one form; only rows that have others pay for it.

    `ﬁ` gives `fi`, the two of `ｶﾞ` give `ガ`, `e` and an accent behind it `é`.
    """
    return in_rows(tf.strings.regex_full_match(text, _pattern()), _in_one_form, text)


def _in_one_form(text: tf.Tensor) -> tf.Tensor:
    """Do so in every row. Ragged operations that check themselves have another name in each graph,
    which tf.Transform does not bear: between both ends characters are flat, beside their rows.
    """
    points = tf.strings.unicode_decode(text, "UTF-8")
    flat, row = _replaced(points.values, points.value_rowids())
    for _ in range(_MARKS_AT_MOST):
        flat, row = _composed(flat, row)
    points = tf.RaggedTensor.from_value_rowids(flat, row, points.nrows(), validate=False)
    return tf.strings.unicode_encode(points, "UTF-8")


def _replaced(flat: tf.Tensor, row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Write what other characters stand for in the place of each, int32 [n] and its row [n]."""
    tables = _tables()
    place, known = _found(flat, tables.single)
    lengths = tf.where(known, tf.gather(tables.lengths, place), 1)
    of = tf.repeat(tf.range(tf.size(flat)), lengths)
    inside = tf.range(tf.size(of)) - tf.gather(tf.cumsum(lengths, exclusive=True), of)
    begins = np.cumsum(tables.lengths) - tables.lengths
    instead = tf.gather(begins.astype(np.int32), tf.gather(place, of)) + inside
    instead = tf.gather(tables.instead, tf.minimum(instead, len(tables.instead) - 1))
    written = tf.where(tf.gather(known, of), instead, tf.gather(flat, of))
    return written, tf.gather(row, of)


def _composed(flat: tf.Tensor, row: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Join each character, int32 [n], with a mark right behind it in its row, if there is such."""
    tables, first, second = _tables(), flat[:-1], flat[1:]
    pair = tf.cast(first, tf.int64) * _FIRST + tf.cast(second, tf.int64)
    place, known = _found(pair, tables.pair)
    joined = tf.where(known, tf.gather(tables.joined, place), first)
    for korean, syllable in (_lead_and_vowel(first, second), _syllable_and_trail(first, second)):
        joined, known = tf.where(korean, syllable, joined), known | korean
    known &= tf.equal(row[:-1], row[1:])
    none = tf.zeros([tf.minimum(1, tf.size(flat))], tf.bool)
    values = tf.where(
        tf.concat([known, none], axis=0), tf.concat([joined, flat[-1:]], axis=0), flat
    )
    kept = tf.where(~tf.concat([none, known], axis=0))[:, 0]
    return tf.gather(values, kept), tf.gather(row, kept)


def _lead_and_vowel(first: tf.Tensor, second: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    lead, vowel = first - _LEADS, second - _VOWELS
    syllable = _SYLLABLES + (lead * _VOWEL_COUNT + vowel) * _TRAIL_COUNT
    return _within(lead, 0, _LEAD_COUNT) & _within(vowel, 0, _VOWEL_COUNT), syllable


def _syllable_and_trail(first: tf.Tensor, second: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    syllable, trail = first - _SYLLABLES, second - _TRAILS
    open_ones = _within(syllable, 0, _LEAD_COUNT * _VOWEL_COUNT * _TRAIL_COUNT)
    open_ones &= tf.equal(tf.math.floormod(syllable, _TRAIL_COUNT), 0)
    return open_ones & _within(trail, 1, _TRAIL_COUNT), first + trail


def _within(number: tf.Tensor, least: int, end: int) -> tf.Tensor:
    return (number >= least) & (number < end)


def _found(values: tf.Tensor, keys: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    """Return where each value stands in the sorted keys, int32 [n], and whether it does."""
    place = tf.minimum(tf.searchsorted(keys, values), len(keys) - 1)
    return place, tf.equal(tf.gather(keys, place), values)


@dataclass(frozen=True)
class _Tables:
    """Characters `single`, sorted, of which each has the next of `lengths` of those in `instead`.

    And `pair`, sorted, of which each is one of `joined`.
    """

    single: np.ndarray
    instead: np.ndarray
    lengths: np.ndarray
    pair: np.ndarray
    joined: np.ndarray


@functools.cache
def _tables() -> _Tables:
    singles, pairs = {}, {}
    for character in filter(unicodedata.decomposition, map(chr, _PLANES)):
        instead = _instead_of(character)
        if instead != character:
            singles[ord(character)] = instead
        elif len(parts := _parts(character)) == 2:
            pairs[ord(parts[0]) * _FIRST + ord(parts[1])] = ord(character)
    in_order = sorted(pairs)
    return _Tables(
        np.array(list(singles), np.int32),
        np.array([ord(c) for text in singles.values() for c in text], np.int32),
        np.array([len(text) for text in singles.values()], np.int32),
        np.array(in_order, np.int64),
        np.array([pairs[pair] for pair in in_order], np.int32),
    )


def _instead_of(character: str) -> str:
    form = unicodedata.decomposition(character).partition(" ")[0]
    if form in _FORMS or ord(character) in _LIGATURES:
        return unicodedata.normalize("NFKC", character)
    return unicodedata.normalize("NFC", character)


def _parts(character: str) -> str:
    """Return the two characters of which one is composed; nothing for one that is not."""
    found = unicodedata.decomposition(character)
    return "" if found.startswith("<") else "".join(chr(int(p, 16)) for p in found.split())


@functools.cache
def _pattern() -> str:
    """Return the RE2 pattern of texts in which something may change."""
    tables = _tables()
    behind = {int(pair) % _FIRST for pair in tables.pair}
    behind |= {_VOWELS + n for n in range(_VOWEL_COUNT)} | {
        _TRAILS + n for n in range(_TRAIL_COUNT)
    }
    ranges = _ranges(behind | set(map(int, tables.single)))
    inside = "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in ranges)
    return f"(?s).*[{inside}].*"


def _ranges(points: Iterable[int]) -> list[tuple[int, int]]:
    """Return the runs of these numbers, first and last of each."""
    ordered = np.array(sorted(points))
    breaks = np.flatnonzero(np.diff(ordered) > 1)
    first, last = np.append(0, breaks + 1), np.append(breaks, len(ordered) - 1)
    return list(zip(ordered[first].tolist(), ordered[last].tolist(), strict=True))
