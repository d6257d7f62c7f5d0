"""Beam + tf.Transform as its guide teaches it: one dict per row, Python functions, a group by key.

https://www.tensorflow.org/tfx/transform/get_started
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from benchmarks.catalogue import clean_title, labelled_files, titles

VOCABULARY_SIZE, LENGTH = 20_000, 31
PUNCTUATION = r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']"
SPLITS = ("train", "valid", "test")
Row = dict[str, Any]

RAW_DATA = dataset_metadata.DatasetMetadata(
    schema_utils.schema_from_feature_spec(
        {
            "title": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.string),
        }
    )
)


def read_rows(file: tuple[int, str, str]) -> Iterator[Row]:
    """Yield a dict per record; `order` is the place of the file and of the record in it."""
    index, path, label = file
    for number, title in enumerate(titles(Path(path))):
        Metrics.counter("textbook", "records").inc()
        yield {"title": title, "label": label, "order": (index, number)}


def clean(row: Row) -> Row:
    return row | {"title": clean_title(row["title"])}


def first_of(rows: Iterable[Row]) -> Row:
    return min(rows, key=lambda row: row["order"])


def without_order(row: Row) -> Row:
    Metrics.counter("textbook", "distinct").inc()
    return {"title": row["title"], "label": row["label"]}


def part_of(row: Row, _: int) -> int:
    """Return 0, 1 or 2 for 60, 20 and 20 % of the titles, by their hash."""
    place = hashlib.md5(row["title"].encode()).digest()[0] * 10 // 256
    return 0 if place < 6 else 1 if place < 8 else 2


def preprocessing_fn(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return the ids of the first words, 0 where there is none, and that of the label."""
    words = tf.strings.split(tf.strings.regex_replace(inputs["title"], PUNCTUATION, ""))
    ids = tft.compute_and_apply_vocabulary(
        words, top_k=VOCABULARY_SIZE, num_oov_buckets=1, vocab_filename="words"
    )
    return {
        "title": inputs["title"],
        "tokens": (ids[:, :LENGTH] + 1).to_tensor(shape=[None, LENGTH]),
        "label": tft.compute_and_apply_vocabulary(inputs["label"], vocab_filename="labels"),
    }


def build(pipeline: beam.Pipeline, files: list[tuple[int, str, str]], output: Path) -> None:
    """Add the whole pipeline, from the files to TFRecords and the transform function."""
    rows = (
        pipeline
        | "List files" >> beam.Create(files)
        | "Spread files" >> beam.Reshuffle()
        | "Read rows" >> beam.FlatMap(read_rows)
        | "Clean" >> beam.Map(clean)
        | "Drop empty titles" >> beam.Filter(lambda row: row["title"])
        | "Key by title" >> beam.Map(lambda row: (row["title"], row))
        | "Keep the first" >> beam.CombinePerKey(first_of)
        | "Drop the keys" >> beam.Values()
        | "Drop the order" >> beam.Map(without_order)
    )
    train, *held_back = rows | "Split" >> beam.Partition(part_of, len(SPLITS))
    analyze = tft_beam.AnalyzeAndTransformDataset(preprocessing_fn)
    examples, transform_fn = (train, RAW_DATA) | "Analyze and transform" >> analyze
    _ = transform_fn | tft_beam.WriteTransformFn(str(output / "transform_fn"))
    write(examples, "train", output)
    for name, part in zip(SPLITS[1:], held_back, strict=True):
        raw = (part, RAW_DATA)
        write(
            (raw, transform_fn) | f"Transform {name}" >> tft_beam.TransformDataset(), name, output
        )


def write(dataset: Any, name: str, output: Path) -> None:
    """Encode the rows of a transformed dataset and write them to gzipped TFRecords."""
    rows, metadata = dataset
    coder = tft.coders.ExampleProtoCoder(metadata.schema)
    _ = (
        rows
        | f"Encode {name}" >> beam.Map(coder.encode)
        | f"Write {name}"
        >> beam.io.WriteToTFRecord(str(output / name), file_name_suffix=".tfrecord.gz")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    args, beam_options = parser.parse_known_args()
    found = enumerate(labelled_files(args.input, args.config))
    files = [(index, str(path), label) for index, (path, label) in found]

    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(beam_options))
    with tempfile.TemporaryDirectory() as temporary, tft_beam.Context(temp_dir=temporary):
        build(pipeline, files, args.output)
        result = pipeline.run()
        result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_namespace("textbook"))["counters"]
    print(json.dumps({counter.key.metric.name: counter.committed for counter in counters}))


if __name__ == "__main__":
    main()
