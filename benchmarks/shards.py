"""Aisle's shards as a file that fastText reads: one line per title, its label in front.

The one place in the benchmarks that knows how the examples are written.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

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


def write_lines(prefix: Path, run_id: str, part: str, path: Path, strip: str = "") -> int:
    """Write a part to `path` in fastText's form, shuffled; return the number of lines.

    fastText reads its file in order and learns next to nothing from one sorted by label. What
    matches the pattern `strip` is left out of the titles.
    """
    lines: list[bytes] = []
    for titles, labels in read_part(prefix, run_id, part):
        bare = [re.sub(strip.encode(), b"", title) for title in titles] if strip else titles
        lines += [b"__label__%d %s\n" % pair for pair in zip(labels, bare, strict=True)]
    random.Random(1).shuffle(lines)
    with open(path, "wb") as file:
        file.writelines(lines)
    return len(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prefix", type=Path, required=True)
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--output", type=Path, required=True, help="folder for PART.txt")
    parser.add_argument("--strip", default="", help="pattern of what to leave out")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    written = {
        part: write_lines(args.prefix, args.run_id, part, args.output / f"{part}.txt", args.strip)
        for part in ("train", "test")
    }
    print(json.dumps(written))


if __name__ == "__main__":
    main()
