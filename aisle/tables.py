"""Tables at the end of a command, on standard output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from configs.tuning import short_names

_SHOWN_TRIALS = 20
_REJECTS = {"preprocess": "rejects", "predict": "rejects of the dump"}
_FRAME = 7  # the lines and blanks of a table of two columns
_WIDEST = 10_000


def show_figures(title: str, figures: Mapping[str, Any]) -> None:
    """Show one stage's figures; what is a list, or nested deeper than once, stays in the JSON."""
    _show_rows(title, _rows(figures))
    _say_if_done_before(title, figures)


def show_verdict(title: str, figures: Mapping[str, Any]) -> None:
    """Show what the gate says of a model, and why it does not let it pass."""
    show_figures(title, figures)
    for reason in figures["reasons"]:
        make_console().print(f"not passed:  {reason}", soft_wrap=True)


def _show_rows(title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Show names and values as a table; what it has no room for whole stands under it.

    A path that is cut, or folded, is of no use to who copies it.
    """
    every, console = list(rows), make_console()
    longest = console.width // 2
    room = console.width - _FRAME - max((cell_len(name) for name, _ in every), default=0)
    room = max(room, console.width - _FRAME - longest)
    table = Table(title=title, show_header=False, title_justify="left")
    under = []
    for name, value in every:
        if cell_len(name) <= longest and cell_len(value) <= room:
            table.add_row(name, value)
        else:
            under.append(f"{name}:  {value}")
    console.print(table)
    for line in under:
        console.print(line, soft_wrap=True)


def show_suggestion(figures: Mapping[str, Any]) -> None:
    """Show what a suggested config reads, some titles among it, for a person to judge."""
    show_figures("suggest-config", figures)
    if not figures["samples"]:
        return
    samples = Table(title="what it reads", title_justify="left", show_lines=True)
    samples.add_column("title", overflow="fold")
    samples.add_column("category", overflow="fold")
    for title, category in figures["samples"]:
        samples.add_row(title, category)
    console = make_console()
    console.print(samples)
    console.print(
        f"next:  look at {figures['config']}, then aisle run --config {figures['config']} "
        f"--input {figures['input']}",
        soft_wrap=True,
    )


def show_chain(figures: Mapping[str, Any]) -> None:
    """Show what a data team asks of a run: records, accuracy, labels, seconds, where to look."""
    _show_rows("run", _chain_rows(figures))
    console = make_console()
    for stage in figures:
        if isinstance(figures[stage], Mapping):
            _say_if_done_before(stage, figures[stage])
    for stage, called in _REJECTS.items():
        if "rejects" in figures.get(stage, {}):
            console.print(f"{called}:  {_rejects(figures[stage])}", soft_wrap=True)
    if "evaluate" in figures:
        console.print(f"report:  {figures['evaluate']['report']}", soft_wrap=True)
    if "write-labels" in figures:
        console.print(f"labels:  {figures['write-labels']['query']}", soft_wrap=True, markup=False)


def show_trials(figures: Mapping[str, Any]) -> None:
    """Show the best trials of a search, the best first, and where the rest is to be found."""
    rows = [row for row in figures["rows"] if row["score"] is not None]
    rows.sort(key=lambda row: row["score"], reverse=figures["better"] == "max")
    keys = list(dict.fromkeys(key for row in rows for key in row["values"]))
    heads = ("trial", figures["objective"], *short_names(keys).values(), "epochs", "seconds")
    cells = []
    for row in rows[:_SHOWN_TRIALS]:
        values = (_shown_value(row["values"].get(key)) for key in keys)
        how_long = (f"{row['epochs']:g}", _shown(row["seconds"]))
        cells.append((str(row["trial"]), f"{row['score']:.4f}", *values, *how_long))
    console = make_console()
    _show_columns(console, f"tune: {figures['objective']}", heads, cells)
    if len(figures["rows"]) > len(rows[:_SHOWN_TRIALS]):
        of = f"{figures['trials']} trials, {figures['failed']} of them failed"
        console.print(f"{of}; all are in trials.csv beside the report")
    _say_if_done_before("tune", figures)
    console.print(f"config:  {figures['config']}", soft_wrap=True)
    console.print(f"report:  {figures['report']}", soft_wrap=True)


def _show_columns(
    console: Console, title: str, heads: Iterable[str], rows: Iterable[tuple[str, ...]]
) -> None:
    """Show a table as wide as it must be: headings are broken behind `_` and `.`, never a word."""
    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(re.sub(r"(?<=[_.])(?=.)", "\n", head), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    options = console.options.update(max_width=_WIDEST)
    console.width = max(console.width, Measurement.get(console, options, table).maximum)
    console.print(table, crop=False)


def _shown_value(value: object) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _chain_rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    counts = figures["preprocess"]
    for name in ("records", "rejected", "duplicates", "examples"):
        yield name, _shown(counts[name])
    for name in ("dropped_conflicts", "unlabelled"):
        if counts[name]:
            yield name, _shown(counts[name])
    if "evaluate" in figures:
        yield from _score_rows(figures["evaluate"], figures["train"]["model"])
    else:
        yield "model, not measured: split.test is 0", figures["train"]["model"]
    if "predict" in figures:
        labels = figures["write-labels"]
        yield "products labelled", _shown(figures["predict"]["predictions"])
        yield "labels written", _shown(labels["inserted"] + labels["changed"])
        yield "labels unchanged", _shown(labels["unchanged"])
    for stage, of_stage in figures.items():
        if isinstance(of_stage, Mapping):
            yield f"seconds, {stage}", _shown(of_stage["seconds"])
    yield "seconds, all", _shown(figures["seconds"])


def _score_rows(scores: Mapping[str, Any], model: str) -> Iterator[tuple[str, str]]:
    main = "accuracy" if "accuracy" in scores else "micro_f1"
    yield f"{_spoken(main)}, {model}", _shown(scores[main])
    for name, of_baseline in scores["baselines"].items():
        yield f"{_spoken(main)}, {name}", _shown(of_baseline)


def _rejects(figures: Mapping[str, Any]) -> str:
    return f"{figures['rejects']}, most often: {figures['rejected_most_often']}"


def _rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            for inner, inner_value in value.items():
                yield f"{name}: {inner}", _shown(inner_value)
        elif not isinstance(value, list):
            yield name, _shown(value)


def _spoken(key: str) -> str:
    return key.replace("_", " ").replace(" f1", " F1")


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.4f}" if abs(value) <= 1 else f"{value:,.1f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _say_if_done_before(stage: str, figures: Mapping[str, Any]) -> None:
    if figures.get("done_before"):
        make_console().print(
            f"{stage}: finished before, from the same input and config; nothing done"
        )


def make_console() -> Console:
    return Console(highlight=False, markup=False)
