"""Write serialised examples as compressed TFRecord files."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pyarrow as pa
from google_crc32c import value as crc32c
from isal import isal_zlib

from pipelines import storage
from transforms.example_bytes import by_length, byte_lengths, join_rows

_MASK_DELTA = 0xA282EAD8
_GZIP = 31  # zlib's `wbits` for a gzip header and the largest window


class TFRecordFile:
    """A gzip-compressed TFRecord file: examples are added a block at a time, then it is written.

    The same blocks give the same bytes: the gzip header holds no time and no name.
    """

    def __init__(self, path: str, compression_level: int) -> None:
        self.path = path
        self._compressor = isal_zlib.compressobj(compression_level, wbits=_GZIP)
        self._packed: list[bytes] = []

    def add(self, examples: pa.LargeBinaryArray) -> None:
        """Compress serialised examples, bytes [n], behind those before them."""
        self._packed.append(self._compressor.compress(frame(examples)))

    def write(self) -> int:
        """Write the file; return its size in bytes."""
        packed = b"".join([*self._packed, self._compressor.flush()])
        storage.write_bytes(self.path, packed)
        return len(packed)


def frame(examples: pa.LargeBinaryArray) -> memoryview:
    """Return the TFRecord stream of the examples: length, its CRC, data, its CRC, each masked.

    Format: tensorflow/core/lib/io/record_writer.h.
    """
    heads = by_length(byte_lengths(examples), _head)
    crc = np.fromiter(map(crc32c, examples.to_pylist()), np.uint32, len(examples))
    records = join_rows([heads, examples, _fixed(_masked(crc).astype("<u4"))])
    return _content(records)


@functools.lru_cache(maxsize=1 << 16)
def _head(length: int) -> bytes:
    size = length.to_bytes(8, "little")
    return size + _masked(np.uint32(crc32c(size))).astype("<u4").tobytes()


def _masked(crc: Any) -> Any:
    """Return a CRC or CRCs, uint32, rotated and shifted as TFRecords hold them."""
    with np.errstate(over="ignore"):
        return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(_MASK_DELTA)


def _fixed(values: np.ndarray) -> pa.LargeBinaryArray:
    """Return the bytes of each value, bytes [n]."""
    offsets = np.arange(len(values) + 1, dtype=np.int64) * values.dtype.itemsize
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(values)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(values), buffers)


def _content(values: pa.LargeBinaryArray) -> memoryview:
    """Return the values one after the other, without a copy."""
    _, offsets, data = values.buffers()
    if not len(values) or data is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, np.int64)[values.offset : values.offset + len(values) + 1]
    return memoryview(data).cast("B")[int(ends[0]) : int(ends[-1])]
