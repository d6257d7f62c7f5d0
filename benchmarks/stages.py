"""Measure the stages of preprocessing and of prediction: CPU seconds at the start and by records.

`aisle preprocess` and `aisle predict` run on a cut and on all records, each twice: as they are, and
with `benchmarks/stage_clock.py`, which gives the CPU time of the same run to its stages. A stage's
rate is the line through the two sizes; the model that predicts is learnt from the cut. Whether the
stages explain what the command takes as it is stands above each table: `not in a stage` is what
they lack, threads that wait for each other and the end of the process.
Example: .venv/bin/python benchmarks/stages.py --input DIR --json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import (
    aisle,
    check,
    finish,
    make_parser,
    notes,
    print_json,
    row_count,
    scratch_folder,
    show,
    take_rows,
)
from benchmarks.measure import measure
from benchmarks.predict import write_dump
from benchmarks.stage_clock import FIXED, IMPORTS, REST, STAGES
from configs.errors import UsageError

OUTSIDE = "not in a stage"
Figures = dict[str, Any]


def run_twice(words: Callable[[str], list[str]], file: Path) -> Figures:
    """Run a command as it is and with the clock; return the figures of one size.

    `words` gives it a name of its own each time, so that neither finds what the other made.
    """
    plain_words, (python, m, _, *rest) = words("plain"), words("clocked")
    with notes.status(f"aisle {rest[0]}"):
        plain = measure(plain_words)
    with notes.status(f"aisle {rest[0]}, clocked"):
        clocked = measure([python, m, "benchmarks.stage_clock", str(file), *rest])
    found = json.loads(file.read_text())
    records = plain.figures.get("records") or plain.figures["rows"]
    return size_of(records, plain.cpu_seconds, found) | {
        "clocked_cpu_seconds": round(clocked.cpu_seconds, 2),
        "seconds": round(plain.seconds, 1),
        "peak_rss_bytes": plain.peak_rss_bytes,
    }


def size_of(records: int, cpu_seconds: float, clocked: Figures) -> Figures:
    """Return the stages of a run beside what the command took as it is."""
    stages = {name: round(seconds, 3) for name, seconds in clocked["stages"].items()}
    in_stages = sum(stages.values())
    named = in_stages - stages.get(REST, 0.0)
    return {
        "records": records,
        "cpu_seconds": round(cpu_seconds, 2),
        "in_stages": round(in_stages, 2),
        "explained": round(named / cpu_seconds, 3),
        "bytes_a_record": round(clocked["bytes"] / records, 1),
        "stages": stages | {OUTSIDE: round(max(0.0, cpu_seconds - in_stages), 3)},
    }


def rates_of(command: str, small: Figures, large: Figures) -> list[Figures]:
    """Return what each stage takes at the start and for a million records, in order."""
    order = [IMPORTS, *STAGES[command], REST, OUTSIDE]
    return [_rate(name, small, large) for name in order if name in large["stages"]]


def _rate(name: str, small: Figures, large: Figures) -> Figures:
    """Return the line through two sizes; neither its start nor its slope is below nothing."""
    few, many = (size["stages"].get(name, 0.0) for size in (small, large))
    slope = (many - few) / (large["records"] - small["records"])
    if name in FIXED:
        slope, fixed = 0.0, (few + many) / 2
    elif slope <= 0:
        slope, fixed = 0.0, many
    else:
        fixed = few - slope * small["records"]
        if fixed < 0:
            slope, fixed = many / large["records"], 0.0
    return {
        "stage": name,
        "fixed_seconds": round(fixed, 3),
        "seconds_a_million": round(slope * 1e6, 4),
        "records_per_second": round(1 / slope) if slope else None,
        "share": round(many / sum(large["stages"].values()), 3),
    }


def preprocess_stages(args: argparse.Namespace, folders: Sequence[Path], scratch: Path) -> Figures:
    """Measure preprocessing of each folder; what `plain0` made of the first stays for the model."""
    sizes = []
    for number, folder in enumerate(folders):

        def words(name: str, number: int = number, folder: Path = folder) -> list[str]:
            prefix = scratch / f"{name}{number}"
            return aisle("preprocess", args.config, prefix, "--input", str(folder))

        sizes.append(run_twice(words, scratch / "clock.json"))
    return {"sizes": sizes, "stages": rates_of("preprocess", *sizes)}


def predict_stages(args: argparse.Namespace, folders: Sequence[Path], scratch: Path) -> Figures:
    """Measure the prediction of dumps with the titles of each folder."""
    prefix = scratch / "plain0"
    with notes.status("aisle train"):
        measure(aisle("train", args.config, prefix))
    sizes = []
    for number, folder in enumerate(folders):
        dump = scratch / f"dump{number}.csv"
        write_dump(folder, dump)

        def words(name: str, number: int = number, dump: Path = dump) -> list[str]:
            options = ("--dump", str(dump), "--dump-id", f"{name}{number}")
            return aisle("predict", args.config, prefix, *options)

        sizes.append(run_twice(words, scratch / "clock.json"))
    return {"sizes": sizes, "stages": rates_of("predict", *sizes)}


def show_all(command: str, figures: Figures, as_json: bool) -> None:
    large = figures["sizes"][-1]
    rows = [
        [
            of["stage"],
            f"{of['fixed_seconds']:,.1f}",
            f"{of['seconds_a_million']:,.2f}",
            f"{of['records_per_second']:,}" if of["records_per_second"] else "",
            f"{of['share']:.1%}",
        ]
        for of in figures["stages"]
    ]
    start = sum(of["fixed_seconds"] for of in figures["stages"])
    million = sum(of["seconds_a_million"] for of in figures["stages"])
    rows.append(["all", f"{start:,.1f}", f"{million:,.2f}", "", ""])
    title = (
        f"{command}, {large['records']:,} records: {large['cpu_seconds']:,.1f} CPU s as it is, "
        f"{large['in_stages']:,.1f} clocked; named stages explain {large['explained']:.1%}"
    )
    columns = ["stage", "CPU s at the start", "CPU s a million", "records/s a core", "share"]
    show(title, columns, rows, as_json)


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--cut", type=row_count, default=300_000, help="records of the smaller size"
    )
    args = parser.parse_args(argv)
    check(args)
    with scratch_folder(args) as scratch:
        folder, records = take_rows(args.input, args.rows, scratch / "rows")
        if not 0 < args.cut < records:
            raise UsageError(
                f"--cut {args.cut}: must be at least 1 and less than all {records:,} records"
            )
        small, _ = take_rows(folder, args.cut, scratch / "cut")
        figures = {
            "preprocess": preprocess_stages(args, (small, folder), scratch),
            "predict": predict_stages(args, (small, folder), scratch),
        }
    for command, found in figures.items():
        show_all(command, found, args.json)
    print_json(figures, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
