"""Aisle's shards as a file that fastText reads: one line per title, its label in front.

The one place in the benchmarks that knows how the examples are written.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from configs.features import TokenSettings
from configs.loading import load_settings
from transforms.text import tokenize

TITLE, LABEL = "title", "label"
_BATCH = 8192


def read_part(prefix: Path, run_id: str, part: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield batches of cleaned titles (bytes [n]) and class ids (int64 [n]) of a part."""
    shards = sorted((prefix / "runs" / run_id / "tfrecords").glob(f"exclusive_{part}-*"))
    if not shards:
        raise FileNotFoundError(f"{prefix}/runs/{run_id}/tfrecords: no exclusive_{part} shards")
    features = {
        TITLE: tf.io.FixedLenFeature([], tf.string),
        LABEL: tf.io.FixedLenFeature([], tf.int64),
    }
    records = tf.data.TFRecordDataset([str(shard) for shard in shards], compression_type="GZIP")
    examples = records.batch(_BATCH).map(lambda batch: tf.io.parse_example(batch, features))
    for example in examples.as_numpy_iterator():
        yield example[TITLE], example[LABEL]


def write_lines(
    prefix: Path, run_id: str, part: str, path: Path, tokens: TokenSettings | None = None
) -> int:
    """Write a part to `path` in fastText's form, shuffled; return the number of lines.

    fastText reads its file in order and learns next to nothing from one sorted by label. With
    `tokens` it is given the same words as Aisle's models, else the cleaned titles.
    """
    lines: list[bytes] = []
    for titles, labels in read_part(prefix, run_id, part):
        words = in_words(titles, tokens) if tokens else titles
        lines += [b"__label__%d %s\n" % pair for pair in zip(labels, words, strict=True)]
    random.Random(1).shuffle(lines)
    with open(path, "wb") as file:
        file.writelines(lines)
    return len(lines)


def in_words(titles: np.ndarray, tokens: TokenSettings) -> np.ndarray:
    """Return titles with one space between the words that Aisle's models see."""
    words = tokenize(tf.constant(titles), strip=tokens.strip, separate=tokens.separate)
    return tf.strings.reduce_join(words, axis=1, separator=" ").numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", type=Path, required=True)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder for PART.txt")
    parser.add_argument("--config", help="give fastText the words that this config cuts")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    tokens = load_settings(args.config).features.tokens if args.config else None
    written = {
        part: write_lines(args.prefix, args.run_id, part, args.output / f"{part}.txt", tokens)
        for part in ("train", "test")
    }
    print(json.dumps(written))


if __name__ == "__main__":
    main()
