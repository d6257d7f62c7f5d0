"""Serialised features: TensorFlow's own protobuf and parser read what was put in."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from transforms.example_bytes import bytes_feature, int64_feature, join_rows, varint

EDGES = [0, 1, 127, 128, 16_383, 16_384, (1 << 21) - 1, 1 << 21, (1 << 28) - 1]
BEYOND = [1 << 28, (1 << 35) - 1, 1 << 56, (1 << 63) - 1, -1, -(1 << 63)]


def read(serialised: bytes) -> dict[str, list]:
    features = tf.train.Example.FromString(serialised).features.feature
    kinds = {"int64_list", "bytes_list"}
    return {
        name: list(getattr(feature, feature.WhichOneof("kind")).value)
        for name, feature in features.items()
        if feature.WhichOneof("kind") in kinds
    }


@pytest.mark.parametrize("numbers", [EDGES, [*EDGES, *BEYOND]], ids=["small", "any"])
def test_numbers_of_every_length_are_read_back(numbers: list[int]) -> None:
    lists = [numbers, [], *([n] for n in numbers), list(range(300))]
    found = int64_feature("ids", pa.array(lists, pa.list_(pa.int64())))
    assert [read(example)["ids"] for example in found.to_pylist()] == lists


def test_bytes_of_every_length_are_read_back() -> None:
    values = [b"", b"a", "é\0ß".encode(), b"x" * 127, b"x" * 128, b"y" * 70_000]
    found = bytes_feature("a name", pa.array(values, pa.binary()))
    assert [read(example)["a name"] for example in found.to_pylist()] == [[v] for v in values]


def test_a_slice_is_serialised_without_its_neighbours() -> None:
    lists = pa.array([[1], [2, 3], [4_000_000], [5]], pa.list_(pa.int64()))
    found = int64_feature("ids", lists.slice(1, 2))
    assert [read(example) for example in found.to_pylist()] == [
        {"ids": [2, 3]},
        {"ids": [4_000_000]},
    ]


def test_joined_features_are_one_example_for_the_parser_of_datasets() -> None:
    chance = np.random.default_rng(1)
    lists = [chance.integers(0, 1 << 22, size).tolist() for size in chance.integers(0, 40, 200)]
    titles = [f"title {i}".encode() for i in range(200)]
    ids = pa.array(lists, pa.list_(pa.int64()))
    joined = join_rows([bytes_feature("title", pa.array(titles)), int64_feature("ids", ids)])
    spec = {"title": tf.io.FixedLenFeature([], tf.string), "ids": tf.io.RaggedFeature(tf.int64)}
    found = tf.io.parse_example(joined.to_pylist(), spec)
    assert found["title"].numpy().tolist() == titles
    assert found["ids"].to_list() == lists


def test_a_varint_is_that_of_protobuf() -> None:
    number = tf.train.Int64List(value=[300]).SerializeToString()
    assert number.endswith(varint(300))
