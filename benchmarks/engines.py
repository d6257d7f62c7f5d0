"""Preprocess the same files on each engine of this machine, and compare what came out.

  fnapi   Beam's FnApiRunner, the default: one worker, a step's work on a thread a core
  prism   Beam's Prism, written in Go; the workers are threads of the command (make prism)
  flink   a Flink cluster: a job manager, task managers and Python workers, processes of their own

For each: wall and CPU seconds and the peak memory, of a cluster's processes too; it is started
before. The first engine named is what the others' examples (as a multiset), vocabularies,
statistics and rejects have to be equal to.
Example: .venv/bin/python benchmarks/engines.py --input DIR --engines fnapi prism flink --json
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.checksums import checksums, differing
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
from benchmarks.measure import RunFailed, measure
from cluster.flink import FlinkCluster
from cluster.jars import find_jars
from cluster.prism import find_prism
from configs.artifacts import RunArtifacts
from configs.errors import UsageError

NAMES = ("fnapi", "prism", "flink")
Figures = dict[str, Any]
_KEPT = ("records", "titles", "examples", "seconds", "own_seconds", "cpu_seconds", "peak_rss_bytes")
_STEPS = 12


@dataclass(frozen=True)
class Engine:
    """Beam's options, and what is there already: the cluster and its processes."""

    options: Sequence[str]
    cluster: FlinkCluster | None = None
    pids: Sequence[int] = ()


@contextlib.contextmanager
def started(name: str, folder: Path, task_managers: int) -> Iterator[Engine]:
    """Give an engine; a cluster lasts as long as the block, its logs lie in `folder`."""
    if name == "flink":
        with FlinkCluster(folder, find_jars(), task_managers=task_managers) as cluster:
            yield Engine(cluster.options(), cluster, cluster.pids)
    elif name == "prism":
        yield Engine(["--runner=PrismRunner", f"--prism_location={find_prism()}"])
    else:
        yield Engine(["--runner=FnApiRunner"])


def run_all(args: argparse.Namespace, scratch: Path) -> Figures:
    """Return the figures of each engine; a failure is noted, and we go on."""
    folder, records = take_rows(args.input, args.rows, scratch / "cut")
    found: dict[str, Figures] = {}
    sums: dict[str, Any] = {}
    for name in args.engines:
        with notes.status(f"{name}: {records:,} records"):
            found[name], sums[name] = attempt(name, folder, args, scratch)
    first = sums[args.engines[0]]
    for name, figures in found.items():
        if sums[name] and first:
            figures["differing"] = differing(first, sums[name])
    return {"records": records, "engines": found}


def attempt(
    name: str, folder: Path, args: argparse.Namespace, scratch: Path
) -> tuple[Figures, dict[str, Any]]:
    """Return the figures of one engine, or its `error`, and the checksums of what it made."""
    prefix = scratch / name
    command = aisle(
        "preprocess", args.config, prefix, "--input", str(folder), *set_options(args.set)
    )
    try:
        with started(name, scratch / f"{name}-logs", args.task_managers) as engine:
            measured = measure([*command, "--", *engine.options], engine.pids)
            moved = exchanged(engine.cluster) if engine.cluster else {}
    except (RunFailed, RuntimeError) as error:
        notes.print(str(error), markup=False, highlight=False)
        return {"error": str(error).splitlines()[0]}, {}
    figures = {key: measured.as_figures()[key] for key in _KEPT} | moved
    sums = checksums(RunArtifacts(str(prefix), RUN_ID))
    if not args.keep:
        shutil.rmtree(prefix)
    return figures, sums


def exchanged(cluster: FlinkCluster) -> Figures:
    """Return the bytes that the tasks of Flink's last job handed on, and which handed on most."""
    job = max(cluster.jobs(), key=lambda found: found["start-time"])
    steps = [
        {
            "step": step["name"],
            "seconds": step["duration"] / 1000,
            "write_bytes": step["metrics"]["write-bytes"],
        }
        for step in cluster.ask(f"/jobs/{job['jid']}")["vertices"]
    ]
    steps.sort(key=lambda step: -step["write_bytes"])
    return {"exchanged_bytes": sum(step["write_bytes"] for step in steps), "steps": steps[:_STEPS]}


def row_of(name: str, figures: Figures) -> list[str]:
    if "error" in figures:
        return [name, "failed", "", "", "", ""]
    differ = figures.get("differing")
    return [
        name,
        f"{figures['seconds']:,.1f}",
        f"{figures['own_seconds']:,.1f}",
        f"{figures['cpu_seconds']:,.1f}",
        mebibytes(figures["peak_rss_bytes"]),
        "?" if differ is None else "no" if differ else "yes",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--engines", nargs="+", choices=NAMES, default=NAMES, metavar="NAME")
    parser.add_argument("--task-managers", type=int, default=2, help="of Flink (default 2)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting")
    args = parser.parse_args(argv)
    check(args)
    if args.task_managers < 1:
        raise UsageError(f"--task-managers {args.task_managers}: must be at least 1")
    find = {"flink": find_jars, "prism": find_prism}
    for name in args.engines:
        find.get(name, str)()  # say at once what is missing
    with scratch_folder(args) as scratch:
        figures = run_all(args, scratch)
    rows = [row_of(name, found) for name, found in figures["engines"].items()]
    columns = ["engine", "seconds", "of the stage", "CPU s", "peak memory", "same"]
    show(f"Preprocessing {figures['records']:,} records", columns, rows, args.json)
    print_json(figures, args.json)
    return 1 if any(_is_bad(found) for found in figures["engines"].values()) else 0


def _is_bad(figures: Figures) -> bool:
    return "error" in figures or bool(figures.get("differing"))


if __name__ == "__main__":
    finish(main)
