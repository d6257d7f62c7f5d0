"""Model what preprocessing takes on Flink and on Dataflow: time, machines and cost by size.

Nothing is run. CPU seconds a title and at the start are the line through two runs of
benchmarks/engines.py, one of a cut and one of all titles; what a title takes where it crosses from
worker to worker, and how tokens grow, is what benchmarks/growth.py printed.

    .venv/bin/python benchmarks/engines.py --input DIR --engines flink --rows 300000 --json > cut
    .venv/bin/python benchmarks/engines.py --input DIR --engines flink --json > all
    .venv/bin/python benchmarks/growth.py --input DIR --json > growth
    .venv/bin/python benchmarks/cost.py --engines cut all --growth growth

Prices are list prices in US dollars of us-central1. Dataflow (batch): those in Apache Beam 2.77,
apache_beam/testing/load_tests/dataflow_cost_consts.py; reductions of shuffle by volume, and of
anything by commitment, are not counted. Machines of Flink: n2-standard-4 of Compute Engine, on
demand, as published in 2025. Name today's with the options.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.command import finish, print_json, show
from benchmarks.measure import last_json
from configs.errors import UsageError
from configs.settings import PreprocessSettings

SIZES = (3_000_000, 30_000_000, 300_000_000, 3_000_000_000)
HOUR = 3600
Figures = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """`start + slope * x`."""

    start: float
    slope: float

    def at(self, x: float) -> float:
        return self.start + self.slope * x


@dataclass(frozen=True)
class Rates:
    """What was measured: CPU seconds by titles; bytes and CPU µs a title by pieces a title."""

    cpu_seconds: Line
    bytes_a_title: Line
    piece_microseconds: Line
    tokens: Line  # logarithms of both
    bytes_a_token: float
    input_bytes_a_title: float


@dataclass(frozen=True)
class Estimate:
    """What one size takes; `flink` and `dataflow` are dollars, of one machine type."""

    titles: int
    parts: int
    titles_a_piece: float
    shuffle_gb: float
    tokens: float
    token_gb: float
    vcpu_hours: float
    machines: int
    minutes: float
    flink: float
    dataflow: float


def line_through(points: Sequence[tuple[float, float]]) -> Line:
    """Return the line of least squares.

    >>> line_through([(1, 3), (2, 5)])
    Line(start=1.0, slope=2.0)
    """
    x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((at - x) ** 2 for at, _ in points)
    slope = sum((at - x) * (value - y) for at, value in points) / spread if spread else 0.0
    return Line(y - slope * x, slope)


def rates_of(runs: Sequence[Figures], growth: Figures, engine: str) -> Rates:
    """Return the rates that were measured on an engine."""
    crossing, tokens = growth["crossing"], growth["tokens"]
    pieces = [1 / of["titles_a_piece"] for of in crossing]
    sizes = [of["bytes_a_title"] for of in crossing]
    seconds = [of["cpu_microseconds_a_title"] for of in crossing]
    logs = [(math.log(of["titles"]), math.log(of["distinct_tokens"])) for of in tokens[-2:]]
    return Rates(
        line_through([(run["records"], run["engines"][engine]["cpu_seconds"]) for run in runs]),
        line_through(list(zip(pieces, sizes, strict=True))),
        line_through(list(zip(pieces, seconds, strict=True))),
        line_through(logs),
        tokens[-1]["bytes"] / tokens[-1]["distinct_tokens"],
        growth["input_bytes_a_title"],
    )


def titles_a_piece(batch_rows: int, parts: int) -> float:
    """Return how many titles of a batch fall into a part that gets any, on average."""
    return batch_rows / (parts * -math.expm1(-batch_rows / parts))


def estimate(titles: int, rates: Rates, args: argparse.Namespace) -> Estimate:
    """Return what `titles` take: as many machines as end in `--hours`, if there are so many."""
    shape = PreprocessSettings()
    parts, fewest = shape.shards_of(int(titles * rates.input_bytes_a_title)), shape.shards_of(0)
    piece = titles_a_piece(shape.batch_rows_of(parts), parts)
    measured = titles_a_piece(shape.batch_rows_of(fewest), fewest)
    more = rates.piece_microseconds.slope * (1 / piece - 1 / measured)
    cpu = rates.cpu_seconds.at(titles) + titles * max(0.0, more) / 1e6
    shuffled = titles * rates.bytes_a_title.at(1 / piece) / 1e9
    at_work = args.vcpus * args.utilisation
    machines = min(args.machines, math.ceil(cpu / (args.hours * HOUR * at_work)))
    hours = (args.start_seconds + cpu / (machines * at_work)) / HOUR
    tokens = math.exp(rates.tokens.at(math.log(titles)))
    flink = (machines + 1) * hours * args.flink_machine
    return Estimate(
        titles,
        parts,
        round(piece, 1),
        round(shuffled, 1),
        round(tokens),
        round(tokens * rates.bytes_a_token / 1e9, 2),
        round(cpu / HOUR, 2),
        machines,
        round(hours * 60, 1),
        round(flink, 2),
        round(dataflow_cost(machines * hours, shuffled, args), 2),
    )


def dataflow_cost(machine_hours: float, shuffled_gb: float, args: argparse.Namespace) -> float:
    """Return dollars; what is shuffled is billed where it is written and where it is read."""
    an_hour = args.vcpus * args.dataflow_vcpu + args.memory_gb * args.dataflow_gb
    an_hour += args.disk_gb * args.dataflow_disk
    return machine_hours * an_hour + 2 * shuffled_gb * args.dataflow_shuffle


def row_of(found: Estimate) -> list[str]:
    return [
        f"{found.titles / 1e6:,.0f}M",
        f"{found.parts:,}",
        f"{found.titles_a_piece:,.1f}",
        f"{found.shuffle_gb:,.1f}",
        f"{found.tokens / 1e6:,.1f}M",
        f"{found.vcpu_hours:,.1f}",
        f"{found.machines}",
        f"{found.minutes:,.0f}",
        f"{found.flink:,.2f}",
        f"{found.dataflow:,.2f}",
    ]


COLUMNS = ["titles", "parts", "titles a piece", "shuffled GB", "tokens", "vCPU-hours"]
COLUMNS += ["machines", "minutes", "Flink $", "Dataflow $"]


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
    add("--engines", type=Path, nargs=2, required=True, metavar="FILE", help="a cut, all")
    add("--engine", default="flink", help="whose rates (default flink)")
    add("--growth", type=Path, required=True, metavar="FILE")
    add("--sizes", type=int, nargs="+", default=SIZES, help="titles")
    add("--hours", type=float, default=0.5, help="that a job should take (default 0.5)")
    add("--machines", type=int, default=100, help="at most (default 100)")
    add("--utilisation", type=float, default=0.7, help="of the vCPUs, assumed (default 0.7)")
    add("--start-seconds", type=float, default=240, help="of machines, assumed (default 240)")
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


def check(args: argparse.Namespace, runs: Sequence[Figures]) -> None:
    """Raise `UsageError` for what cannot be: names the option."""
    for name, value in vars(args).items():
        values = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(one, int | float) and one < 0 for one in values):
            raise UsageError(f"--{name.replace('_', '-')} {value}: must not be negative")
    for name in ("hours", "machines", "utilisation", "vcpus"):
        if not getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} 0: must be more than 0")
    for path, run in zip(args.engines, runs, strict=True):
        if "cpu_seconds" not in run.get("engines", {}).get(args.engine, {}):
            raise UsageError(
                f"--engines {path}: no figures of {args.engine}; name another --engine"
            )


def main(argv: Sequence[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    runs, growth = [read(path) for path in args.engines], read(args.growth)
    check(args, runs)
    if "crossing" not in growth:
        raise UsageError(f"--growth {args.growth}: not what benchmarks/growth.py prints")
    rates = rates_of(runs, growth, args.engine)
    found = [estimate(titles, rates, args) for titles in args.sizes]
    title = (
        f"Modelled, {args.vcpus} vCPUs and {args.memory_gb:g} GB a machine, {args.engine}'s rates"
    )
    show(title, COLUMNS, [row_of(one) for one in found], args.json)
    print_json({"rates": asdict(rates), "sizes": [asdict(one) for one in found]}, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
