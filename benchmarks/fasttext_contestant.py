"""fastText on the same split and the same dump, as its users run it.

`train` learns from and is tested on files of shards.py; `predict` reads a dump, cleans, scores on
two processes that share one model, and writes labels.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import multiprocessing
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import fasttext

from benchmarks.catalogue import clean_title, csv_rows, open_lines

# Word uni- and bi-grams; the rest, the learning rate and 2,000,000 buckets, is fastText's default.
PARAMETERS: dict[str, Any] = {"wordNgrams": 2, "dim": 50, "lr": 0.1}
BATCH = 5000
Row = tuple[str, str]
_loaded: dict[str, Any] = {}  # filled before the workers are forked, so that they share the model


def train(args: argparse.Namespace) -> dict[str, Any]:
    """Train on one file and return the accuracy on the other; `seconds` is training alone.

    `model.test` counts in C++; `predict` on one string fails with numpy 2.
    """
    settings = PARAMETERS | {"epoch": args.epochs, "thread": args.threads, "bucket": args.buckets}
    start = time.perf_counter()
    model = fasttext.train_supervised(str(args.train), verbose=0, **settings)
    seconds = time.perf_counter() - start
    if args.model:
        model.save_model(str(args.model))
    figures = {"seconds": round(seconds, 3), "classes": len(model.labels), "settings": settings}
    if args.test:
        examples, accuracy, _ = model.test(str(args.test))
        figures |= {"test_examples": examples, "accuracy": accuracy}
    return figures


def predict(args: argparse.Namespace) -> dict[str, Any]:
    """Label a dump; `seconds` runs from loading the model to the last row written."""
    start = time.perf_counter()
    _loaded.update(model=fasttext.load_model(str(args.model)), top_k=args.top_k)
    rows = 0
    with (
        open_lines(args.output, "w") as output,
        multiprocessing.get_context("fork").Pool(args.threads) as pool,
    ):
        output.write("id,label,probability,labels,probabilities\n")
        for count, text in pool.imap(label_batch, read_batches(args.dump), chunksize=1):
            output.write(text)
            rows += count
    return {"predictions": rows, "seconds": round(time.perf_counter() - start, 3)}


def read_batches(dump: Path) -> Iterator[list[Row]]:
    """Yield batches of id and raw title."""
    with open_lines(dump, errors="replace") as lines:
        rows = csv_rows(lines)
        header = next(rows)
        identity, title = header.index("id"), header.index("title")
        pairs = ((row[identity], row[title]) for row in rows)
        while batch := list(islice(pairs, BATCH)):
            yield batch


def label_batch(batch: list[Row]) -> tuple[int, str]:
    """Clean and score a batch in a worker; return its size and its rows as CSV."""
    texts = [clean_title(title) for _, title in batch]
    labels, probabilities = _loaded["model"].predict(texts, k=_loaded["top_k"])
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(
        (
            row[0],
            names[0],
            f"{shares[0]:.6f}",
            " ".join(names),
            " ".join(f"{p:.6f}" for p in shares),
        )
        for row, names, shares in zip(batch, labels, probabilities, strict=True)
    )
    return len(batch), written.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    training = commands.add_parser("train")
    training.set_defaults(run=train)
    training.add_argument("--train", type=Path, required=True)
    training.add_argument("--test", type=Path)
    training.add_argument("--model", type=Path, help="where to save it")
    training.add_argument("--epochs", type=int, default=5)
    training.add_argument("--buckets", type=int, default=2_000_000, help="of bi-grams")
    prediction = commands.add_parser("predict")
    prediction.set_defaults(run=predict)
    prediction.add_argument("--model", type=Path, required=True)
    prediction.add_argument("--dump", type=Path, required=True)
    prediction.add_argument("--output", type=Path, required=True)
    prediction.add_argument("--top-k", type=int, default=5)
    for command in (training, prediction):
        command.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    print(json.dumps(args.run(args)))


if __name__ == "__main__":
    main()
