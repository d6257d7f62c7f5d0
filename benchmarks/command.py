"""What the benchmarks share: their options, their scratch folder, how they end."""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.catalogue import category_files
from benchmarks.cut import count_records, cut_folder
from benchmarks.measure import ROOT, RunFailed
from configs.errors import UsageError

DEFAULT_CONFIG = ROOT / "configs" / "amazon_ads.yaml"
RUN_ID = "bench"
PLAIN_WIDTH = 120  # of a table in a file


def console(stderr: bool) -> Console:
    """Return where tables go: standard error where standard output is kept for JSON."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PLAIN_WIDTH)


notes = console(stderr=True)


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", type=Path, required=True, help="folder of category files")
    parser.add_argument(
        "--rows", type=row_count, default=0, help="a cut spread over all files; 0: all"
    )
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="the catalogue's YAML")
    parser.add_argument("--json", action="store_true", help="last line of stdout: one JSON object")
    parser.add_argument("--keep", action="store_true", help="keep the scratch folder")
    parser.add_argument("--scratch", type=Path, help="where to make it; default: the system's")
    return parser


def finish(benchmark: Callable[[Sequence[str] | None], int]) -> None:
    """Run a benchmark's `main`; what the user can mend is one line and status 2."""
    try:
        sys.exit(benchmark(None))
    except UsageError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except RunFailed as error:
        print(error, file=sys.stderr)
        sys.exit(1)


def check(args: argparse.Namespace) -> None:
    """Raise `UsageError` if there is nothing to read."""
    if not args.input.is_dir():
        raise UsageError(f"--input {args.input}: no such folder; name one with category files")
    if not category_files(args.input):
        raise UsageError(f"--input {args.input}: holds no *.csv file; name a folder with some")
    if not args.config.is_file():
        raise UsageError(f"--config {args.config}: no such file; name the catalogue's YAML file")
    args.input, args.config = args.input.resolve(), args.config.resolve()


@contextlib.contextmanager
def scratch_folder(args: argparse.Namespace) -> Iterator[Path]:
    """Make a folder that is removed at the end, unless `--keep`."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="aisle-bench-", dir=args.scratch)).resolve()
    except OSError as error:
        raise UsageError(f"--scratch {args.scratch}: {error.strerror}; name a folder") from error
    try:
        yield folder
    finally:
        if args.keep:
            notes.print(f"kept {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def take_rows(source: Path, rows: int, target: Path) -> tuple[Path, int]:
    """Return a folder with about `rows` records and how many there are; 0 means all of them.

    Counting reads every file, so that all contestants find them in the page cache.
    """
    if rows:
        return target, cut_folder(source, target, rows)
    return source, sum(count_records(path) for path in category_files(source))


def aisle(
    command: str, config: Path, prefix: Path, *options: str, run_id: str = RUN_ID
) -> list[str]:
    """Return the words of an `aisle` command."""
    words = [sys.executable, "-m", "aisle", command, "--config", str(config)]
    return [*words, "--prefix", str(prefix), "--run-id", run_id, "--json", *options]


def set_options(settings: Sequence[str]) -> list[str]:
    """Return the words of an `aisle` command that lay values, each KEY=VALUE, over the config."""
    return [word for setting in settings for word in ("--set", setting)]


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], as_json: bool) -> None:
    """Print a table, on standard error if `as_json`."""
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=not number)
    for row in rows:
        table.add_row(*row)
    console(as_json).print(table)


def print_json(figures: dict[str, Any], as_json: bool) -> None:
    """Print the figures as one line, the last of standard output, if `as_json`."""
    if as_json:
        print(json.dumps(figures), flush=True)


def mebibytes(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"


def row_count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, got {text}")
    return value
