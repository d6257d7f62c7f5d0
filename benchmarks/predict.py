"""Label the same dump of raw titles with `aisle predict` and with fastText on two processes.

The dump (CSV: id, title) is cut from all category files. The model is that of `--prefix` and
`--run`; without them a quick one is trained on `--train-rows` records. fastText learns from the
same shards in one epoch, as its speed does not hang on how long it learnt; it reads the same dump,
cleans in Python, scores, and writes the same top labels. `titles_per_second` is what each reports
from the inside (model loading included), `wall_...` the whole process.
Example: .venv/bin/python benchmarks/predict.py --input DIR --rows 100000 --json
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.catalogue import category_files, open_lines, titles
from benchmarks.command import (
    RUN_ID,
    aisle,
    check,
    finish,
    make_parser,
    mebibytes,
    notes,
    print_json,
    row_count,
    scratch_folder,
    show,
    take_rows,
)
from benchmarks.measure import Measurement, RunFailed, measure
from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.loading import load_settings


def write_dump(folder: Path, dump: Path) -> int:
    """Write the raw titles of all files below `folder` as id and title; return how many."""
    rows = 0
    with open_lines(dump, "w", errors="replace") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "title"])
        for path in category_files(folder):
            for title in titles(path):
                writer.writerow([f"p{rows:08d}", title])
                rows += 1
    return rows


def train_quickly(args: argparse.Namespace, scratch: Path) -> tuple[Path, str]:
    """Preprocess and train on a cut; return its prefix and run id."""
    folder, records = take_rows(args.input, args.train_rows, scratch / "train-cut")
    with notes.status(f"a model of {records:,} records"):
        measure(aisle("preprocess", args.config, scratch, "--input", str(folder)))
        measure(aisle("train", args.config, scratch))
    return scratch, RUN_ID


def time_aisle(
    args: argparse.Namespace, dump: Path, prefix: Path, run_id: str, dump_id: str
) -> Measurement:
    """Time `aisle predict`; its predictions, under an id of their own, are not left behind."""
    options = ("--dump", str(dump), "--dump-id", dump_id)
    try:
        with notes.status("aisle predict"):
            return measure(aisle("predict", args.config, prefix, *options, run_id=run_id))
    finally:
        if not args.keep:
            written = RunArtifacts(str(prefix), run_id).predictions(dump_id)
            shutil.rmtree(written, ignore_errors=True)


def time_fasttext(
    args: argparse.Namespace, dump: Path, prefix: Path, run_id: str, scratch: Path
) -> Measurement:
    """Train fastText on the run's shards, then time its prediction alone."""
    text, model = scratch / "fasttext", scratch / "fasttext" / "model.bin"
    python = [sys.executable, "-m"]
    fasttext = [*python, "benchmarks.fasttext_contestant"]
    top_k = str(load_settings(args.config).dump.top_k)
    shards = ["--prefix", str(prefix), "--run-id", run_id, "--output", str(text)]
    with notes.status("fastText"):
        measure([*python, "benchmarks.shards", *shards])
        lines = ["--train", str(text / "train.txt"), "--model", str(model), "--epochs", "1"]
        measure([*fasttext, "train", *lines])
        output = ["--output", str(text / "labels.csv"), "--top-k", top_k]
        return measure([*fasttext, "predict", "--dump", str(dump), "--model", str(model), *output])


def speeds(run: Measurement, prefix: str = "") -> dict[str, Any]:
    """Return titles per second, inside and by the whole process, and the peak memory."""
    try:
        predictions = int(run.figures["predictions"])
    except KeyError:
        raise RunFailed("predict: its last line of standard output names no predictions") from None
    inside = float(run.figures.get("seconds", run.seconds))
    return {
        f"{prefix}titles_per_second": round(predictions / inside, 1),
        f"{prefix}wall_titles_per_second": round(predictions / run.seconds, 1),
        f"{prefix}predictions": predictions,
        f"{prefix}seconds": round(inside, 3),
        f"{prefix}wall_seconds": round(run.seconds, 3),
        f"{prefix}peak_rss_bytes": run.peak_rss_bytes,
    }


def summarise(ours: Measurement, theirs: Measurement, records: int) -> dict[str, Any]:
    figures = {"records": records} | speeds(ours) | speeds(theirs, "fasttext_")
    for prefix in ("", "wall_"):
        ratio = (
            figures[f"{prefix}titles_per_second"] / figures[f"fasttext_{prefix}titles_per_second"]
        )
        figures[f"{prefix}ratio_to_fasttext"] = round(ratio, 3)
    return figures | {"runs": {"aisle": ours.as_figures(), "fasttext": theirs.as_figures()}}


def show_all(figures: dict[str, Any], as_json: bool) -> None:
    keys = ("predictions", "titles_per_second", "seconds", "wall_titles_per_second", "wall_seconds")
    rows = []
    for name, prefix in (("aisle", ""), ("fastText", "fasttext_")):
        numbers = [f"{figures[prefix + key]:,.0f}" for key in keys]
        rows.append([name, *numbers, mebibytes(figures[prefix + "peak_rss_bytes"])])
    columns = ["", "predictions", "titles/s", "seconds", "whole process: titles/s", "seconds"]
    ratio = f"{figures['ratio_to_fasttext']:.2f} of fastText's speed"
    title = f"Labelling {figures['records']:,} titles; {ratio}"
    show(title, [*columns, "peak memory"], rows, as_json)


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--prefix", type=Path, help="where the run lies; default: train one")
    parser.add_argument("--run", help="its run id")
    parser.add_argument("--train-rows", type=row_count, default=300_000, help="of the quick model")
    args = parser.parse_args(argv)
    check(args)
    if bool(args.prefix) != bool(args.run):
        raise UsageError("--prefix and --run name an existing run together; give both or neither")
    with scratch_folder(args) as scratch:
        folder, _ = take_rows(args.input, args.rows, scratch / "cut")
        dump = scratch / "dump.csv"
        records = write_dump(folder, dump)
        given = args.prefix and (args.prefix.resolve(), args.run)
        prefix, run_id = given or train_quickly(args, scratch)
        ours = time_aisle(args, dump, prefix, run_id, scratch.name)
        theirs = time_fasttext(args, dump, prefix, run_id, scratch)
        figures = summarise(ours, theirs, records)
    show_all(figures, args.json)
    print_json(figures, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
