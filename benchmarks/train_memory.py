"""Train on samples of several sizes: does the memory of a training run grow with the examples?

Each size is a cut spread over all files, preprocessed on its own (not measured), then trained on
with `aisle train` as a process of its own. Finished runs can be given instead: --run, once for
each. What is measured is the largest memory of the process and its descendants.
Example: .venv/bin/python benchmarks/train_memory.py --input DIR --rows 300000 2200000 --json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.catalogue import category_files
from benchmarks.command import (
    DEFAULT_CONFIG,
    aisle,
    finish,
    mebibytes,
    notes,
    print_json,
    row_count,
    scratch_folder,
    set_options,
    show,
    take_rows,
)
from benchmarks.measure import Measurement, measure
from configs.errors import UsageError

READ_BY_TRAINING = ("tfrecords", "transform_fn", "stats")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, help="folder of category files")
    parser.add_argument(
        "--rows", type=row_count, nargs="+", default=[], help="records of each cut; 0: all"
    )
    parser.add_argument(
        "--run", type=Path, action="append", default=[], help="PREFIX/runs/RUN-ID, preprocessed"
    )
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="the catalogue's YAML")
    parser.add_argument("--set", action="append", default=[], help="a setting of the training")
    parser.add_argument("--json", action="store_true", help="last line of stdout: one JSON object")
    parser.add_argument("--keep", action="store_true", help="keep the scratch folder")
    parser.add_argument("--scratch", type=Path, help="where to make it; default: the system's")
    return parser


def check(args: argparse.Namespace) -> None:
    """Raise `UsageError` unless there are two sizes to compare, and something to make them of."""
    if len(args.rows) + len(args.run) < 2:
        raise UsageError("--rows, --run: two sizes or more are compared; name another")
    if args.rows and (args.input is None or not category_files(args.input)):
        raise UsageError(f"--input {args.input}: holds no *.csv file; name a folder with some")
    for run in args.run:
        if not (run / "tfrecords" / "COMPLETED").is_file():
            raise UsageError(f"--run {run}: not preprocessed; run `aisle preprocess` first")
    if not args.config.is_file():
        raise UsageError(f"--config {args.config}: no such file; name the catalogue's YAML file")


def prepared(args: argparse.Namespace, scratch: Path) -> Iterator[str]:
    """Yield the ids of runs below `scratch` that can be trained on."""
    for number, run in enumerate(args.run):
        yield linked_run(run.resolve(), scratch, f"given-{number}")
    for number, rows in enumerate(args.rows):
        run_id = f"cut-{number}"
        folder, _ = take_rows(args.input.resolve(), rows, scratch / "input" / run_id)
        command = aisle("preprocess", args.config, scratch, "--input", str(folder), run_id=run_id)
        with notes.status(f"preprocess {rows or 'all'} rows"):
            measure(command)
        yield run_id


def linked_run(run: Path, scratch: Path, run_id: str) -> str:
    """Make a run of links to what training reads of another: nothing is written to that."""
    folder = scratch / "runs" / run_id
    folder.mkdir(parents=True)
    for name in READ_BY_TRAINING:
        (folder / name).symlink_to(run / name)
    return run_id


def train_on(run_id: str, args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Return the titles that a run trains on, and what training on them took."""
    counts = json.loads((scratch / "runs" / run_id / "stats" / "counts.json").read_text())
    options = set_options(args.set)
    with notes.status(f"train {run_id}"):
        measured = measure(aisle("train", args.config, scratch, *options, run_id=run_id))
    return as_row(counts, measured)


def as_row(counts: dict[str, Any], measured: Measurement) -> dict[str, Any]:
    return {
        "titles": counts["titles"],
        "training_titles": counts["examples_by_split"]["train"],
        "peak_rss_bytes": measured.peak_rss_bytes,
        "seconds": round(measured.seconds, 3),
    }


def summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the sizes from the smallest, and the memory of the largest over that of the first."""
    by_size = sorted(rows, key=lambda row: row["training_titles"])
    ratio = by_size[-1]["peak_rss_bytes"] / by_size[0]["peak_rss_bytes"]
    times = by_size[-1]["training_titles"] / by_size[0]["training_titles"]
    return {"sizes": by_size, "memory_ratio": round(ratio, 4), "titles_ratio": round(times, 4)}


def show_all(figures: dict[str, Any], as_json: bool) -> None:
    rows = [
        [
            f"{row['titles']:,}",
            f"{row['training_titles']:,}",
            mebibytes(row["peak_rss_bytes"]),
            f"{row['seconds']:,.1f}",
        ]
        for row in figures["sizes"]
    ]
    title = (
        f"{figures['memory_ratio']:.2f} times the memory for "
        f"{figures['titles_ratio']:.1f} times the titles"
    )
    columns = ["titles", "of them trained on", "peak memory", "whole process s"]
    show(title, columns, rows, as_json)


def main(argv: Sequence[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    check(args)
    args.config = args.config.resolve()
    with scratch_folder(args) as scratch:
        figures = summarise([train_on(run_id, args, scratch) for run_id in prepared(args, scratch)])
    show_all(figures, args.json)
    print_json(figures, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
