"""CRC-32C of many values at once, and of two values put together from those of each.

A CRC is linear: that of `a` and `b` is that of `a`, moved on by as many zero bytes as `b` has, xor
that of `b` (`crc32_combine` of zlib, https://github.com/madler/zlib). Moving on is looked up.
"""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa
from google_crc32c import value as crc32c

from transforms.example_bytes import byte_lengths

_POLYNOMIAL = 0x82F63B78  # of CRC-32C, the lowest bit first
_OCTETS, _BITS = 4, 8


def crc_of_each(values: pa.LargeBinaryArray) -> np.ndarray:
    """Return the CRC-32C of each of the values [n], uint32 [n]."""
    return np.fromiter(map(crc32c, values.to_pylist()), np.uint32, len(values))


class Endings:
    """Values [m] that are put behind others, and what their CRCs need."""

    def __init__(self, values: pa.LargeBinaryArray) -> None:
        self.values, self._crc = values, crc_of_each(values)
        lengths = byte_lengths(values)
        distinct, self._table = np.unique(lengths, return_inverse=True)
        tables = [_moved_on(length) for length in distinct.tolist()]
        self._tables = np.array(tables, np.uint32).reshape(-1, _OCTETS, 1 << _BITS)

    def crc_behind(self, crc: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Return from the CRC of each value [n] that of it with the ending `place` behind it."""
        table, moved = self._table[place], self._crc[place]
        for octet in range(_OCTETS):
            moved = moved ^ self._tables[table, octet, crc >> np.uint32(octet * _BITS) & 0xFF]
        return moved


@functools.lru_cache(maxsize=4096)
def _moved_on(length: int) -> np.ndarray:
    """Return what each octet of a CRC becomes after so many zero bytes, uint32 [4, 256]."""
    bits = np.uint32(1) << np.arange(_OCTETS * _BITS, dtype=np.uint32)
    for _ in range(length * _BITS):
        bits = (bits >> np.uint32(1)) ^ np.where(bits & 1, np.uint32(_POLYNOMIAL), np.uint32(0))
    table = np.zeros((_OCTETS, 1 << _BITS), np.uint32)
    octets = np.arange(1 << _BITS)
    for bit, moved in enumerate(bits):
        octet, place = divmod(bit, _BITS)
        table[octet] ^= np.where(octets >> place & 1, moved, np.uint32(0))
    return table
