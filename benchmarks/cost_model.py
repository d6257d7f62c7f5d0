"""What a job takes by titles: the arithmetic of `benchmarks/cost.py`, from what was measured."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.stage_clock import CUT, FILES, FIXED
from configs.preprocess import PreprocessSettings

HOUR = 3600
ENGINE = "the engine, beyond FnApiRunner"
_TABLES_MERGED = 3  # two tables of tokens and the one that they become
Figures = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """`start + slope * x`."""

    start: float
    slope: float

    def at(self, x: float) -> float:
        return self.start + self.slope * x


@dataclass(frozen=True)
class Growth:
    """What benchmarks/growth.py measured: bytes and CPU µs a title by pieces a title; tokens."""

    bytes_a_title: Line
    piece_microseconds: Line
    tokens: Line  # logarithms of both
    bytes_a_token: float
    input_bytes_a_title: float

    def distinct_tokens(self, titles: float) -> float:
        return math.exp(self.tokens.at(math.log(titles)))

    def token_gb(self, titles: float) -> float:
        return self.distinct_tokens(titles) * self.bytes_a_token / 1e9

    def pieces(self, titles: int, batch_rows: int | None = None) -> tuple[int, float]:
        """Return the parts of so many titles, and how many titles are in a piece of a part."""
        settings = PreprocessSettings(batch_rows=batch_rows)
        parts = settings.shards_of(int(titles * self.input_bytes_a_title))
        return parts, titles_a_piece(settings.batch_rows_of(parts), parts)


@dataclass(frozen=True)
class Shape:
    """What grows with a catalogue, in GB: across the grouping, between all steps, in memory.

    `merged_gb` are the tokens of all parts, which come together at one worker.
    """

    titles: int
    parts: int
    titles_a_piece: float
    shuffle_gb: float
    between_gb: float
    tokens: int
    merged_gb: float
    worker_gb: float


@dataclass(frozen=True)
class Job:
    """What a job takes; `stages` are vCPU-hours, `flink` and `dataflow` dollars."""

    vcpu_hours: float
    largest: str
    machines: int
    minutes: float
    flink: float
    dataflow: float
    stages: dict[str, float]


def line_through(points: Sequence[tuple[float, float]]) -> Line:
    """Return the line of least squares.

    >>> line_through([(1, 3), (2, 5)])
    Line(start=1.0, slope=2.0)
    """
    x, y = (sum(values) / len(points) for values in zip(*points, strict=True))
    spread = sum((at - x) ** 2 for at, _ in points)
    slope = sum((at - x) * (value - y) for at, value in points) / spread if spread else 0.0
    return Line(y - slope * x, slope)


def growth_of(figures: Figures) -> Growth:
    """Return the growth that benchmarks/growth.py printed."""
    crossing, tokens = figures["crossing"], figures["tokens"]
    pieces = [1 / of["titles_a_piece"] for of in crossing]
    sizes = [of["bytes_a_title"] for of in crossing]
    seconds = [of["cpu_microseconds_a_title"] for of in crossing]
    logs = [(math.log(of["titles"]), math.log(of["distinct_tokens"])) for of in tokens[-2:]]
    return Growth(
        line_through(list(zip(pieces, sizes, strict=True))),
        line_through(list(zip(pieces, seconds, strict=True))),
        line_through(logs),
        tokens[-1]["bytes"] / tokens[-1]["distinct_tokens"],
        figures["input_bytes_a_title"],
    )


def titles_a_piece(batch_rows: int, parts: int) -> float:
    """Return how many titles of a batch fall into a part that gets any, on average."""
    return batch_rows / (parts * -math.expm1(-batch_rows / parts))


def shape_of(
    titles: int, growth: Growth, measured: Figures, batch_rows: int | None = None
) -> Shape:
    """Return what grows; a worker holds what it did in the largest run, and tokens beyond it."""
    run = measured["sizes"][-1]
    parts, piece = growth.pieces(titles, batch_rows)
    _, measured_piece = growth.pieces(run["records"])
    a_title = growth.bytes_a_title.at(1 / piece)
    more = a_title - growth.bytes_a_title.at(1 / measured_piece)
    tokens = growth.token_gb(titles) - growth.token_gb(run["records"])
    return Shape(
        titles,
        parts,
        round(piece, 1),
        round(titles * a_title / 1e9, 1),
        round(titles * (run["bytes_a_record"] + more) / 1e9, 1),
        round(growth.distinct_tokens(titles)),
        round(parts * growth.token_gb(titles / parts), 2),
        round(run["peak_rss_bytes"] / 1e9 + _TABLES_MERGED * max(0.0, tokens), 2),
    )


def preprocess_job(titles: int, growth: Growth, measured: Figures, args: argparse.Namespace) -> Job:
    """Return what preprocessing takes; small pieces make the cut more expensive."""
    seconds = seconds_at(titles, measured)
    _, piece = growth.pieces(titles, args.batch_rows)
    _, measured_piece = growth.pieces(measured["sizes"][-1]["records"])
    more = growth.piece_microseconds.slope * (1 / piece - 1 / measured_piece)
    seconds[CUT] = seconds.get(CUT, 0.0) + titles * max(0.0, more) / 1e6
    if args.engine_seconds:
        seconds[ENGINE] = args.engine_seconds * titles / 1e6
    return job_of(seconds, titles * growth.bytes_a_title.at(1 / piece) / 1e9, args)


def predict_job(titles: int, measured: Figures, args: argparse.Namespace) -> Job:
    """Return what labelling a dump takes; all that is handed on crosses its one grouping."""
    shuffled = titles * measured["sizes"][-1]["bytes_a_record"] / 1e9
    return job_of(seconds_at(titles, measured), shuffled, args)


def seconds_at(titles: int, measured: Figures) -> dict[str, float]:
    """Return the CPU seconds of each stage."""
    return {
        of["stage"]: of["fixed_seconds"] + of["seconds_a_million"] * titles / 1e6
        for of in measured["stages"]
    }


def job_of(seconds: dict[str, float], shuffled_gb: float, args: argparse.Namespace) -> Job:
    """Return what stages take on as many machines as end in `--hours`, if there are so many."""
    alone = sum(took for stage, took in seconds.items() if stage in FIXED or stage == FILES)
    shared = sum(seconds.values()) - alone
    at_work = args.vcpus * args.utilisation
    machines = min(args.machines, max(1, math.ceil(shared / (args.hours * HOUR * at_work))))
    hours = (args.start_seconds + alone + shared / (machines * at_work)) / HOUR
    return Job(
        round(sum(seconds.values()) / HOUR, 3),
        max(seconds, key=lambda stage: seconds[stage]),
        machines,
        round(hours * 60, 1),
        round((machines + 1) * hours * args.flink_machine, 2),
        round(dataflow_cost(machines * hours, shuffled_gb, args), 2),
        {stage: round(took / HOUR, 6) for stage, took in seconds.items()},
    )


def dataflow_cost(machine_hours: float, shuffled_gb: float, args: argparse.Namespace) -> float:
    """Return dollars; what is shuffled is billed where it is written and where it is read."""
    an_hour = args.vcpus * args.dataflow_vcpu + args.memory_gb * args.dataflow_gb
    an_hour += args.disk_gb * args.dataflow_disk
    return machine_hours * an_hour + 2 * shuffled_gb * args.dataflow_shuffle
