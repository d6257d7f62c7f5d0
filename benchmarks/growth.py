"""Measure what grows with a catalogue: bytes a title that cross the grouping, distinct tokens.

Titles are read and cleaned as preprocessing does it, without an engine. Their batches are cut into
parts and each piece is encoded and decoded as when it crosses from worker to worker: the more
parts, the fewer titles in a piece, and the more each title costs. Tokens are counted over 1/16, 1/4
and all of the titles, spread over all files.
Example: .venv/bin/python benchmarks/growth.py --input DIR --parts 32 256 4096 32768 --json
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pyarrow as pa

from aisle.quiet import import_tensorflow
from benchmarks.command import (
    check,
    finish,
    make_parser,
    notes,
    print_json,
    scratch_folder,
    show,
    take_rows,
)
from configs.errors import UsageError
from configs.loading import load_settings
from configs.settings import Settings

if TYPE_CHECKING:
    from pipelines.category_files import CategoryFile

SHARES = (16, 4, 1)
_ROWS = 32_768  # cleaned at once
_BATCHES = 16  # that are cut and encoded, or fewer and larger ones
Figures = dict[str, Any]


def cleaned_batches(files: Sequence[CategoryFile], settings: Settings) -> Iterator[pa.RecordBatch]:
    """Yield batches of `CLEANED` of about `_ROWS` rows, as the steps hand them on."""
    from pipelines.category_files import read_category_file
    from transforms.title_batches import clean_batch

    waiting: list[pa.RecordBatch] = []
    for file in files:
        for rows, _ in read_category_file(file, settings.source, settings.categories):
            if rows.num_rows:
                waiting.append(rows)
            if sum(batch.num_rows for batch in waiting) >= _ROWS:
                yield clean_batch(_one(waiting), settings.text, settings.split.key)[0]
                waiting = []
    if waiting:
        yield clean_batch(_one(waiting), settings.text, settings.split.key)[0]


def _one(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def crossing(cleaned: Sequence[pa.RecordBatch], parts: int, batch_rows: int) -> Figures:
    """Return how many titles are in a piece, cut into `parts`, and what each title takes.

    Cleaned batches are brought together into such of `batch_rows` rows before.
    """
    from transforms.batches import RecordBatchCoder
    from transforms.titles import cut_by_key

    at_once = max(1, batch_rows // _ROWS)
    batches = [_one(cleaned[at : at + at_once]) for at in range(0, len(cleaned), at_once)]
    coder, began = RecordBatchCoder(), time.process_time()
    sizes = []
    for batch in batches:
        encoded = [coder.encode(piece) for _, piece in cut_by_key(batch, parts)]
        sizes += [len(piece) for piece in encoded]
        for piece in encoded:
            coder.decode(piece)
    seconds, rows = time.process_time() - began, sum(batch.num_rows for batch in batches)
    return {
        "parts": parts,
        "titles_a_piece": round(rows / len(sizes), 2),
        "bytes_a_title": round(sum(sizes) / rows, 1),
        "cpu_microseconds_a_title": round(seconds / rows * 1e6, 3),
    }


def distinct_tokens(batches: Sequence[pa.RecordBatch], settings: Settings) -> list[Figures]:
    """Return how many distinct tokens there are in growing shares of the batches."""
    from transforms.graphs import unique_tokens
    from transforms.tokens import merge_token_counts

    tokens = settings.features.tokens
    counted = [unique_tokens(b.column("text"), tokens.strip, tokens.separate) for b in batches]
    steps = []
    for share in SHARES:
        merged = merge_token_counts(counted[::share])
        rows = sum(batch.num_rows for batch in batches[::share])
        steps.append({"titles": rows, "distinct_tokens": merged.num_rows, "bytes": merged.nbytes})
    return steps


def exponent(steps: Sequence[Figures]) -> float:
    """Return b of `tokens = a * titles ** b` through the last two steps (Heaps' law)."""
    before, last = steps[-2:]
    tokens = math.log(last["distinct_tokens"] / before["distinct_tokens"])
    titles = math.log(last["titles"] / before["titles"])
    return round(tokens / titles, 3) if titles else 0.0


def measure_growth(folder: Path, settings: Settings, parts: Sequence[int]) -> Figures:
    from pipelines.category_files import find_category_files

    files, _, size = find_category_files(str(folder), settings)
    with notes.status("reading and cleaning"):
        batches = list(cleaned_batches(files, settings))
    titles = sum(batch.num_rows for batch in batches)
    if not titles:
        raise UsageError(f"--input {folder}: holds no title; see source.columns of the config")
    with notes.status("counting tokens"):
        steps = distinct_tokens(batches, settings)
    few = batches[:: max(1, len(batches) // _BATCHES)]
    with notes.status("cutting into parts"):
        of = settings.preprocess.batch_rows_of
        pieces = [crossing(few, count, of(count)) for count in parts]
    return {
        "titles": titles,
        "input_bytes_a_title": round(size / titles, 1),
        "crossing": pieces,
        "tokens": steps,
        "tokens_exponent": exponent(steps),
    }


def show_all(figures: Figures, as_json: bool) -> None:
    rows = [
        [
            f"{of['parts']:,}",
            f"{of['titles_a_piece']:,.1f}",
            f"{of['bytes_a_title']:,.0f}",
            f"{of['cpu_microseconds_a_title']:,.2f}",
        ]
        for of in figures["crossing"]
    ]
    title = f"What crosses the grouping, of {figures['titles']:,} titles"
    columns = ["parts", "titles a piece", "bytes a title", "CPU µs a title"]
    show(title, columns, rows, as_json)
    steps = [[f"{of['titles']:,}", f"{of['distinct_tokens']:,}"] for of in figures["tokens"]]
    named = f"Distinct tokens: they grow with titles to the power of {figures['tokens_exponent']}"
    show(named, ["titles", "distinct tokens"], steps, as_json)


def main(argv: Sequence[str] | None = None) -> int:
    parser = make_parser(__doc__)
    parser.add_argument("--parts", type=int, nargs="+", default=[32, 256, 4096, 32_768])
    args = parser.parse_args(argv)
    check(args)
    if min(args.parts) < 1:
        raise UsageError(f"--parts {min(args.parts)}: must be at least 1")
    import_tensorflow()
    with scratch_folder(args) as scratch:
        folder, _ = take_rows(args.input, args.rows, scratch / "cut")
        figures = measure_growth(folder, load_settings(args.config), args.parts)
    show_all(figures, args.json)
    print_json(figures, args.json)
    return 0


if __name__ == "__main__":
    finish(main)
