"""Reading shards: in their order, or in one that follows from the seed; every example once."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import tensorflow as tf

from configs.artifacts import RunArtifacts, shard_name
from configs.errors import UsageError
from pipelines.shards import TFRecordFile
from trainer.dataset import LABEL, NGRAMS, TITLE, TOKENS, read_examples, shard_files

SIZES = [150, 1, 70, 0, 90]
ROWS = sum(SIZES)


def example(number: int) -> bytes:
    """Return the example with title and label `number`, and `number` modulo 3 tokens."""

    def feature(values: list[int]) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    title = tf.train.Feature(bytes_list=tf.train.BytesList(value=[f"title {number}".encode()]))
    features = {TITLE: title, LABEL: feature([number]), TOKENS: feature([7] * (number % 3))}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> RunArtifacts:
    """Give a run with five train shards, of which one is empty: examples 0, 1, 2 and so on."""
    found = RunArtifacts(str(tmp_path_factory.mktemp("prefix")), "r1")
    begin = 0
    for index, size in enumerate(SIZES):
        examples = [example(number) for number in range(begin, begin + size)]
        name = shard_name("exclusive", "train", index, len(SIZES))
        file = TFRecordFile(f"{found.tfrecords}/{name}", 1)
        file.add(pa.array(examples, pa.large_binary()))
        file.write()
        begin += size
    return found


def numbers(artifacts: RunArtifacts, **how: object) -> list[int]:
    files = shard_files(artifacts, "train")
    batches = read_examples(files, (LABEL,), **{"batch_size": 32, **how})
    return [number for batch in batches for number in batch[LABEL].numpy().tolist()]


def test_without_a_shuffle_examples_come_in_the_order_of_the_files(artifacts: RunArtifacts) -> None:
    assert numbers(artifacts) == list(range(ROWS))


@pytest.mark.parametrize("buffer", [0, 10, 1000])
def test_a_shuffle_loses_nothing_and_follows_from_its_seed(
    artifacts: RunArtifacts, buffer: int
) -> None:
    first = numbers(artifacts, shuffle=(buffer, 1))
    assert first == numbers(artifacts, shuffle=(buffer, 1))
    assert sorted(first) == list(range(ROWS))
    others = [numbers(artifacts, shuffle=(buffer, seed)) for seed in range(2, 6)]
    assert any(other != first for other in others)
    assert all(sorted(other) == list(range(ROWS)) for other in others)


@pytest.mark.parametrize("shuffle", [None, (50, 3)])
def test_skipped_batches_are_the_first_and_the_rest_comes_as_before(
    artifacts: RunArtifacts, shuffle: tuple[int, int] | None
) -> None:
    whole = numbers(artifacts, shuffle=shuffle)
    assert numbers(artifacts, shuffle=shuffle, skip=3) == whole[3 * 32 :]


def test_a_number_of_rows_takes_the_first_so_many(artifacts: RunArtifacts) -> None:
    assert numbers(artifacts, rows=100) == list(range(100))
    assert numbers(artifacts, rows=ROWS + 1) == list(range(ROWS))


def test_features_are_parsed_ragged_or_dense(artifacts: RunArtifacts) -> None:
    files = shard_files(artifacts, "train")
    batch = next(iter(read_examples(files, (TITLE, TOKENS, NGRAMS), batch_size=4)))
    assert batch[TITLE].numpy().tolist() == [b"title 0", b"title 1", b"title 2", b"title 3"]
    assert batch[TOKENS].to_list() == [[], [7], [7, 7], []]
    assert batch[NGRAMS].to_list() == [[], [], [], []]


def test_without_features_examples_come_as_they_were_written(artifacts: RunArtifacts) -> None:
    files = shard_files(artifacts, "train")
    batch = next(iter(read_examples(files, None, batch_size=3)))
    assert batch.numpy().tolist() == [example(0), example(1), example(2)]


def test_shards_are_those_of_the_split_in_order(artifacts: RunArtifacts) -> None:
    files = shard_files(artifacts, "train")
    assert [Path(path).name for path in files] == [
        shard_name("exclusive", "train", index, 5) for index in range(5)
    ]


def test_a_part_without_an_example_is_refused_in_one_line(artifacts: RunArtifacts) -> None:
    with pytest.raises(UsageError, match="no exclusive examples in the valid part"):
        shard_files(artifacts, "valid")
