"""Gzip: what went in comes out, and the bytes hang on it alone, not on where memory lies."""

from __future__ import annotations

import gzip
import random

import pytest
from isal import isal_zlib

from transforms.gzip_bytes import GzipCompressor, gzip_bytes

PIECE = bytes(range(64)) * 5


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_bytes_do_not_hang_on_the_address_of_the_compressor(level: int) -> None:
    chance, differing = random.Random(level), []
    for number in range(4_000):  # as many different places in the compressor's table
        head = chance.randbytes(8)
        data = b"".join(
            [head, b"q" * 300, head[:4], b"r" * 301, head[1:5], b"s" * 300, head[2:6], b"t" * 300]
        )
        compressors = [GzipCompressor(level) for _ in range(16)]  # all alive: 16 addresses
        if len({made.compress(data) + made.flush() for made in compressors}) > 1:
            differing.append(number)
    assert not differing


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [0, 8, 9, 1_000, 3_000_000])
def test_what_went_in_comes_out(level: int, size: int) -> None:
    data = random.Random(size).randbytes(size // 2) + bytes(size - size // 2)
    assert gzip.decompress(gzip_bytes(data, level)) == data


def test_pieces_are_one_stream() -> None:
    compressor = GzipCompressor(1)
    packed = [compressor.compress(piece) for piece in (b"", PIECE, b"x", PIECE)]
    content = b"".join([*packed, compressor.flush()])
    decompressor = isal_zlib.decompressobj(wbits=31)
    assert decompressor.decompress(content) == PIECE + b"x" + PIECE
    assert decompressor.eof
    assert not decompressor.unused_data
