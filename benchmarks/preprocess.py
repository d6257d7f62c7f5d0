"""Preprocess the same files with Aisle and with what a user would pick instead, one at a time.

  aisle              this project, `aisle preprocess`
  textbook           Beam + tf.Transform, one dict per row, as its guide teaches it
  textbook_parallel  the same on two worker processes (only when named with --only)
  notebook           pandas apply and Keras' TextVectorization, as the course notebook does
  polars             a Polars script for this layout alone, as most people would write it
  polars_tuned       the same after an expert's profiling: streaming, one pass

For each: wall and CPU seconds, and the peak memory of all its processes together.
Example: .venv/bin/python benchmarks/preprocess.py --input DIR --rows 100000 --json
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import (
    aisle,
    check,
    console,
    finish,
    make_parser,
    mebibytes,
    notes,
    print_json,
    scratch_folder,
    show,
    take_rows,
)
from benchmarks.measure import Measurement, RunFailed, measure_median
from configs.errors import UsageError

OURS = "aisle"
PARALLEL = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")
SCRIPTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "textbook": ("textbook_beam", ()),
    "textbook_parallel": ("textbook_beam", PARALLEL),
    "notebook": ("notebook_pandas", ()),
    "polars": ("polars_script", ()),
    "polars_tuned": ("polars_tuned", ()),
}
NAMES = (OURS, *SCRIPTS)
BY_DEFAULT = tuple(name for name in NAMES if name != "textbook_parallel")
SCALING = (300_000, 1_000_000)
Figures = dict[str, Any]
Command = Callable[[Path], list[str]]


def command_of(name: str, folder: Path, args: argparse.Namespace) -> Command:
    """Return what runs a contestant on `folder`, given where it may write."""
    if name == OURS:
        options = ("--input", str(folder))
        return lambda output: aisle("preprocess", args.config, output, *options)
    script, extra = SCRIPTS[name]
    words = [sys.executable, "-m", f"benchmarks.{script}", "--input", str(folder)]
    words += ["--config", str(args.config), *extra]
    return lambda output: [*words, "--output", str(output)]


def run_all(names: Sequence[str], args: argparse.Namespace, scratch: Path) -> Figures:
    """Run the contestants and return the figures of each; a failure is noted, and we go on."""
    folder, records = take_rows(args.input, args.rows, scratch / "cut")
    contestants: dict[str, Figures] = {}
    for name in names:
        with notes.status(f"{name}: {records:,} records"):
            command = command_of(name, folder, args)
            contestants[name] = attempt(command, scratch / name, args.repeat, records)
    return {"records": records, "contestants": contestants}


def attempt(command: Command, output: Path, repeat: int, records: int) -> Figures:
    """Return the figures of one contestant, or its `error`."""
    try:
        measured = measure_median(command, output, repeat)
    except RunFailed as error:
        notes.print(str(error), markup=False, highlight=False)
        return {"error": str(error).splitlines()[0]}
    return measured.as_figures() | {"records_per_second": rate(records, measured)}


def rate(records: int, measured: Measurement) -> float:
    return round(records / measured.seconds, 1)


def scaling(args: argparse.Namespace, scratch: Path, found: Figures) -> list[Figures]:
    """Return our figures at growing numbers of records; the last are those `run_all` found."""
    steps = []
    for rows in [rows for rows in SCALING if rows < found["records"]]:
        folder, count = take_rows(args.input, rows, scratch / f"cut-{rows}")
        with notes.status(f"{OURS}: {count:,} records"):
            output = scratch / f"scaling-{rows}"
            step = attempt(command_of(OURS, folder, args), output, args.repeat, count)
        steps.append({"records": count} | step)
    return [*steps, {"records": found["records"]} | found["contestants"][OURS]]


def by_workers(args: argparse.Namespace, scratch: Path) -> list[Figures]:
    """Return our figures on as many cores as `--workers` says: a step's work has a thread each."""
    folder, records = take_rows(args.input, args.rows, scratch / "cut-workers")
    run = command_of(OURS, folder, args)
    steps: list[Figures] = []
    for count in args.workers:
        cores = ["taskset", "--cpu-list", f"0-{count - 1}"]
        with notes.status(f"{OURS}: {records:,} records, {count} workers"):
            output = scratch / f"workers-{count}"
            step = attempt(lambda at, on=cores: [*on, *run(at)], output, args.repeat, records)
        seconds = {"first": (steps or [step])[0].get("seconds"), "this": step.get("seconds")}
        steps.append({"workers": count, "times_as_fast": ratio(seconds, "first", "this")} | step)
    return steps


