"""Fit the baselines from scikit-learn on a real catalogue; how accurate are they, how fast?

Aisle preprocesses once, its time apart. Each baseline then learns from the train part and is scored
on the test part, one after the other in one process: `seconds` is fitting it, reading included,
`titles_per_second` scoring. With --sets it is one-vs-rest logistic regression on sets of labels.
Example: .venv/bin/python benchmarks/baselines.py --input DIR --rows 300000 --level main --json
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
from benchmarks.measure import measure

MODELS = ("logistic_regression", "linear_svm", "naive_bayes")


def run_all(args: argparse.Namespace, folder: Path, scratch: Path) -> dict[str, Any]:
    """Preprocess, fit and score; return the figures of both."""
    level = [f"{key}.level={args.level}" for key in ("training", "objectives.exclusive")]
    sets = set_options(level)
    run = ["--config", str(args.config), "--prefix", str(scratch), "--run-id", RUN_ID]
    scored = ["--models", *args.models, *(["--sets"] if args.sets else [])]
    python = [sys.executable, "-m", "benchmarks.baselines_contestant"]
    with notes.status("preprocess"):
        before = measure(aisle("preprocess", args.config, scratch, "--input", str(folder), *sets))
    with notes.status("baselines"):
        found = measure([*python, *run, *sets, *scored])
    return {
        "preprocess_seconds": round(before.seconds, 3),
        "wall_seconds": round(found.seconds, 3),
        "peak_rss_bytes": found.peak_rss_bytes,
        "baselines": found.figures,
    }


def show_all(figures: dict[str, Any], as_json: bool) -> None:
    rows = [
        [
            name,
            *(_share(own.get(key)) for key in ("accuracy", "micro_f1", "macro_f1", "lrap")),
            f"{own['titles']:,}",
            f"{own['seconds']:,.1f}",
            f"{own['titles_per_second']:,}",
        ]
        for name, own in figures["baselines"].items()
    ]
    title = (
        f"Baselines on {figures['level']}, {figures['records']:,} records (preprocessed in "
        f"{figures['preprocess_seconds']:,.0f} s; peak {mebibytes(figures['peak_rss_bytes'])})"
    )
    columns = ["", "accuracy", "micro F1", "macro F1", "LRAP", "titles", "seconds", "titles/s"]
    show(title, columns, rows, as_json)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--level", choices=("main", "full"), default="main")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--sets", action="store_true", help="sets of labels: one against the rest")
    args = parser.parse_args(argv)
    check(args)
    with scratch_folder(args) as scratch:
        folder, records = take_rows(args.input, args.rows, scratch / "cut")
        found = run_all(args, folder, scratch)
    level = "sets of labels" if args.sets else args.level
    figures = {"records": records, "level": level, **found}
    show_all(figures, args.json)
    print_json(figures, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
