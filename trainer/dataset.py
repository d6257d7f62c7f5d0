"""Read the shards: tf.data pipelines over the TFRecords of an objective and split."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from configs.errors import UsageError
from configs.artifacts import RunArtifacts, Split

TITLE, TOKENS, NGRAMS, LABEL, CATEGORIES = "title", "tokens", "ngrams", "label", "categories"
_SPECS: dict[str, object] = {
    TITLE: tf.io.FixedLenFeature([], tf.string),
    TOKENS: tf.io.RaggedFeature(tf.int64),
    NGRAMS: tf.io.RaggedFeature(tf.int64),
    LABEL: tf.io.FixedLenFeature([], tf.int64),
    CATEGORIES: tf.io.RaggedFeature(tf.int64),
}


def shard_files(artifacts: RunArtifacts, split: Split) -> list[str]:
    """Return the shards of the exclusive objective in order; `UsageError` where there is none."""
    files = sorted(tf.io.gfile.glob(artifacts.shards("exclusive", split)))
    if not files:
        raise UsageError(
            f"{artifacts.tfrecords}: no examples in the {split} part; give split.{split} a larger "
            "share, or more titles"
        )
    return files


def read_examples(
    files: Sequence[str],
    features: Sequence[str],
    *,
    batch_size: int,
    shuffle: tuple[int, int] | None = None,
    skip: int = 0,
    rows: int = 0,
) -> tf.data.Dataset:
    """Return batches of the named features: a dict of tensors [batch] and ragged [batch, (n)].

    `shuffle` is a buffer size in examples and a seed, from which the order of the shards and that
    of the examples within the buffer follow; without it, examples come in the order of the files.
    The first `skip` batches are passed over unread; `rows` above 0 takes only so many examples.
    """
    names = tf.data.Dataset.from_tensor_slices(list(files))
    if shuffle is not None:
        names = names.shuffle(len(files), seed=shuffle[1])
    records = names.interleave(
        lambda name: tf.data.TFRecordDataset(name, "GZIP", buffer_size=1 << 20),
        cycle_length=min(4, len(files)) if shuffle is not None else 1,
        block_length=64,
        num_parallel_calls=2 if shuffle is not None else 1,
        deterministic=True,
    )
    if shuffle is not None and shuffle[0]:
        records = records.shuffle(shuffle[0], seed=shuffle[1])
    if rows:
        records = records.take(rows)
    specs = {name: _SPECS[name] for name in features}
    return (
        records.batch(batch_size)
        .skip(skip)
        .map(lambda batch: tf.io.parse_example(batch, specs), num_parallel_calls=2)
        .prefetch(8)
    )
