"""Preprocess a catalogue at several sizes: time and memory as the number of titles grows.

Each size is a number of copies with altered titles (`benchmarks/larger.py`), preprocessed by a
process of its own. Times and memory are set beside those of the first size.
Example: .venv/bin/python benchmarks/scale.py --input DIR --copies 1 3 10 --json
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import (
    aisle,
    check,
    finish,
    make_parser,
    mebibytes,
    notes,
    print_json,
    row_count,
    scratch_folder,
    set_options,
    show,
    take_rows,
)
from benchmarks.larger import enlarge
from benchmarks.measure import Measurement, measure
from configs.errors import UsageError

COLUMNS = ("records", "titles", "seconds", "records/s", "CPU s", "peak memory", "times the first")


def run_size(
    source: Path, copies: int, scratch: Path, config: Path, sets: Sequence[str]
) -> Measurement:
    """Preprocess so many copies of `source`; what was made for it is removed again."""
    folder, prefix = scratch / "larger", scratch / "out"
    options = set_options(sets)
    try:
        with notes.status(f"writing {copies} copies"):
            enlarge(source, folder, copies)
        with notes.status(f"preprocessing {copies} copies"):
            return measure(aisle("preprocess", config, prefix, "--input", str(folder), *options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(prefix, ignore_errors=True)


def summarise(copies: int, found: Measurement, first: Measurement) -> dict[str, Any]:
    """Return the figures of a size."""
    own = found.as_figures()
    measured = {n: own[n] for n in ("records", "titles", "seconds", "cpu_seconds")}
    return {
        "copies": copies,
        **measured,
        "records_per_second": round(own["records"] / found.seconds),
        "peak_rss_bytes": found.peak_rss_bytes,
        "times_the_first": round(found.seconds / first.seconds, 2),
    }


def show_all(sizes: Sequence[dict[str, Any]], as_json: bool) -> None:
    rows = [
        [
            str(size["copies"]),
            f"{size['records']:,}",
            f"{size['titles']:,}",
            f"{size['seconds']:,.1f}",
            f"{size['records_per_second']:,}",
            f"{size['cpu_seconds']:,.1f}",
            mebibytes(size["peak_rss_bytes"]),
            f"{size['times_the_first']:.2f}",
        ]
        for size in sizes
    ]
    show("Preprocessing by size", ["copies", *COLUMNS], rows, as_json)


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--copies", type=row_count, nargs="+", default=[1, 10], help="sizes (default 1 10)"
    )
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the config")
    args = parser.parse_args(argv)
    check(args)
    if 0 in args.copies:
        raise UsageError("--copies 0: must be at least 1")
    sizes: list[dict[str, Any]] = []
    first: Measurement | None = None
    with scratch_folder(args) as scratch:
        source, _ = take_rows(args.input, args.rows, scratch / "cut")
        for copies in args.copies:
            found = run_size(source, copies, scratch, args.config, args.set)
            first = first or found
            sizes.append(summarise(copies, found, first))
    show_all(sizes, args.json)
    print_json({"sizes": sizes}, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
