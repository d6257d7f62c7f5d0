"""Shards: TensorFlow's own reader takes them; the same examples are the same bytes."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf

from pipelines import fingerprints
from pipelines.shards import TFRecordFile, frame

CHANCE = random.Random(1)
EXAMPLES = [b"", b"a", b"\0" * 300, *(CHANCE.randbytes(size) for size in (7, 255, 70_000))]
COLUMN = pa.array(EXAMPLES, pa.large_binary())


def written(path: str, *blocks: pa.LargeBinaryArray, level: int = 1) -> str:
    file = TFRecordFile(path, level)
    for block in blocks:
        file.add(block)
    return file.write()


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_tensorflow_reads_back_what_was_written(tmp_path: Path, level: int) -> None:
    path = tmp_path / "folder/x.tfrecord.gz"
    checksum = written(str(path), COLUMN[:2], COLUMN[2:], level=level)
    found = tf.data.TFRecordDataset(str(path), "GZIP")
    assert list(found.as_numpy_iterator()) == EXAMPLES
    assert fingerprints.checksum(str(path)) == checksum


def test_the_stream_is_that_of_tensorflows_writer(tmp_path: Path) -> None:
    path = str(tmp_path / "x.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for example in EXAMPLES:
            writer.write(example)
    assert Path(path).read_bytes() == frame(COLUMN)


def test_the_same_examples_give_the_same_bytes_under_any_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(str(tmp_path / name), COLUMN)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_examples_are_an_empty_file_of_records(tmp_path: Path) -> None:
    path = str(tmp_path / "none")
    written(path)
    assert list(tf.data.TFRecordDataset(path, "GZIP")) == []


def test_a_slice_writes_only_its_own_examples() -> None:
    assert frame(COLUMN[2:4]) == frame(pa.array(EXAMPLES[2:4], pa.large_binary()))
