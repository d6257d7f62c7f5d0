"""Train the flagship and fastText on the same split of the same files; who is more accurate?

Aisle preprocesses once, its time apart. fastText gets the titles of the same train part, shuffled:
word uni- and bi-grams, width 50, 5 epochs, 2 threads, learning rate 0.1 (its default). It sees the
same words as the flagship, without punctuation (--fasttext-text words), as that serves it best;
`cleaned` leaves the punctuation in. Both are scored on the test part. `seconds` is training as
each reports it, `wall_seconds` the whole process.
Example: .venv/bin/python benchmarks/train.py --input DIR --rows 300000 --level main --json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import (
    RUN_ID,
    aisle,
    check,
    finish,
    make_parser,
    mebibytes,
    notes,
    print_json,
    scratch_folder,
    set_options,
    show,
    take_rows,
)
from benchmarks.measure import Measurement, RunFailed, measure

Runs = dict[str, Measurement]


def run_all(args: argparse.Namespace, folder: Path, scratch: Path) -> Runs:
    """Run both contestants, one command after the other."""
    level = [f"{key}.level={args.level}" for key in ("training", "objectives.exclusive")]
    options = set_options(level)
    python, text = [sys.executable, "-m"], scratch / "fasttext"
    run = ["--prefix", str(scratch), "--run-id", RUN_ID]
    lines = ["--train", str(text / "train.txt"), "--test", str(text / "test.txt")]
    source = ["--input", str(folder)]
    words = ["--config", args.config] if args.fasttext_text == "words" else []
    commands = {
        "preprocess": aisle("preprocess", args.config, scratch, *source, *options),
        "train": aisle("train", args.config, scratch, *options),
        "evaluate": aisle("evaluate", args.config, scratch, *options),
        "lines": [*python, "benchmarks.shards", *run, *words, "--output", str(text)],
        "fasttext": [*python, "benchmarks.fasttext_contestant", "train", *lines],
    }
    runs: Runs = {}
    for name, command in commands.items():
        with notes.status(name):
            runs[name] = measure(command)
    return runs


def summarise(runs: Runs, records: int, level: str) -> dict[str, Any]:
    """Return the figures of both, and how they compare."""
    ours, theirs = runs["train"], runs["fasttext"]
    seconds, fasttext_seconds = own_seconds(ours), own_seconds(theirs)
    accuracy, fasttext_accuracy = figure(runs, "evaluate"), figure(runs, "fasttext")
    return {
        "records": records,
        "level": level,
        "accuracy": accuracy,
        "seconds": seconds,
        "wall_seconds": round(ours.seconds, 3),
        "peak_rss_bytes": ours.peak_rss_bytes,
        "fasttext_accuracy": fasttext_accuracy,
        "fasttext_seconds": fasttext_seconds,
        "fasttext_wall_seconds": round(theirs.seconds, 3),
        "fasttext_peak_rss_bytes": theirs.peak_rss_bytes,
        "accuracy_gain": round(accuracy - fasttext_accuracy, 5),
        "ratio_to_fasttext": round(seconds / fasttext_seconds, 3),
        "preprocess_seconds": round(runs["preprocess"].seconds, 3),
        "runs": {name: run.as_figures() for name, run in runs.items()},
    }


def figure(runs: Runs, name: str) -> float:
    """Return the accuracy that a command reported."""
    try:
        return float(runs[name].figures["accuracy"])
    except KeyError:
        raise RunFailed(f"{name}: its last line of standard output names no accuracy") from None


def own_seconds(run: Measurement) -> float:
    return round(float(run.figures.get("seconds", run.seconds)), 3)


def show_all(figures: dict[str, Any], as_json: bool) -> None:
    rows = [
        [
            name,
            f"{figures[prefix + 'accuracy']:.4f}",
            f"{figures[prefix + 'seconds']:,.1f}",
            f"{figures[prefix + 'wall_seconds']:,.1f}",
            mebibytes(figures[prefix + "peak_rss_bytes"]),
        ]
        for name, prefix in (("aisle", ""), ("fastText", "fasttext_"))
    ]
    title = (
        f"Training on {figures['level']}, {figures['records']:,} records "
        f"(preprocessed in {figures['preprocess_seconds']:,.0f} s); "
        f"{figures['accuracy_gain']:+.4f} in {figures['ratio_to_fasttext']:.2f} of the time"
    )
    columns = ["", "accuracy", "training s", "whole process s", "peak memory"]
    show(title, columns, rows, as_json)


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--level", choices=("main", "full"), default="main")
    parser.add_argument("--fasttext-text", choices=("words", "cleaned"), default="words")
    args = parser.parse_args(argv)
    check(args)
    with scratch_folder(args) as scratch:
        folder, records = take_rows(args.input, args.rows, scratch / "cut")
        figures = summarise(run_all(args, folder, scratch), records, args.level)
    show_all(figures, args.json)
    print_json(figures, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
