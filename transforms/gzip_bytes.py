"""Gzip streams of blocks, compressed by ISA-L, whose bytes hang on the data alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from isal import isal_zlib

_RAW = -15  # zlib's `wbits` for the largest window and no header
_FIRST = 8
_SIZE_MASK = (1 << 32) - 1
HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate; no time, no name, no system: RFC 1952
_LAST_BLOCK = b"\x03\0"  # an empty one, of fixed codes: RFC 1951


@dataclass(frozen=True)
class GzipBlock:
    """Compressed data that may stand anywhere in a stream: nothing in it points before it.

    `crc` is the CRC-32 of the data, `size` how many bytes it has.
    """

    packed: bytes | memoryview
    crc: int
    size: int


def compress_block(data: bytes | memoryview, level: int) -> GzipBlock:
    """Compress data at ISA-L's level 0 to 3: the same data gives the same bytes, always.

    ISA-L's own compressor does not at levels 1 and 2: for the third byte of a block it takes a hash
    of its own address in memory (`write_first_byte` in igzip_icf_body_h1_gr_bt.asm), which in one
    file of 4,000 changes what is matched later. Where a flush follows the first bytes, other code
    takes them: that of the end of a stream.
    """
    if not len(data):
        return GzipBlock(b"", 0, 0)
    compressor = isal_zlib.compressobj(level, wbits=_RAW)
    packed = [
        compressor.compress(data[:_FIRST]),
        compressor.flush(isal_zlib.Z_SYNC_FLUSH),
        compressor.compress(data[_FIRST:]),
        compressor.flush(isal_zlib.Z_FULL_FLUSH),
    ]
    return GzipBlock(b"".join(packed), isal_zlib.crc32(data), len(data))


def join_blocks(blocks: Iterable[GzipBlock]) -> bytes:
    """Return the gzip stream of blocks, one after the other."""
    packed: list[bytes | memoryview] = [HEADER]
    crc = size = 0
    for block in blocks:
        packed.append(block.packed)
        crc = isal_zlib.crc32_combine(crc, block.crc, block.size)
        size += block.size
    ends = (number.to_bytes(4, "little") for number in (crc, size & _SIZE_MASK))
    return b"".join([*packed, _LAST_BLOCK, *ends])


def gzip_bytes(data: bytes, level: int) -> bytes:
    """Return the gzip stream of all of the data."""
    return join_blocks([compress_block(data, level)])
