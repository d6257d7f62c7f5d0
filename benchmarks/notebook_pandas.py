"""The course notebook's way: pandas, a function per row, Keras' TextVectorization.

Its code, shortened; line by line as there. Its one quadratic step, a concat of all the data so
far for each file, is left out in its favour.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.model_selection import train_test_split

from benchmarks.catalogue import labelled_files

BATCH_SIZE, VOCABULARY_SIZE, LENGTH = 32, 20_000, 31


def count_words(row: pd.Series) -> int:
    return len(row["description"].split(" "))


def preprocess_text(row: pd.Series) -> str:
    text = row["description"]
    text = text.lower()
    text = text.replace("|", " ")
    text = text.replace("/", " ")
    text = text.replace(" - ", ", ")
    text = text.replace("-", " ")
    text = text.replace('"', "")
    text = text.strip()
    text = re.sub(r"\b[a-zA-Z]\b", "", text)
    return re.sub(r"\s+", " ", text)


def read_file(path: Path, number: int, label: str) -> pd.DataFrame:
    """Return the cleaned titles of one file; every physical line is taken for a title."""
    with open(path, encoding="utf8", errors="replace") as file:
        lines = file.read().splitlines()
    frame = pd.DataFrame(lines[1:], columns=["description"])
    frame["id"] = number
    if len(frame):
        frame["word_count"] = frame.apply(count_words, axis=1)
        frame["description"] = frame.apply(preprocess_text, axis=1)
    frame["main"] = label
    return frame


def split(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return 60, 20 and 20 % of the titles, the first cut by category."""
    train, rest = train_test_split(frame, test_size=0.4, stratify=frame["main"].values)
    valid = rest.sample(frac=0.5)
    return {"train": train, "valid": valid, "test": rest.drop(valid.index)}


def to_arrays(dataset: tf.data.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Run the dataset once and return ids int64 [n, length] and one-hot labels [n, classes]."""
    ids, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    return np.concatenate(ids), np.concatenate(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    files = labelled_files(args.input, args.config)
    frame = pd.concat(
        [read_file(path, number, label) for number, (path, label) in enumerate(files)],
        ignore_index=True,
    )
    records = len(frame)
    frame["main"] = frame["main"].astype("category")
    frame = frame.drop_duplicates(subset="description")
    parts = split(frame)

    lookup = keras.layers.StringLookup(output_mode="one_hot")
    lookup.adapt(tf.constant(parts["train"]["main"].to_numpy(object)))
    vectorize = keras.layers.TextVectorization(
        max_tokens=VOCABULARY_SIZE, output_sequence_length=LENGTH
    )
    datasets = {}
    for name, part in parts.items():
        columns = (part["description"].to_numpy(object), lookup(part["main"].to_numpy(object)))
        datasets[name] = tf.data.Dataset.from_tensor_slices(columns).batch(BATCH_SIZE)
    vectorize.adapt(datasets["train"].map(lambda text, label: text))
    for name, dataset in datasets.items():
        ids, labels = to_arrays(dataset.map(lambda text, label: (vectorize(text), label)))
        np.save(args.output / f"{name}_ids.npy", ids)
        np.save(args.output / f"{name}_labels.npy", labels)
    print(json.dumps({"records": records, "distinct": len(frame)}))


if __name__ == "__main__":
    main()
