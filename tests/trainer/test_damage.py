"""A damaged shard is found, with the place in the file; a whole one is not."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf

from configs.errors import UsageError
from pipelines.shards import TFRecordFile
from trainer.damage import find_damage, naming_damage
from trainer.dataset import read_examples


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Give a shard of 2,000 records that do not compress, some 350 KiB."""
    chance = random.Random(5)
    path = tmp_path / "exclusive_train-00000-of-00001.tfrecord.gz"
    write_records(path, [chance.randbytes(chance.randint(50, 300)) for _ in range(2000)])
    return path


def write_records(path: Path, records: list[bytes]) -> None:
    file = TFRecordFile(str(path), 1)
    file.add(pa.array(records, pa.large_binary()))
    file.write()


def place(damage: str | None) -> tuple[int, int]:
    """Return the byte and the record that a description of damage names."""
    assert damage is not None
    words = damage.replace("(record ", "").replace("):", "").split()
    return int(words[2]), int(words[5])


def test_a_whole_shard_has_no_damage(shard: Path, tmp_path: Path) -> None:
    assert find_damage(str(shard)) is None
    nothing = tmp_path / "empty.tfrecord.gz"
    write_records(nothing, [])
    assert find_damage(str(nothing)) is None


def test_a_changed_byte_is_found_near_where_it_is(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    middle = len(content) // 2
    content[middle] ^= 0xFF
    shard.write_bytes(content)
    found = find_damage(str(shard))
    byte, record = place(found)
    assert middle - 8192 < byte <= middle
    assert 900 < record < 1100
    assert f"of {len(content)}" in str(found)
    assert "checksum" in str(found)


@pytest.mark.parametrize("left", [0, 5, 100_000, -4, -9])
def test_a_shard_that_was_cut_short_is_found(shard: Path, left: int) -> None:
    shard.write_bytes(shard.read_bytes()[:left])
    assert "ends" in str(find_damage(str(shard)))


def test_what_is_no_compressed_file_is_found(shard: Path) -> None:
    shard.write_bytes(b"a text, and nothing else\n" * 100)
    assert place(find_damage(str(shard))) == (0, 0)
    assert "cannot be decompressed" in str(find_damage(str(shard)))


@pytest.mark.parametrize("left", [5000, 200_000, 0])
def test_the_damaged_one_of_several_files_is_named(shard: Path, tmp_path: Path, left: int) -> None:
    """Even where TensorFlow takes what is left for the whole file."""
    good = tmp_path / "exclusive_train-00000-of-00002.tfrecord.gz"
    good.write_bytes(shard.read_bytes())
    shard.write_bytes(shard.read_bytes()[:left])
    files = [str(good), str(shard)]
    with pytest.raises(UsageError, match=f"{shard.name}: damaged at byte"), naming_damage(files):
        list(read_examples(files, None, batch_size=64, holds=4000))


def test_a_missing_shard_is_said_where_the_others_are_whole(shard: Path) -> None:
    with pytest.raises(UsageError, match="a shard is missing"), naming_damage([str(shard)]):
        list(read_examples([str(shard)], None, batch_size=64, holds=4000))
    assert len(list(read_examples([str(shard)], None, batch_size=1000, holds=2000))) == 2
    some = read_examples([str(shard)], None, batch_size=100, rows=300, holds=2000)
    assert len(list(some)) == 3


def test_an_error_that_is_no_damage_passes(shard: Path) -> None:
    error = tf.errors.DataLossError(None, None, "something else")
    with (
        pytest.raises(tf.errors.DataLossError, match="something else"),
        naming_damage([str(shard)]),
    ):
        raise error
