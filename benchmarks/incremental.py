"""Preprocess a catalogue, change some of its files, and preprocess it again with a cache.

Runs of `aisle preprocess`, each a process of its own: full, without a cache; full, filling one;
with that cache after some files got another title; with it once more; and full again, of the
changed files. What the last three wrote is compared byte by byte. With --fixed-vocabulary all but
the first run take the vocabulary of the first.
Example: .venv/bin/python benchmarks/incremental.py --input DIR --changed 5 --json
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.catalogue import category_files
from benchmarks.command import (
    aisle,
    check,
    finish,
    make_parser,
    mebibytes,
    notes,
    print_json,
    scratch_folder,
    show,
    take_rows,
)
from benchmarks.measure import Measurement, measure
from configs.errors import UsageError

CACHE = ("--set", "preprocess.incremental=true")
COMPARED = ("tfrecords", "stats", "rejected", "transform_fn/transform_fn/assets")
RUNS = {
    "full": "full, no cache",
    "filling": "full, filling the cache",
    "incremental": "incremental, after the change",
    "unchanged": "incremental, nothing changed since",
    "again": "full, of the changed files",
}


def change(folder: Path, count: int) -> None:
    """Give a record more to `count` files, spread over all by path."""
    files = category_files(folder)
    if not 0 < count <= len(files):
        raise UsageError(f"--changed {count}: expected 1 to {len(files)}, the number of files")
    for number in range(count):
        with open(files[number * len(files) // count], "ab") as file:
            file.write(f"A title that nobody had before number {number}\n".encode())


def run_all(
    source: Path, scratch: Path, config: Path, changed: int, fixed: bool
) -> dict[str, Measurement]:
    """Return what each of `RUNS` took; `source` is copied, and changed there."""
    folder = scratch / "catalogue"
    shutil.copytree(source, folder)
    found = {}
    for name, words in RUNS.items():
        if name == "incremental":
            change(folder, changed)
        cached = () if name in ("full", "again") else CACHE
        vocabulary = fix_vocabulary(scratch) if fixed and name != "full" else ()
        options = ("--input", str(folder), *cached, *vocabulary)
        with notes.status(words):
            found[name] = measure(aisle("preprocess", config, scratch, *options, run_id=name))
    return found


def fix_vocabulary(scratch: Path) -> tuple[str, ...]:
    """Return the options of a run that takes the vocabulary of the first one."""
    tokens = scratch / "runs/full/transform_fn/transform_fn/assets/tokens"
    return ("--set", f"features.tokens.vocabulary={tokens}")


def differing(scratch: Path) -> list[str]:
    """Return the files in which the last three runs differ, by their path below a run."""
    right = _files(scratch / "runs/again")
    found: set[str] = set()
    for name in ("incremental", "unchanged"):
        made = _files(scratch / "runs" / name)
        found |= {n for n in right.keys() | made.keys() if not _same(right.get(n), made.get(n))}
    return sorted(found)


def _files(run: Path) -> dict[str, Path]:
    found = [path for folder in COMPARED for path in (run / folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(run)): path for path in found if path.name != "COMPLETED"}


def _same(one: Path | None, other: Path | None) -> bool:
    return one is not None and other is not None and one.read_bytes() == other.read_bytes()


def summarise(found: dict[str, Measurement], differ: list[str]) -> dict[str, Any]:
    last = found["incremental"]
    return {
        "runs": {name: measured.as_figures() for name, measured in found.items()},
        "files": last.figures["files"],
        "files_known": last.figures["files_known"],
        "share_of_full": round(last.seconds / found["again"].seconds, 4),
        "differing": differ,
    }


def show_all(found: dict[str, Measurement], figures: dict[str, Any], as_json: bool) -> None:
    rows = [
        [RUNS[name], f"{m.seconds:,.1f}", f"{m.cpu_seconds:,.1f}", mebibytes(m.peak_rss_bytes)]
        for name, m in found.items()
    ]
    title = (
        f"{figures['files_known']} of {figures['files']} files known: "
        f"{figures['share_of_full']:.0%} of a full run's time"
    )
    show(title, ["run", "seconds", "CPU s", "peak memory"], rows, as_json)


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--changed", type=int, default=5, help="how many files (default 5)")
    parser.add_argument(
        "--fixed-vocabulary", action="store_true", help="all take the first run's vocabulary"
    )
    args = parser.parse_args(argv)
    check(args)
    with scratch_folder(args) as scratch:
        source, _ = take_rows(args.input, args.rows, scratch / "cut")
        found = run_all(source, scratch, args.config, args.changed, args.fixed_vocabulary)
        figures = summarise(found, differing(scratch))
    show_all(found, figures, args.json)
    print_json(figures, args.json)
    if figures["differing"]:
        print(f"not the same: {', '.join(figures['differing'][:5])}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    finish(main)
