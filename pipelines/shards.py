"""Write serialised examples as compressed TFRecord files."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from google_crc32c import value as crc32c

from configs.artifacts import shard_name
from configs.columns import outputs_of
from configs.settings import Settings
from pipelines import fingerprints, storage
from transforms.checksums import crc_of_each
from transforms.example_bytes import by_length, byte_lengths, join_rows
from transforms.examples import Shard
from transforms.gzip_bytes import GzipBlock, compress_block, join_blocks
from transforms.label_counts import LabelRules

_MASK_DELTA = 0xA282EAD8


class TFRecordFile:
    """A gzip-compressed TFRecord file: examples are added a block at a time, then it is written.

    The same blocks give the same bytes: the gzip header holds no time and no name. `blocks` are
    those added so far, with the numbers they were added under.
    """

    def __init__(self, path: str, compression_level: int) -> None:
        self.path = path
        self._level = compression_level
        self.blocks: list[tuple[int, GzipBlock]] = []

    def add(
        self, examples: pa.LargeBinaryArray, crc: np.ndarray | None = None, number: int = 0
    ) -> None:
        """Compress serialised examples, bytes [n], behind those before them; see `frame`."""
        self.take(compress_block(frame(examples, crc), self._level), number)

    def take(self, block: GzipBlock, number: int) -> None:
        """Put a block that was compressed before behind those before it."""
        self.blocks.append((number, block))

    def write(self) -> str:
        """Write the file; return its `fingerprints.checksum`."""
        packed = join_blocks(block for _, block in self.blocks)
        storage.write_bytes(self.path, packed)
        return fingerprints.checksum_of(packed)


def label_rules(settings: Settings) -> LabelRules:
    """Return how titles get their labels."""
    split, exclusive = settings.split, settings.objectives.exclusive
    return LabelRules(
        exclusive.level,
        exclusive.conflicts,
        settings.objectives.rule_based,
        (split.train, split.valid, split.test),
        tuple(outputs_of(settings.features.columns)),
    )


class ShardFiles:
    """The shards of one part, `files` by name: one begins with its first example."""

    def __init__(self, folder: str, part: int, of: int, compression_level: int) -> None:
        self.folder, self._part, self._of = folder, part, of
        self._compression_level = compression_level
        self.files: dict[str, TFRecordFile] = {}

    def add(self, number: int, shards: Iterable[Shard]) -> None:
        """Add the examples of a block of titles."""
        for shard in shards:
            if len(shard.examples):
                name = shard_name(shard.objective, shard.split, self._part, self._of)
                self._file(name).add(shard.examples, shard.crc, number)

    def take(self, number: int, blocks: Mapping[str, GzipBlock]) -> None:
        """Add what an earlier run made of a block of titles, by the name of the file."""
        for name, block in blocks.items():
            self._file(name).take(block, number)

    def write(self) -> dict[str, str]:
        """Write the files; return the checksum of each by its name."""
        return {name: file.write() for name, file in self.files.items()}

    def _file(self, name: str) -> TFRecordFile:
        if name not in self.files:
            self.files[name] = TFRecordFile(f"{self.folder}/{name}", self._compression_level)
        return self.files[name]


def frame(examples: pa.LargeBinaryArray, crc: np.ndarray | None = None) -> memoryview:
    """Return the TFRecord stream of the examples: length, its CRC, data, its CRC, each masked.

    `crc` is the CRC-32C of each example, where it is known.

    Format: tensorflow/core/lib/io/record_writer.h.
    """
    heads = by_length(byte_lengths(examples), _head)
    crc = crc_of_each(examples) if crc is None else crc
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
