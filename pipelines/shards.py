"""Write serialised examples as compressed TFRecord files."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from google_crc32c import value as crc32c
from isal import igzip

from pipelines import storage
from transforms.example_bytes import by_length, byte_lengths, join_rows

_MASK_DELTA = 0xA282EAD8


def write_tfrecords(path: str, examples: pa.LargeBinaryArray, compression_level: int) -> int:
    """Write the examples to one gzip-compressed TFRecord file; return its size in bytes.

    The same examples give the same bytes: the gzip header holds no time and no name.
    """
    packed = igzip.compress(frame(examples), compresslevel=compression_level, mtime=0)
    storage.write_bytes(path, packed)
    return len(packed)


def frame(examples: pa.LargeBinaryArray) -> memoryview:
    """Return the TFRecord stream of the examples: length, its CRC, data, its CRC, each masked.

    Format: tensorflow/core/lib/io/record_writer.h.
    """
    heads = by_length(byte_lengths(examples), _head)
    crc = np.fromiter(map(crc32c, examples.to_pylist()), np.uint32, len(examples))
    records = join_rows([heads, examples, _fixed(_masked(crc).astype("<u4"))])
    return _content(records)


def _head(length: int) -> bytes:
    size = length.to_bytes(8, "little")
    crc = _masked(np.array([crc32c(size)], np.uint32))
    return size + crc.astype("<u4").tobytes()


def _masked(crc: np.ndarray) -> np.ndarray:
    """Return CRCs rotated and shifted, uint32 [n], as TFRecords hold them."""
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
