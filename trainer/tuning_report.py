"""What a search found: its trials as tables, and one page with pictures that needs no network."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from configs.settings import Settings
from configs.tuning import Range, TuningSettings, short_names
from trainer.figures import SPOKEN
from trainer.pages import render_page, shown, spoken
from trainer.tuning_plots import course_of, panels_of

BEST, REPORT = "best.yaml", "report.html"
TRIALS_CSV, TRIALS_JSON = "trials.csv", "trials.json"
Row = Mapping[str, Any]


def csv_of(rows: Sequence[Row]) -> str:
    """Return a line a trial: its score, its values, all its figures; empty where there is none."""
    keys, figures = _names(rows, "values"), _names(rows, "figures")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    columns = ("epochs", "epochs_at_most", "parameters", "seconds", "reason")
    writer.writerow(["trial", "score", *keys, *figures, *columns])
    for row in rows:
        values = [row["values"].get(key) for key in keys]
        measured = [row["figures"].get(name) for name in figures]
        writer.writerow(
            [row["trial"], row["score"], *values, *measured, *(row[name] for name in columns)]
        )
    return text.getvalue()


def json_of(rows: Sequence[Row]) -> str:
    """Return the trials as JSON, with the figures of each fold."""
    return json.dumps(list(rows), indent=1, ensure_ascii=False) + "\n"


def render(settings: Settings, rows: Sequence[Row], figures: Mapping[str, Any]) -> str:
    """Return the page; `rows` is a dict a trial as `trainer.tune` makes them."""
    tuning = settings.tuning
    objective = spoken_objective(tuning.objective)
    done = [row for row in rows if row["score"] is not None]
    return render_page(
        "tuning.html.j2",
        heading={"title": f"{settings.name}: a search", "line": f"{tuning.search} · {objective}"},
        verdict=_verdict(figures, done, objective),
        config=figures["config"],
        best=[
            {"key": key, "value": figures["best_values"].get(key, "–"), "range": _range(values)}
            for key, values in tuning.ranges.items()
        ],
        course=Markup(course_of(done, tuning, objective)),
        settings=Markup(panels_of(done, tuning, objective)),
        failed_words=f" {figures['failed']} failed and are not drawn." if figures["failed"] else "",
        objective=objective,
        keys=list(short_names(tuning.ranges).values()),
        rows=_cells(rows, tuning),
        worst="-1e9" if tuning.better == "max" else "1e9",
        provenance=_provenance(tuning, figures),
    )


def spoken_objective(name: str) -> str:
    """Say a trial's figure in words: `val_macro_f1` is `macro F1`."""
    own = name.removeprefix("val_")
    return SPOKEN.get(own, spoken(own))


def _verdict(figures: Mapping[str, Any], done: Sequence[Row], objective: str) -> str:
    scores = sorted(row["score"] for row in done)
    middle = scores[len(scores) // 2]
    return (
        f"Of {figures['trials']} trials number {figures['best_trial']} is the best: {objective} "
        f"{figures['best']:.4f} on titles that it was not fitted on. The trial in the middle has "
        f"{middle:.4f}."
    )


def _range(values: Range) -> str:
    if values.choices is not None:
        return ", ".join(str(choice) for choice in values.choices)
    scale = ", log scale" if values.scale == "log" else ""
    step = f", step {values.step:g}" if values.step else ""
    return f"{values.min:g} to {values.max:g}{scale}{step}"


def _cells(rows: Sequence[Row], tuning: TuningSettings) -> list[dict[str, Any]]:
    """Return the rows of the table, the best first, each value with what it is sorted by."""
    sign = -1 if tuning.better == "max" else 1
    ranked = sorted(rows, key=lambda row: (row["score"] is None, sign * (row["score"] or 0)))
    return [
        {
            **row,
            "cells": [_cell(row["values"].get(key), tuning.ranges[key]) for key in tuning.ranges],
        }
        for row in ranked
    ]


def _cell(value: Any, values: Range) -> dict[str, Any]:
    if value is None:  # a hyper-parameter of a model that the trial was not of
        return {"sort": -1, "text": "–"}
    if values.choices is not None:
        return {"sort": values.choices.index(value), "text": str(value)}
    return {"sort": value, "text": shown(value)}


def _provenance(tuning: TuningSettings, figures: Mapping[str, Any]) -> list[tuple[str, Any]]:
    better = "higher" if tuning.better == "max" else "lower"
    how = f"{tuning.folds}-fold cross-validation" if tuning.folds else "the valid part"
    return [
        ("search", tuning.search),
        ("seed", tuning.seed),
        (
            "objective",
            f"{tuning.objective}, better the {better} it is",
        ),
        ("measured on", how),
        ("trials", figures["trials"]),
        ("failed", figures["failed"]),
        ("seconds of all trials", figures["search_seconds"]),
    ]


def _names(rows: Sequence[Row], what: str) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row[what]))
