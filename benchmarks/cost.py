"""Model what preprocessing and prediction take on Flink and Dataflow: time, memory, cost by size.

Nothing is run. CPU seconds of each stage, at the start and by titles, are what benchmarks/stages.py
printed; what a title takes where it crosses from worker to worker, and how tokens grow, is what
benchmarks/growth.py printed. Titles are counted as they stand in the files, repeats too.

    .venv/bin/python benchmarks/stages.py --input DIR --json > stages
    .venv/bin/python benchmarks/growth.py --input DIR --json > growth
    .venv/bin/python benchmarks/cost.py --stages stages --growth growth

Imports, the making of the pipeline, what tf.Transform learns and the hashing of the files are done
once, by one core, while the others wait. Prices are list prices in US dollars of us-central1.
Dataflow (batch): those in Apache Beam 2.77, apache_beam/testing/load_tests/dataflow_cost_consts.py;
reductions of shuffle by volume, and of anything by commitment, are not counted. Machines of Flink:
n2-standard-4 of Compute Engine, on demand, as published in 2025. Name today's with the options.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import finish, print_json, show
from benchmarks.cost_model import Job, Shape, growth_of, predict_job, preprocess_job, shape_of
from benchmarks.measure import last_json
from configs.errors import UsageError

SIZES = (3_000_000, 30_000_000, 300_000_000, 3_000_000_000)
Figures = dict[str, Any]


def millions(titles: int) -> str:
    return f"{titles / 1e6:,.0f}M"


def shape_row(found: Shape) -> list[str]:
    return [
        millions(found.titles),
        f"{found.parts:,}",
        f"{found.titles_a_piece:,.1f}",
        f"{found.shuffle_gb:,.1f}",
        f"{found.between_gb:,.1f}",
        f"{found.tokens / 1e6:,.1f}M",
        f"{found.merged_gb:,.1f}",
        f"{found.worker_gb:,.1f}",
    ]


SHAPE = ["titles", "parts", "titles a piece", "shuffled GB", "between steps GB", "tokens"]
SHAPE += ["tokens of all parts GB", "worker GB"]


def job_row(titles: int, found: Job) -> list[str]:
    return [
        millions(titles),
        f"{found.vcpu_hours:,.2f}",
        found.largest,
        f"{found.machines}",
        f"{found.minutes:,.0f}",
        f"{found.flink:,.2f}",
        f"{found.dataflow:,.2f}",
    ]


JOB = ["titles", "vCPU-hours", "largest stage", "machines", "minutes", "Flink $", "Dataflow $"]


def stage_rows(jobs: Sequence[Job]) -> list[list[str]]:
    """Return a row a stage: its vCPU-hours at each size."""
    return [[stage, *(f"{job.stages[stage]:.2g}" for job in jobs)] for stage in jobs[0].stages]


def show_all(shapes: Sequence[Shape], jobs: dict[str, list[Job]], args: argparse.Namespace) -> None:
    sizes = [shape.titles for shape in shapes]
    show("What grows with the titles", SHAPE, [shape_row(shape) for shape in shapes], args.json)
    machine = f"{args.vcpus} vCPUs and {args.memory_gb:g} GB a machine"
    for command, of in jobs.items():
        rows = [job_row(titles, job) for titles, job in zip(sizes, of, strict=True)]
        show(f"{command}, modelled, {machine}", JOB, rows, args.json)
    for command, of in jobs.items():
        columns = ["stage", *map(millions, sizes)]
        show(f"{command}: vCPU-hours of each stage", columns, stage_rows(of), args.json)


def read(path: Path) -> Figures:
    """Return the JSON object in the last line of a file that a benchmark printed."""
    if not path.is_file():
        raise UsageError(f"{path}: no such file; keep what the benchmark prints with --json")
    found = last_json(path.read_text())
    if not found:
        raise UsageError(f"{path}: its last line is no JSON object; run the benchmark with --json")
    return found


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--stages", type=Path, required=True, metavar="FILE")
    add("--growth", type=Path, required=True, metavar="FILE")
    add("--sizes", type=int, nargs="+", default=SIZES, help="titles")
    add("--hours", type=float, default=0.5, help="that a job should take (default 0.5)")
    add("--machines", type=int, default=100, help="at most (default 100)")
    add("--utilisation", type=float, default=0.7, help="of the vCPUs, assumed (default 0.7)")
    add("--start-seconds", type=float, default=240, help="of machines, assumed (default 240)")
    of_engine = "CPU s for a million titles of preprocessing that it takes beyond FnApiRunner"
    add("--engine-seconds", type=float, default=0, help=f"{of_engine} (default 0)")
    add("--batch-rows", type=int, help="preprocess.batch_rows (default: as the input says)")
    add("--vcpus", type=int, default=4, help="of a machine (default 4)")
    add("--memory-gb", type=float, default=16, help="of a machine (default 16)")
    add("--disk-gb", type=float, default=50, help="of a Dataflow worker (default 50)")
    add("--flink-machine", type=float, default=0.1942, help="$ an hour")
    add("--dataflow-vcpu", type=float, default=0.056, help="$ an hour")
    add("--dataflow-gb", type=float, default=0.003557, help="$ an hour of memory")
    add("--dataflow-disk", type=float, default=0.000054, help="$ an hour of a GB")
    add("--dataflow-shuffle", type=float, default=0.011, help="$ a GB")
    add("--json", action="store_true", help="last line of stdout: one JSON object")
    return parser


def check(args: argparse.Namespace) -> None:
    """Raise `UsageError` for what cannot be: names the option."""
    for name, value in vars(args).items():
        values = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(one, int | float) and one < 0 for one in values):
            raise UsageError(f"--{name.replace('_', '-')} {value}: must not be negative")
    if not all(args.sizes):
        raise UsageError("--sizes 0: must be more than 0")
    if args.batch_rows == 0:
        raise UsageError("--batch-rows 0: must be more than 0")
    for name in ("hours", "machines", "utilisation", "vcpus"):
        if not getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} 0: must be more than 0")


def main(argv: Sequence[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    check(args)
    stages, figures = read(args.stages), read(args.growth)
    if not {"preprocess", "predict"} <= stages.keys():
        raise UsageError(f"--stages {args.stages}: not what benchmarks/stages.py prints")
    if "crossing" not in figures:
        raise UsageError(f"--growth {args.growth}: not what benchmarks/growth.py prints")
    growth, measured = growth_of(figures), stages["preprocess"]
    shapes = [shape_of(titles, growth, measured, args.batch_rows) for titles in args.sizes]
    jobs = {
        "preprocess": [preprocess_job(n, growth, measured, args) for n in args.sizes],
        "predict": [predict_job(n, stages["predict"], args) for n in args.sizes],
    }
    show_all(shapes, jobs, args)
    sizes = [
        asdict(shape) | {command: asdict(of[number]) for command, of in jobs.items()}
        for number, shape in enumerate(shapes)
    ]
    print_json({"growth": asdict(growth), "sizes": sizes}, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
