"""Find the damaged shard: TensorFlow says that a record is corrupt, but not of which file."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Iterator, Sequence

import tensorflow as tf
from google_crc32c import value as crc32c

from configs.errors import UsageError
from pipelines import storage
from trainer.dataset import OTHER_NUMBER

_BLOCK = 1 << 12
_GZIP = 16 + zlib.MAX_WBITS
_HEAD, _CRC = struct.Struct("<QI"), struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8


@contextlib.contextmanager
def naming_damage(files: Sequence[str]) -> Iterator[None]:
    """Say which of the shards that the block reads is damaged, and where, or that one is missing.

    That is a `UsageError`; what has another cause passes through.
    """
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        for path in files:
            damage = find_damage(path)
            if damage:
                raise UsageError(
                    f"{path}: damaged {damage}; make the examples anew: aisle preprocess --force"
                ) from error
        if OTHER_NUMBER not in str(error):
            raise
        raise UsageError(
            f"{files[0].rpartition('/')[0]}: a shard is missing: in {len(files)} {OTHER_NUMBER}; "
            "make them anew: aisle preprocess --force"
        ) from error


def find_damage(path: str) -> str | None:
    """Return where and how a compressed TFRecord file is damaged, or None where it is whole.

    `at byte 20480 of 45211 (record 312): the data does not have its checksum`. The byte is that
    of the file, as it lies on the disk, in whose block of 4 KiB the record begins; the format is
    that of tensorflow/core/lib/io/record_writer.h.
    """
    with storage.open_input(path) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        stream = _Inflated(file)
        record = 0
        while True:
            begin = stream.offset
            try:
                if not _read_record(stream):
                    return None
            except (_Damaged, zlib.error) as error:
                reason = "it cannot be decompressed" if isinstance(error, zlib.error) else error
                at = stream.offset if isinstance(error, zlib.error) else begin
                return f"at byte {at} of {size} (record {record}): {reason}"
            record += 1


class _Damaged(Exception):
    """What is wrong with a record."""


class _Inflated:
    """A gzip file as a stream; `offset` is where in the file the last block that it took began."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file, self._inflate = file, zlib.decompressobj(_GZIP)
        self._held = b""
        self.offset = 0
        self.whole = False

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes, fewer at the end."""
        while len(self._held) < count and self._more():
            pass
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    def _more(self) -> bool:
        self.offset = self._file.tell()
        block = self._file.read(_BLOCK)
        self.whole = self._inflate.eof
        if not block or self._inflate.eof:
            return False
        self._held += self._inflate.decompress(block)
        self.whole = self._inflate.eof
        return True


def _read_record(stream: _Inflated) -> bool:
    """Check one record; return False at the end of the file."""
    head = stream.take(_HEAD.size)
    if not head:
        if not stream.whole:
            raise _Damaged("the file ends before its compressed data does")
        return False
    if len(head) < _HEAD.size:
        raise _Damaged("the file ends in the middle of a record")
    length, crc = _HEAD.unpack(head)
    if crc != _masked(head[:8]):
        raise _Damaged("the record's length does not have its checksum")
    data = stream.take(length)
    tail = stream.take(_CRC.size)
    if len(tail) < _CRC.size:
        raise _Damaged("the file ends in the middle of a record")
    if _CRC.unpack(tail)[0] != _masked(data):
        raise _Damaged("the record's data does not have its checksum")
    return True


def _masked(data: bytes) -> int:
    """Return the CRC as TFRecords hold it: rotated and shifted."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF
