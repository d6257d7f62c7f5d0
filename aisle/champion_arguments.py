"""The commands that a scheduler needs beside the stages: the champion, its gate, the backfill."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from configs.artifacts import default_prefix

AddOptions = Callable[[argparse.ArgumentParser], None]


def champion_commands(
    config: str, stage: AddOptions, where: AddOptions
) -> dict[str, tuple[str, str, AddOptions]]:
    """Return summary, example and options of each.

    `where` adds what all are told; `stage` adds `--force` too, for what can be finished.
    """

    def compare(command: argparse.ArgumentParser) -> None:
        command.add_argument(
            "--model", action="append", required=True, help="an evaluated export; can be repeated"
        )
        where(command)

    def check_dump(command: argparse.ArgumentParser) -> None:
        command.add_argument("--dump", required=True, help="CSV, TSV, JSON, XML or Parquet file")
        where(command)

    def plan_backfill(command: argparse.ArgumentParser) -> None:
        command.add_argument("--products", required=True, help="a dump of all products")
        command.add_argument("--store", help="SQLAlchemy URL (default: store.url, else SQLite)")
        stage(command)

    return {
        "compare": (
            "hold new models against the champion: the gate of the config's section promotion",
            f"aisle compare --config {config} --prefix out --run-id monday --model MODEL",
            compare,
        ),
        "promote": (
            "make an evaluated model the champion, with which the DAGs label new dumps",
            "aisle promote --prefix out --run-id monday --model MODEL",
            _promote,
        ),
        "rollback": (
            "make the champion before this one the champion again",
            "aisle rollback --prefix out",
            _prefix_only,
        ),
        "champion": (
            "say with which model the DAGs label new dumps",
            "aisle champion --prefix out",
            _prefix_only,
        ),
        "check-dump": (
            "say whether the champion can label a dump (`fit` in the figures; the status is 0)",
            f"aisle check-dump --config {config} --prefix out --dump new.csv",
            check_dump,
        ),
        "plan-backfill": (
            "cut all products into chunks for the champion, the least sure labels first",
            f"aisle plan-backfill --config {config} --prefix out --products products.csv",
            plan_backfill,
        ),
    }


def _prefix_only(command: argparse.ArgumentParser) -> None:
    command.add_argument("--prefix", default=default_prefix(), help="folder of all output")


def _promote(command: argparse.ArgumentParser) -> None:
    _prefix_only(command)
    command.add_argument("--run-id", default="default", help="name of the run (default: default)")
    command.add_argument("--model", required=True, help="name of an evaluated export")
    command.add_argument("--reason", default="by hand", help="why; champion.json keeps it")