def summarise(found: Figures) -> Figures:
    """Put our own figures and the ratios on top of what `run_all` found."""
    contestants = found["contestants"]
    seconds = {name: figures.get("seconds") for name, figures in contestants.items()}
    ours = contestants.get(OURS, {})
    keys = ("records_per_second", "seconds", "cpu_seconds", "peak_rss_bytes")
    top: Figures = {"records": found["records"]} | {key: ours.get(key) for key in keys}
    divide = partial(ratio, seconds)
    return top | {
        "ratio_to_textbook": divide("textbook", OURS),
        "ratio_to_notebook": divide("notebook", OURS),
        "ratio_to_polars": divide(OURS, "polars"),
        "ratio_to_polars_tuned": divide(OURS, "polars_tuned"),
        "contestants": contestants,
    }


def ratio(seconds: dict[str, float | None], above: str, below: str) -> float | None:
    """Return the seconds of one over those of the other, if both have run."""
    first, second = seconds.get(above), seconds.get(below)
    return round(first / second, 3) if first and second else None


def row_of(name: str, figures: Figures) -> list[str]:
    if "error" in figures:
        return [name, "failed", "", "", "", "", ""]
    counts = (figures.get("records"), figures.get("distinct", figures.get("titles")))
    return [
        name,
        f"{figures['records_per_second']:,.0f}",
        f"{figures['seconds']:,.1f}",
        f"{figures['cpu_seconds']:,.1f}",
        mebibytes(figures["peak_rss_bytes"]),
        *("?" if count is None else f"{count:,}" for count in counts),
    ]


def show_all(figures: Figures, as_json: bool) -> None:
    """Print the tables and the ratios."""
    columns = ["", "records/s", "seconds", "CPU s", "peak memory", "records", "distinct"]
    rows = [row_of(name, found) for name, found in figures["contestants"].items()]
    if rows:
        show(f"Preprocessing {figures['records']:,} records", columns, rows, as_json)
    ratios = {key: value for key, value in figures.items() if key.startswith("ratio") and value}
    for key, value in ratios.items():
        meaning = "times Polars' time" if "polars" in key else "times as fast"
        console(as_json).print(f"{key}: {value:.2f} ({meaning})")
    if figures.get("scaling"):
        rows = [row_of(f"{step['records']:,}", step) for step in figures["scaling"]]
        show("Aisle at growing size", columns, rows, as_json)
    if figures.get("workers"):
        rows = [row_of(f"{step['workers']}", step) for step in figures["workers"]]
        show("Aisle by workers: a thread on a core each", columns, rows, as_json)
        for step in figures["workers"][1:]:
            say = f"{step['workers']} workers: {step['times_as_fast']} times as fast"
            console(as_json).print(say)


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="NAME")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each; the median counts")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[], metavar="N", help="ours on N cores instead"
    )
    parser.add_argument("--scaling", action="store_true", help="also ours at 0.3M, 1M and all")
    args = parser.parse_args(argv)
    check(args)
    if args.only is None:
        args.only = () if args.workers else BY_DEFAULT
    if args.repeat < 1:
        raise UsageError(f"--repeat {args.repeat}: must be at least 1")
    if any(not 1 <= count <= (os.cpu_count() or 1) for count in args.workers):
        raise UsageError(f"--workers {args.workers}: must be 1 to {os.cpu_count()}, the cores here")
    if args.scaling and OURS not in args.only:
        raise UsageError(f"--scaling: needs {OURS} among --only {' '.join(args.only)}")
    with scratch_folder(args) as scratch:
        found = run_all(args.only, args, scratch)
        figures = summarise(found)
        if args.scaling:
            figures["scaling"] = scaling(args, scratch, found)
        if args.workers:
            figures["workers"] = by_workers(args, scratch)
    show_all(figures, args.json)
    print_json(figures, args.json)
    every = [*figures["contestants"].values()]
    every += [*figures.get("scaling", []), *figures.get("workers", [])]
    return 1 if any("error" in found for found in every) else 0


if __name__ == "__main__":
    finish(main)
