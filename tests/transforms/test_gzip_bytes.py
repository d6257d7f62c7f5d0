"""Gzip: what went in comes out, and the bytes hang on it alone, not on where memory lies."""

from __future__ import annotations

import gzip
import itertools
import random

import pytest
from isal import isal_zlib

from transforms.gzip_bytes import GzipBlock, compress_block, gzip_bytes, join_blocks

PIECE = bytes(range(64)) * 5


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_bytes_do_not_hang_on_the_address_of_the_compressor(level: int) -> None:
    chance, differing = random.Random(level), []
    for number in range(4_000):  # as many different places in the compressor's table
        head = chance.randbytes(8)
        data = b"".join(
            [head, b"q" * 300, head[:4], b"r" * 301, head[1:5], b"s" * 300, head[2:6], b"t" * 300]
        )
        others = [isal_zlib.compressobj(level)]  # all alive: each time at another address
        made = set()
        for _ in range(16):
            made.add(bytes(compress_block(data, level).packed))
            others.append(isal_zlib.compressobj(level))
        if len(made) > 1:
            differing.append(number)
    assert not differing


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [0, 8, 9, 1_000, 3_000_000])
def test_what_went_in_comes_out(level: int, size: int) -> None:
    data = random.Random(size).randbytes(size // 2) + bytes(size - size // 2)
    assert gzip.decompress(gzip_bytes(data, level)) == data


def test_blocks_are_one_stream_in_any_order() -> None:
    pieces = [PIECE, b"x", PIECE[1:], b""]
    blocks = [compress_block(piece, 1) for piece in pieces]
    for order in itertools.permutations(range(len(pieces))):
        decompressor = isal_zlib.decompressobj(wbits=31)
        found = decompressor.decompress(join_blocks(blocks[number] for number in order))
        assert found == b"".join(pieces[number] for number in order)
        assert decompressor.eof
        assert not decompressor.unused_data


def test_a_wrong_checksum_of_a_block_is_found_by_readers() -> None:
    block = compress_block(PIECE, 1)
    wrong = GzipBlock(block.packed, block.crc ^ 1, block.size)
    with pytest.raises(gzip.BadGzipFile, match="CRC"):
        gzip.decompress(join_blocks([block, wrong]))
