"""Write serialised examples as compressed TFRecord files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from google_crc32c import value as crc32c
from isal import igzip

from pipelines import storage

_HEAD = np.dtype([("length", "<u8"), ("crc", "<u4")])
_MASK_DELTA = 0xA282EAD8


def write_tfrecords(path: str, examples: Sequence[bytes], compression_level: int) -> int:
    """Write the examples to one gzip-compressed TFRecord file; return its size in bytes.

    The same examples give the same bytes: the gzip header holds no time and no name.
    """
    packed = igzip.compress(frame(examples), compresslevel=compression_level, mtime=0)
    storage.write_bytes(path, packed)
    return len(packed)


def frame(examples: Sequence[bytes]) -> bytes:
    """Return the TFRecord stream of the examples: length, its CRC, data, its CRC, each masked.

    Format: tensorflow/core/lib/io/record_writer.h.
    """
    lengths = np.fromiter(map(len, examples), np.uint64, len(examples))
    heads = np.empty(len(examples), _HEAD)
    heads["length"] = lengths
    distinct, place = np.unique(lengths, return_inverse=True)
    of_length = np.array([crc32c(length.tobytes()) for length in distinct], np.uint32)
    heads["crc"] = _masked(of_length)[place]
    tails = _masked(np.fromiter(map(crc32c, examples), np.uint32, len(examples)))
    pieces = zip(_cut(heads), examples, _cut(tails), strict=True)
    return b"".join(itertools.chain.from_iterable(pieces))


def _cut(values: np.ndarray) -> Iterator[bytes]:
    """Yield the bytes of each value."""
    size, whole = values.dtype.itemsize, values.tobytes()
    return (whole[at : at + size] for at in range(0, len(whole), size))


def _masked(crc: np.ndarray) -> np.ndarray:
    """Return CRCs rotated and shifted, uint32 [n], as TFRecords hold them."""
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(_MASK_DELTA)
