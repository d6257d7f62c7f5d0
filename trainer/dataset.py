"""Read the shards: tf.data pipelines over the TFRecords of an objective and split."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

import tensorflow as tf

from configs.artifacts import Objective, RunArtifacts, Split
from configs.columns import ColumnFeature, outputs_of
from configs.errors import UsageError
from pipelines import listing, storage

TITLE, TOKENS, NGRAMS, LABEL, CATEGORIES = "title", "tokens", "ngrams", "label", "categories"
LABELS = "labels"
OTHER_NUMBER = "there are not as many examples as preprocessing counted"
# Examples go through the readers in blocks: one by one costs more than inflating them.
_BLOCK_ROWS = 64
as_written = tf.autograph.experimental.do_not_convert  # nothing here has branches to rewrite
_SPECS: dict[str, object] = {
    TITLE: tf.io.FixedLenFeature([], tf.string),
    TOKENS: tf.io.RaggedFeature(tf.int64),
    NGRAMS: tf.io.RaggedFeature(tf.int64),
    LABEL: tf.io.FixedLenFeature([], tf.int64),
    CATEGORIES: tf.io.RaggedFeature(tf.int64),
    LABELS: tf.io.RaggedFeature(tf.int64),
}

_COLUMN_SPECS: dict[str, object] = {
    "int": tf.io.FixedLenFeature([], tf.int64),
    "ints": tf.io.RaggedFeature(tf.int64),
    "float": tf.io.FixedLenFeature([], tf.float32),
    "floats": tf.io.RaggedFeature(tf.float32),
}


def shard_files(
    artifacts: RunArtifacts, split: Split, objective: Objective = "exclusive"
) -> list[str]:
    """Return the shards of an objective in order; `UsageError` where there is none."""
    pattern = posixpath.basename(artifacts.shards(objective, split))
    files = [info.path for info in listing.list_files(artifacts.tfrecords, pattern)]
    if not files:
        raise UsageError(
            f"{artifacts.tfrecords}: no {objective} examples in the {split} part; give "
            f"split.{split} a larger share, or more titles"
        )
    return files


def parse_examples(
    serialised: tf.Tensor,
    features: Sequence[str],
    columns: Mapping[str, ColumnFeature] | None = None,
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """Return the named features of serialised examples [n], dense [n] or ragged [n, (m)].

    With `columns` the outputs of these (`configs.columns.outputs_of`) have names as well.
    """
    specs = {**_SPECS, **column_specs(columns or {})}
    return tf.io.parse_example(serialised, {name: specs[name] for name in features})


def column_specs(columns: Mapping[str, ColumnFeature]) -> dict[str, object]:
    """Return how what further columns write to an example is read."""
    return {name: _COLUMN_SPECS[kind] for name, kind in outputs_of(columns).items()}


def read_examples(
    files: Sequence[str],
    features: Sequence[str] | None,
    *,
    batch_size: int,
    shuffle: tuple[int, int] | None = None,
    skip: int = 0,
    rows: int = 0,
    holds: int | None = None,
    columns: Mapping[str, ColumnFeature] | None = None,
) -> tf.data.Dataset:
    """Return batches of the named features: a dict of tensors [batch] and ragged [batch, (n)].

    Without features, batches of examples as they were written, strings [batch]. With `columns` the
    features may be of these too, as in `parse_examples`.

    `shuffle` is a buffer size in examples and a seed, from which the order of the shards and that
    of the examples within the buffer follow; without it, examples come in the order of the files.
    The first `skip` batches are passed over unread; `rows` above 0 takes only so many examples.
    `holds` says how many examples the files should have: with another number there is an error
    behind the last, which `naming_damage` explains. To TensorFlow a file cut short may look whole.
    """
    paths = tf.data.Dataset.from_tensor_slices(storage.fetched_files(files))
    if shuffle is not None:
        paths = paths.shuffle(len(files), seed=shuffle[1])
    at_once = min(4, len(files)) if shuffle is not None else 1
    blocks = paths.interleave(
        as_written(_blocks),
        cycle_length=at_once,
        block_length=1,
        num_parallel_calls=min(2, at_once),
        deterministic=True,
    )
    if shuffle is not None and shuffle[0]:
        blocks = blocks.unbatch().shuffle(shuffle[0], seed=shuffle[1]).batch(_BLOCK_ROWS)
    batches = (_first(blocks, rows) if rows else blocks).rebatch(batch_size)
    if holds is not None:
        batches = _counted(batches, min(holds, rows) if rows else holds)
    batches = batches.skip(skip)
    if features is not None:
        names = tuple(features)
        parse = as_written(lambda batch: parse_examples(batch, names, columns))
        batches = batches.map(parse, num_parallel_calls=2)
    return batches.prefetch(8).with_options(_as_set_here())


def _as_set_here() -> tf.data.Options:
    """Return options without TensorFlow's tuning of buffers, for which nothing is left open here.

    The thread that tunes sleeps ever longer between two looks, and an iterator that ends may have
    to wait until it wakes: eight seconds in every second training of a million titles.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def _blocks(path: tf.Tensor) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(path, "GZIP", buffer_size=1 << 20).batch(_BLOCK_ROWS)


def _first(blocks: tf.data.Dataset, rows: int) -> tf.data.Dataset:
    return blocks.unbatch().take(rows).batch(_BLOCK_ROWS)


def _counted(batches: tf.data.Dataset, expected: int) -> tf.data.Dataset:
    """Pass batches of examples on; fail behind the last if they were not `expected` examples."""
    end = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))

    def count(seen: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.size(batch, tf.int64)
        check = tf.debugging.Assert((rows > 0) | (seen == expected), [OTHER_NUMBER])
        with tf.control_dependencies([check]):
            return seen + rows, tf.identity(batch)

    counted = batches.concatenate(end).scan(tf.constant(0, tf.int64), as_written(count))
    return counted.filter(as_written(lambda batch: tf.size(batch) > 0))
