"""Write serialised examples as compressed TFRecord files."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from google_crc32c import value as crc32c
from isal import igzip

from pipelines import storage

_HEAD = struct.Struct("<QI")
_TAIL = struct.Struct("<I")
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
    parts: list[bytes] = []
    for data in examples:
        length = len(data)
        head = _LENGTHS.get(length) or _LENGTHS.setdefault(length, _head(length))
        parts += (head, data, _TAIL.pack(_masked(crc32c(data))))
    return b"".join(parts)


_LENGTHS: dict[int, bytes] = {}


def _head(length: int) -> bytes:
    return _HEAD.pack(length, _masked(crc32c(struct.pack("<Q", length))))


def _masked(crc: int) -> int:
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF
