"""What can be typed: commands, their options and an example of each."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from aisle import __version__
from configs.artifacts import PREFIX_VARIABLE, default_prefix

_CONFIG = "configs/amazon_ads.yaml"


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command; whatever stands behind `--` is `beam`, for Beam."""
    own, _, beam = _halves(arguments)
    given = _parser().parse_args(own)
    given.beam = beam
    return given


def _halves(arguments: Sequence[str]) -> tuple[list[str], str, list[str]]:
    every = list(arguments)
    if "--" not in every:
        return every, "", []
    at = every.index("--")
    return every[:at], "--", every[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aisle",
        description="Aisle learns a shop's category tree from its files and labels every new dump.",
        epilog="aisle COMMAND --help shows a command's options and an example.",
    )
    parser.add_argument("--version", action="version", version=f"aisle {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (summary, example, add) in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add(command)
        command.add_argument(
            "--json", action="store_true", help="last line of standard output: the figures as JSON"
        )
    return parser


def _sample(command: argparse.ArgumentParser) -> None:
    command.add_argument("--folder", required=True, help="where to write catalogue/ and dump.csv")
    command.add_argument("--titles", type=int, default=60_000, help="records (default 60000)")
    command.add_argument("--dump-rows", type=int, default=5_000, help="rows of the dump")
    command.add_argument("--seed", type=int, default=1, help="another seed, another catalogue")


def _stage(command: argparse.ArgumentParser) -> None:
    command.add_argument("--config", default=_CONFIG, help=f"YAML file (default {_CONFIG})")
    command.add_argument(
        "--prefix",
        default=default_prefix(),
        help=f"folder or gs://bucket/folder for all output (default ${PREFIX_VARIABLE}, else "
        "aisle_data)",
    )
    command.add_argument("--run-id", default="default", help="name of the run (default: default)")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="lay a value over the config, for example training.model=cnn; can be repeated",
    )
    command.add_argument("--force", action="store_true", help="make it anew even if it is finished")


def _preprocess(command: argparse.ArgumentParser) -> None:
    command.add_argument("--input", required=True, help="folder or glob of the category files")
    _stage(command)


def _modelled(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", help="name of an export (default: the one the config names)")
    _stage(command)


def _predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dump", required=True, help="CSV, TSV, JSON lines or Parquet file")
    command.add_argument("--dump-id", required=True, help="name of the dump: predictions/<dump-id>")
    _modelled(command)


def _write_labels(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dump-id", required=True, help="the predictions to write")
    command.add_argument("--store", help="SQLAlchemy URL (default: store.url, else SQLite)")
    _stage(command)


def _prefix_only(command: argparse.ArgumentParser) -> None:
    command.add_argument("--prefix", default=default_prefix(), help="folder of all output")


def _promote(command: argparse.ArgumentParser) -> None:
    _prefix_only(command)
    command.add_argument("--run-id", default="default", help="name of the run (default: default)")
    command.add_argument("--model", required=True, help="name of an evaluated export")
    command.add_argument("--reason", default="by hand", help="why; champion.json keeps it")


def _compare(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model", action="append", required=True, help="an evaluated export; can be repeated"
    )
    _stage(command)


def _check_dump(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dump", required=True, help="CSV, TSV, JSON lines or Parquet file")
    _stage(command)


def _plan_backfill(command: argparse.ArgumentParser) -> None:
    command.add_argument("--products", required=True, help="a dump of all products")
    command.add_argument("--store", help="SQLAlchemy URL (default: store.url, else SQLite)")
    _stage(command)


def _run(command: argparse.ArgumentParser) -> None:
    command.add_argument("--input", required=True, help="folder or glob of the category files")
    command.add_argument("--dump", help="a product dump to label as well")
    command.add_argument("--dump-id", default="dump", help="its name (default: dump)")
    command.add_argument("--store", help="SQLAlchemy URL (default: store.url, else SQLite)")
    _stage(command)


_AddOptions = Callable[[argparse.ArgumentParser], None]
_COMMANDS: dict[str, tuple[str, str, _AddOptions]] = {
    "sample": (
        "write a generated catalogue and a product dump",
        "aisle sample --folder demo --titles 60000",
        _sample,
    ),
    "preprocess": (
        "turn category files into training examples",
        (
            f"aisle preprocess --config {_CONFIG} --input catalogue --prefix out --run-id monday "
            "-- --direct_running_mode=in_memory"
        ),
        _preprocess,
    ),
    "train": (
        "fit the model that the config names, and export it",
        f"aisle train --config {_CONFIG} --prefix out --run-id monday --set training.model=cnn",
        _stage,
    ),
    "evaluate": (
        "measure an exported model on the test part; write metrics.json and report.html",
        f"aisle evaluate --config {_CONFIG} --prefix out --run-id monday",
        _modelled,
    ),
    "predict": (
        "label a product dump with an exported model",
        (
            f"aisle predict --config {_CONFIG} --prefix out --run-id monday --dump new.csv "
            "--dump-id 2026-11-21"
        ),
        _predict,
    ),
    "write-labels": (
        "write predictions into the label store",
        f"aisle write-labels --config {_CONFIG} --prefix out --run-id monday --dump-id 2026-11-21",
        _write_labels,
    ),
    "compare": (
        "hold new models against the champion: the gate of the config's section promotion",
        f"aisle compare --config {_CONFIG} --prefix out --run-id monday --model MODEL",
        _compare,
    ),
    "promote": (
        "make an evaluated model the champion, which labels new dumps",
        "aisle promote --prefix out --run-id monday --model MODEL",
        _promote,
    ),
    "rollback": (
        "make the champion before this one the champion again",
        "aisle rollback --prefix out",
        _prefix_only,
    ),
    "champion": ("say which model labels new dumps", "aisle champion --prefix out", _prefix_only),
    "check-dump": (
        "read a dump through and say whether the champion can label it",
        f"aisle check-dump --config {_CONFIG} --prefix out --dump new.csv",
        _check_dump,
    ),
    "plan-backfill": (
        "cut all products into chunks for the champion, the least sure labels first",
        f"aisle plan-backfill --config {_CONFIG} --prefix out --products products.csv",
        _plan_backfill,
    ),
    "run": (
        "the chain: preprocess, train, evaluate, and with --dump predict and write-labels",
        (
            f"aisle run --config {_CONFIG} --input catalogue --prefix out --run-id monday "
            "--dump new.csv --dump-id 2026-11-21"
        ),
        _run,
    ),
}
