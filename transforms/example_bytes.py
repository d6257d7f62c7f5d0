"""Serialise columns as `tf.train.Example`s, all rows at once: the wire format by array operations.

TFX's encoder makes one Python object a row and column under Python's lock, and writes two features
of an example in an order of its own. Here a feature of all rows is one array of bytes; joining the
arrays of several features row by row gives examples with these features, in that order, since
messages one after the other are the merged message
(https://protobuf.dev/programming-guides/encoding/#last-one-wins).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_NOTHING = pa.scalar(b"", pa.large_binary())
_SMALL = 1 << 28  # what four groups of seven bits hold
_MOST_BYTES = 10


def int64_feature(name: str, values: pa.ListArray) -> pa.LargeBinaryArray:
    """Return for lists int64 [n, (m)] the example that holds each as feature `name`, bytes [n]."""
    return packed_feature(name, pack_int64(values))


def packed_feature(name: str, packed: pa.LargeBinaryArray) -> pa.LargeBinaryArray:
    """Return the same for lists that `pack_int64` has packed, bytes [n]."""
    return _feature(name, packed, _int64_list)


def float_feature(name: str, values: pa.ListArray) -> pa.LargeBinaryArray:
    """Return for lists float32 [n, (m)] the example that holds each as feature `name`."""
    numbers = values.flatten().to_numpy(zero_copy_only=False).astype("<f4")
    lists = np.concatenate(([0], np.cumsum(values.value_lengths().to_numpy(), dtype=np.int64)))
    offsets, data = pa.py_buffer(lists * 4), pa.py_buffer(numbers.tobytes())
    packed = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(values), [None, offsets, data])
    return _feature(name, packed, _float_list)


def bytes_feature(name: str, values: pa.Array) -> pa.LargeBinaryArray:
    """Return for strings or bytes [n] the example that holds each as feature `name`, bytes [n]."""
    return _feature(name, values.cast(pa.large_binary()), _bytes_list)


def join_rows(columns: Sequence[pa.LargeBinaryArray]) -> pa.LargeBinaryArray:
    """Put arrays of bytes [n] together row by row, bytes [n]."""
    return pc.binary_join_element_wise(*columns, _NOTHING)


def by_length(lengths: np.ndarray, make: Callable[[int], bytes]) -> pa.LargeBinaryArray:
    """Return `make(length)` for each length, bytes [n]; it is called once a distinct length."""
    occurs = np.bincount(lengths) > 0  # lengths are small: `np.unique` would sort all rows
    made = pa.array([make(length) for length in np.flatnonzero(occurs).tolist()], pa.large_binary())
    return made.take(pa.array((np.cumsum(occurs) - 1)[lengths]))


def byte_lengths(values: pa.Array) -> np.ndarray:
    """Return how many bytes each value has, int64 [n]."""
    return pc.binary_length(values).to_numpy(zero_copy_only=False).astype(np.int64)


def _feature(
    name: str, content: pa.LargeBinaryArray, head_of: Callable[[str, int], bytes]
) -> pa.LargeBinaryArray:
    heads = by_length(byte_lengths(content), lambda length: head_of(name, length))
    return join_rows([heads, content])


def _int64_list(name: str, length: int) -> bytes:
    """Return what stands before `length` bytes of packed numbers in an example."""
    return _before(name, length, b"\x0a", b"\x1a")


def _float_list(name: str, length: int) -> bytes:
    """Return what stands before `length` bytes of packed numbers of four bytes in an example."""
    return _before(name, length, b"\x0a", b"\x12")


def _bytes_list(name: str, length: int) -> bytes:
    """Return what stands before `length` bytes, the one value of a feature, in an example."""
    return _before(name, length, b"\x0a", b"\x0a")


@functools.lru_cache(maxsize=1 << 16)
def _before(name: str, length: int, value: bytes, kind: bytes) -> bytes:
    """Nest: Example.features, its map's entry, key and value, the kind of list, its content.

    `value` and `kind` are the tags of the list's content and of the list (feature.proto).
    """
    key = name.encode()
    content = value + varint(length)
    feature = kind + varint(len(content) + length) + content
    entry = b"\x0a" + varint(len(key)) + key + b"\x12" + varint(len(feature) + length) + feature
    features = b"\x0a" + varint(len(entry) + length) + entry
    return b"\x0a" + varint(len(features) + length) + features


def varint(number: int) -> bytes:
    """Return a number of at least 0 in groups of seven bits, the lowest first."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def pack_int64(values: pa.ListArray) -> pa.LargeBinaryArray:
    """Return the numbers of each list as varints, one after the other, bytes [n]."""
    numbers = values.flatten().to_numpy(zero_copy_only=False)
    small = not len(numbers) or (numbers.min() >= 0 and numbers.max() < _SMALL)
    matrix, sizes = _small_varints(numbers) if small else _varints(numbers)
    width = matrix.shape[1]
    data = matrix[np.arange(width) < sizes[:, None]]
    ends = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
    lists = np.concatenate(([0], np.cumsum(values.value_lengths().to_numpy(), dtype=np.int64)))
    offsets = pa.py_buffer(ends[lists])
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(values), [None, offsets, pa.py_buffer(data)]
    )


def unpack_int64(packed: pa.LargeBinaryArray) -> np.ndarray:
    """Return the numbers of all lists that `pack_int64` packed, one after the other, int64 [m]."""
    _, offsets, data = packed.buffers()
    if not len(packed) or data is None:
        return np.empty(0, np.int64)
    ends = np.frombuffer(offsets, np.int64)[packed.offset : packed.offset + len(packed) + 1]
    octets = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    last = np.flatnonzero(octets < 0x80)
    begins = np.concatenate(([0], last[:-1] + 1))
    sizes = last - begins + 1
    numbers = np.zeros(len(last), np.int64)
    for group in range(int(sizes.max(initial=0))):
        has = sizes > group
        numbers[has] |= (octets[begins[has] + group] & 0x7F).astype(np.int64) << 7 * group
    return numbers


def _small_varints(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return varints of numbers below 2^28 as bytes [n, 4], and how many bytes of each count."""
    number = numbers.astype(np.uint32)
    spread = number & 0x7F
    sizes = np.ones(len(number), np.int8)
    for group in range(1, 4):
        more = number >= 1 << 7 * group
        sizes += more
        spread |= (number & (0x7F << 7 * group)) << group
        spread |= more.astype(np.uint32) << (8 * group - 1)
    return spread.astype("<u4").view(np.uint8).reshape(-1, 4), sizes


def _varints(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return varints of any int64 as bytes [n, 10], and how many bytes of each count."""
    left = numbers.astype(np.int64).view(np.uint64)
    matrix = np.zeros((len(left), _MOST_BYTES), np.uint8)
    sizes = np.ones(len(left), np.int8)
    for group in range(_MOST_BYTES):
        matrix[:, group] = left & np.uint64(0x7F)
        left = left >> np.uint64(7)
        matrix[left > 0, group] |= 0x80
        sizes += left > 0
    return matrix, sizes
