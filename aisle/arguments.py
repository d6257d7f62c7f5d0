"""What can be typed: commands, their options and an example of each."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from aisle import __version__
from aisle.champion_arguments import AddOptions, champion_commands
from aisle.label_arguments import STORE_HELP, label_commands
from configs.artifacts import PREFIX_VARIABLE, default_prefix

_CONFIG = "configs/amazon_ads.yaml"
RUN_BEAM = ("preprocess", "predict", "compare", "run")


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


def _suggest_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("--input", required=True, help="folder of the category files")
    command.add_argument("--out", required=True, metavar="FILE", help="the YAML file to write")
    command.description = f"{command.description} Status 2 where it reads no record: mend it first."


def _stage(command: argparse.ArgumentParser) -> None:
    _where(command)
    command.add_argument("--force", action="store_true", help="make it anew even if it is finished")


def _where(command: argparse.ArgumentParser) -> None:
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


def _preprocess(command: argparse.ArgumentParser) -> None:
    command.add_argument("--input", required=True, help="folder or glob of the category files")
    _dry_run(command)
    _stage(command)


def _dry_run(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--dry-run",
        nargs="?",
        const="dataflow_job",
        metavar="FOLDER",
        help="write the job that DataflowRunner would start to FOLDER (default dataflow_job), and "
        "start nothing",
    )


def _modelled(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", help="name of an export (default: the one the config names)")
    _stage(command)


def _page(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", metavar="FOLDER", help="where to write (default: below the run)")
    _where(command)


def _report(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--models", nargs="+", default=[], metavar="MODEL", help="names of exports (default: all)"
    )
    command.add_argument(
        "--runs", nargs="+", default=[], metavar="RUN", help="other runs whose models stand beside"
    )
    _page(command)


def _explore(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--rows",
        type=_count,
        default=200_000,
        help="titles to read for box plots and samples (default 200000)",
    )
    _page(command)


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number of 1 or more, got {text!r}")
    return int(text)


def _tune(command: argparse.ArgumentParser) -> None:
    command.add_argument("--name", help="name of the search (default: from the config)")
    _stage(command)


def _predict(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dump", required=True, help="CSV, TSV, JSON, XML or Parquet file")
    command.add_argument("--dump-id", required=True, help="name of the dump: predictions/<dump-id>")
    _dry_run(command)
    _modelled(command)


def _run(command: argparse.ArgumentParser) -> None:
    command.add_argument("--input", required=True, help="folder or glob of the category files")
    command.add_argument("--dump", help="a product dump to label as well")
    command.add_argument("--dump-id", help="its name (default: dump)")
    command.add_argument("--store", help=STORE_HELP)
    _stage(command)


_COMMANDS: dict[str, tuple[str, str, AddOptions]] = {
    "sample": (
        "write a generated catalogue and a product dump",
        "aisle sample --folder demo --titles 60000",
        _sample,
    ),
    "suggest-config": (
        "look at category files and write a config that reads them, to begin with",
        "aisle suggest-config --input catalogue --out shop.yaml",
        _suggest_config,
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
    "tune": (
        "search the ranges in the config; write the best values back as a config",
        f"aisle tune --config {_CONFIG} --prefix out --run-id monday --set tuning.trials=20",
        _tune,
    ),
    "evaluate": (
        "measure an exported model on the test part; write metrics.json and report.html",
        f"aisle evaluate --config {_CONFIG} --prefix out --run-id monday",
        _modelled,
    ),
    "report": (
        "compare the evaluated models of one or more runs in one page",
        f"aisle report --config {_CONFIG} --prefix out --run-id monday --runs sunday",
        _report,
    ),
    "explore": (
        "show a run's categories, titles, duplicates and conflicts in one page",
        f"aisle explore --config {_CONFIG} --prefix out --run-id monday",
        _explore,
    ),
    "predict": (
        "label a product dump with an exported model",
        (
            f"aisle predict --config {_CONFIG} --prefix out --run-id monday --dump new.csv "
            "--dump-id 2026-11-21"
        ),
        _predict,
    ),
    **label_commands(_CONFIG, _stage, _where),
    **champion_commands(_CONFIG, _stage, _where),
    "run": (
        "the chain: preprocess, train, evaluate, and with --dump predict and write-labels",
        (
            f"aisle run --config {_CONFIG} --input catalogue --prefix out --run-id monday "
            "--dump new.csv --dump-id 2026-11-21"
        ),
        _run,
    ),
}
