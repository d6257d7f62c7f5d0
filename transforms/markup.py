"""HTML in titles as the text that it shows: TensorFlow operations on UTF-8 text.

Feeds that were made for web pages have `K&uuml;hlschrank`, `Tom&nbsp;&amp;&nbsp;Jerry` and
`<b>New</b>`, some of their records at least, and some have each `&` written as `&amp;` once more.
"""

from __future__ import annotations

import functools
import html
from collections.abc import Iterator
from html.entities import name2codepoint

import numpy as np
import tensorflow as tf

from transforms.rows import in_rows

_REFERENCE = "#[xX]?[0-9A-Fa-f]{1,7}|[A-Za-z][A-Za-z0-9]{1,7}"
_ENTITY = f"&(?:{_REFERENCE});"
_TAGS = "b|br|p|i|u|em|strong|span|font|sup|sub|small|big|mark|div|li|ul|ol|h[1-6]|a|img|nobr|wbr"
_TAG = rf"(?i)</?(?:{_TAGS})(?:\s[^<>]*)?/?>"
_SOME = rf"(?is).*(?:{_ENTITY}|</?(?:{_TAGS})[\s/>]).*"
_TWICE = f"(?i)&amp;((?:{_REFERENCE});)"
_DECIMAL = "&#0*([1-9][0-9]{1,5});"  # of five digits at most all are characters, or replaced
_BETWEEN = "\x1e"  # a white space to those who look for it, so that none is lost
_BUCKETS = 1 << 62
# What is written in hexadecimal figures, of which TensorFlow makes no number: letters of Europe,
# dashes, quotation marks.
_OFTEN = (*range(0x20, 0x250), *range(0x2000, 0x2070), 0x20AC, 0x2122)
_WINDOWS = range(0x80, 0xA0)  # a number of Windows' page, as browsers read it


def plain_text(text: tf.Tensor) -> tf.Tensor:
    """Write HTML in texts [batch] as what it shows; only rows that have some pay for it.

    `<b>K&uuml;hl&#45;schrank</b>` gives ` Kühl-schrank `. What is no entity, as `R&D;`, stays.
    """
    return in_rows(tf.strings.regex_full_match(text, _SOME), _shown, text)


def _shown(text: tf.Tensor) -> tf.Tensor:
    text = tf.strings.regex_replace(text, _BETWEEN, " ")
    text = tf.strings.regex_replace(text, _TWICE, r"&\1")
    marked = tf.strings.regex_replace(text, f"({_ENTITY})", rf"{_BETWEEN}\1{_BETWEEN}")
    pieces = tf.strings.split(marked, _BETWEEN)
    shown = tf.strings.unsorted_segment_join(
        _characters(pieces.values), pieces.value_rowids(), pieces.nrows()
    )
    return tf.strings.regex_replace(shown, _TAG, " ")


def _characters(pieces: tf.Tensor) -> tf.Tensor:
    """Return for each piece [n] the character that it names, or the piece where it names none."""
    hashes, characters = _named()
    found = tf.strings.to_hash_bucket_fast(pieces, _BUCKETS)
    place = tf.minimum(tf.searchsorted(hashes, found), len(hashes) - 1)
    pieces = tf.where(
        tf.equal(tf.gather(hashes, place), found), tf.gather(characters, place), pieces
    )
    is_number = tf.strings.regex_full_match(pieces, _DECIMAL)
    digits = tf.strings.regex_replace(pieces, f"^{_DECIMAL}$", r"\1")
    number = tf.strings.to_number(tf.where(is_number, digits, "32"), tf.int32)
    return tf.where(is_number, tf.strings.unicode_encode(number[:, tf.newaxis], "UTF-8"), pieces)


@functools.cache
def _named() -> tuple[np.ndarray, np.ndarray]:
    """Return the hashes of all entities that are looked up, sorted, and the character of each."""
    table = dict(_entities())
    with tf.init_scope():
        hashes = tf.strings.to_hash_bucket_fast(list(table), _BUCKETS).numpy()
    order = np.argsort(hashes)
    return hashes[order], np.array(list(table.values()), object)[order]


def _entities() -> Iterator[tuple[str, str]]:
    names = [*name2codepoint, "apos"]
    for name in names:
        if name.upper() not in name2codepoint:  # of texts in capitals
            yield f"&{name.upper()};", html.unescape(f"&{name};").upper()
    for name in names:
        yield f"&{name};", html.unescape(f"&{name};")
    for point in _OFTEN:
        for figures in (f"{point:x}", f"{point:X}", f"{point:04x}", f"{point:04X}"):
            for mark in "xX":
                yield f"&#{mark}{figures};", html.unescape(f"&#x{figures};")
    for point in (*range(10), *_WINDOWS):  # those of one digit are none that can be seen
        yield f"&#{point};", html.unescape(f"&#{point};") if point in _WINDOWS else " "
