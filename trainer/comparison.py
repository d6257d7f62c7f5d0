"""Compare evaluated models: accuracy, size, time and money in one page, the baselines among them.

Only what was measured on the same test part, at one level, stands in one table.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from pipelines import listing, storage
from pipelines.run_files import read_metrics
from pipelines.stage import require_manifest
from trainer import comparison_plots as plots
from trainer.figures import MAIN_FIGURE, SPOKEN, flat_figures
from trainer.pages import render_page, whole

METRICS, PAGE, JSON = "metrics.json", "report.html", "report.json"
COMPARED = {
    "exclusive": ("accuracy", "macro_f1", "weighted_f1", "auc", "log_loss"),
    "rule_based": ("micro_f1", "macro_f1", "precision_at_1", "lrap", "auc", "bce"),
}
COSTS = ("parameters", "fit_seconds", "titles_per_second", "cost_per_million")
_LOWER_IS_BETTER = {"log_loss", "bce", "parameters", "fit_seconds", "cost_per_million"}
_SHARES = {"accuracy", "macro_f1", "weighted_f1", "micro_f1", "auc", "lrap", "precision_at_1"}
_SHELVES, _MODELS_BY_SHELF = 25, 8

Row = dict[str, Any]


def write_comparison(
    runs: Sequence[RunArtifacts], models: Sequence[str], folder: str, price: float
) -> dict[str, Any]:
    """Write `report.html` and `report.json` to a folder; return what a table shows of them.

    See `read_evaluations` for which models are compared, and the errors.
    """
    comparison = compare(read_evaluations(runs, models), price)
    storage.make_folder(folder, "--out")
    text = json.dumps(comparison, indent=1, ensure_ascii=False) + "\n"
    storage.write_bytes(f"{folder}/{JSON}", text.encode())
    storage.write_bytes(f"{folder}/{PAGE}", render_comparison(comparison).encode())
    figures: dict[str, Any] = {}
    for group in comparison["groups"]:
        main = group["main"]
        heading = f"{main}, {group['level']}" if len(comparison["groups"]) > 1 else main
        figures.setdefault(heading, {}).update({_named(row): row[main] for row in group["rows"]})
    compared = [row for group in comparison["groups"] for row in group["rows"]]
    return {**figures, "compared": compared, "report": f"{folder}/{PAGE}"}


def read_evaluations(runs: Sequence[RunArtifacts], models: Sequence[str]) -> list[dict[str, Any]]:
    """Return the metrics documents of the models of these runs; of all models if none is named.

    Raises `UsageError` where a run has no evaluated model, or no run has one that is named.
    """
    found = [(run, name) for run in runs for name in evaluated(run) if not models or name in models]
    for name in models:
        if name not in {known for _, known in found}:
            require_manifest(runs[0].evaluation(name), f"evaluate --model {name}")
    for run in runs:
        if not evaluated(run):
            raise UsageError(
                f"{run.evaluations}: no model was evaluated; run `aisle evaluate` first"
            )
    return [_read(run, name) for run, name in found]


def evaluated(run: RunArtifacts) -> list[str]:
    """Return the names of the models of a run whose evaluation is finished."""
    files = listing.list_files(run.evaluations, f"*/{METRICS}")
    return [file.relative.partition("/")[0] for file in files]


def _read(run: RunArtifacts, name: str) -> dict[str, Any]:
    folder = run.evaluation(name)
    require_manifest(folder, f"evaluate --model {name}")
    document = read_metrics(folder, name, "context")
    if "speed" not in document["context"]:
        raise UsageError(
            f"{folder}: measured by an Aisle that did not time models; run "
            f"`aisle evaluate --model {name} --force` first"
        )
    return document


def compare(documents: Iterable[Mapping[str, Any]], price: float) -> dict[str, Any]:
    """Return the comparison as plain JSON: `groups`, each of one test part, level and objective.

    documents: as `evaluate` wrote them. price: of a core and hour. A group has `rows`, the best
    first: a model or a baseline (`kind`) with its figures, None where one is not known. `cost_per_
    million` is what a million titles cost on all cores of the machine that was timed.
    """
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for document in documents:
        context = document["context"]
        part = context["fingerprints"].get("transform_fingerprint", context["run_id"])
        key = (part, context["level"], document["objective"])
        groups.setdefault(key, []).append(document)
    return {"price_per_core_hour": price, "groups": [_group(of, price) for of in groups.values()]}


def _group(documents: Sequence[Mapping[str, Any]], price: float) -> dict[str, Any]:
    first = documents[0]
    objective = first["objective"]
    main = MAIN_FIGURE[objective]
    rows = [_model_row(document, price) for document in documents]
    rows += _baseline_rows(documents, price)
    return {
        "name": first["context"]["name"],
        "level": first["context"]["level"],
        "objective": objective,
        "main": main,
        "figures": [*COMPARED[objective], *COSTS],
        "examples": first["examples"],
        "classes": first["classes"],
        "runs": sorted({document["context"]["run_id"] for document in documents}),
        "chance": _chance(flat_figures(first)[main], first["examples"]),
        "rows": sorted(rows, key=lambda row: -(row[main] or 0.0)),
        "shelves": _by_shelf(documents),
    }


def _chance(share: float, examples: int) -> float:
    """Return how far a share of so many examples may be off by chance: 1.96 standard errors.

    Where all are right that is 0, though it says no more than that few are wrong: up to 3 of them
    (Hanley and Lippman-Hand 1983, "If nothing goes wrong, is everything all right?").
    """
    return max(1.96 * math.sqrt(share * (1.0 - share) / examples), 3.0 / examples)


def _model_row(document: Mapping[str, Any], price: float) -> Row:
    context = document["context"]
    figures = flat_figures(document)
    speed = context["speed"]
    return {
        "kind": "model",
        "model": context["model"],
        "run_id": context["run_id"],
        "columns": context.get("columns", []),
        **{key: figures.get(key) for key in COMPARED[document["objective"]]},
        "parameters": context["parameters"],
        "fit_seconds": context["fit_seconds"],
        "titles_per_second": speed["titles_per_second"],
        "cost_per_million": cost_per_million(speed["titles_per_second"], speed["cores"], price),
        "temperature": document["temperature"],
        "calibration_error": document["expected_calibration_error"],
        "history": context["history"],
    }


def _baseline_rows(documents: Sequence[Mapping[str, Any]], price: float) -> list[Row]:
    """Return a row for each baseline of these models; where several have it, the first one's.

    One that learned from other columns beside the title is another.
    """
    found: dict[tuple[str, ...], Row] = {}
    for document in documents:
        cores = document["context"]["speed"]["cores"]
        for name, figures in document["context"]["baselines"].items():
            columns = document["context"].get("columns", []) if "buckets" in figures else []
            speed = figures.get("titles_per_second")
            row = {
                "kind": "baseline",
                "model": name,
                "run_id": document["context"]["run_id"],
                "columns": columns,
                **{key: figures.get(key) for key in COMPARED[document["objective"]]},
                "parameters": figures.get("parameters"),
                "fit_seconds": figures.get("seconds"),
                "titles_per_second": speed,
                "cost_per_million": speed and cost_per_million(speed, cores, price),
            }
            found.setdefault((name, *columns), row)
    return list(found.values())


def _named(row: Row) -> str:
    """Name a row; a baseline with the columns that it saw, as there may be one without."""
    seen = row["columns"] if row["kind"] == "baseline" else []
    return f"{row['model']}, with {', '.join(seen)}" if seen else row["model"]


def cost_per_million(titles_per_second: float, cores: int, price: float) -> float:
    """Return what a million titles cost: `price` is that of a core and hour, all cores are paid.

    >>> round(cost_per_million(1000, 2, 0.05), 4)
    0.0278
    """
    return 1e6 / titles_per_second / 3600.0 * cores * price


def _by_shelf(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return F1 of each class by model, the largest classes first."""
    chosen = list(documents)[:_MODELS_BY_SHELF]
    of_class: dict[str, Row] = {}
    for document in chosen:
        for row in document["per_class"]:
            shelf = of_class.setdefault(row["name"], {"support": row["support"], "f1": []})
            shelf["f1"].append(row["f1"] if row["support"] else None)
    rows = [{"name": name, **row} for name, row in of_class.items()]
    rows.sort(key=lambda row: (-row["support"], row["name"]))
    return {"models": [document["context"]["model"] for document in chosen], "rows": rows}


def render_comparison(comparison: Mapping[str, Any]) -> str:
    """Return the comparison as one self-contained HTML page."""
    groups = [_shown_group(group, number) for number, group in enumerate(comparison["groups"])]
    names = sorted({group["name"] for group in comparison["groups"]})
    runs = sorted({run for group in comparison["groups"] for run in group["runs"]})
    return render_page(
        "comparison.html.j2",
        heading={"title": f"{', '.join(names)}: models compared", "line": f"run {', '.join(runs)}"},
        groups=groups,
        price=comparison["price_per_core_hour"],
        first_shelves=_SHELVES,
    )


def _shown_group(group: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return a group with its pictures, and its rows as cells of a table."""
    best = dict(_best(group))
    several_runs = len(group["runs"]) > 1
    rows = [
        {
            "name": row["model"],
            "note": f"run {row['run_id']}" if several_runs else "",
            "columns": ", ".join(row["columns"]),
            "baseline": row["kind"] == "baseline",
            "cells": [
                {"value": row[key], "text": written(key, row[key]), "best": row is best.get(key)}
                for key in group["figures"]
            ],
        }
        for row in group["rows"]
    ]
    return {
        **group,
        "heads": [SPOKEN.get(key, key.replace("_", " ")) for key in group["figures"]],
        "table": rows,
        "verdict": _verdict(group),
        "pictures": {name: Markup(svg) for name, svg in plots.draw_group(group, number).items()},
    }


def _best(group: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    for key in group["figures"]:
        known = [row for row in group["rows"] if row[key] is not None and row["kind"] == "model"]
        if len(known) > 1:
            yield key, (min if key in _LOWER_IS_BETTER else max)(known, key=lambda row: row[key])


def _verdict(group: Mapping[str, Any]) -> str:
    """Say which model is the best, how it stands to the best baseline, and to the fastest."""
    main, spoken = group["main"], SPOKEN[group["main"]]
    models = [row for row in group["rows"] if row["kind"] == "model"]
    cheap = [row for row in group["rows"] if row["kind"] == "baseline" and row[main] is not None]
    best = models[0]
    text = f"{best['model']} has the highest {spoken}, {best[main]:.1%}"
    if cheap:
        text += _beside(cheap[0]["model"], 100 * (best[main] - cheap[0][main]))
    fastest = max(models, key=lambda row: row["titles_per_second"])
    if fastest is not best:
        times = fastest["titles_per_second"] / best["titles_per_second"]
        text += (
            f". {fastest['model']} labels {times:.1f} times as many titles a second, at "
            f"{fastest[main]:.1%}"
        )
    return text + "."


def _beside(baseline: str, ahead: float) -> str:
    """Go on with how many points the best model is ahead of a baseline."""
    points = f"{abs(ahead):.1f} points"
    if points == "0.0 points":
        return f", as the baseline {baseline} has"
    if ahead > 0:
        return f"; {points} above the baseline {baseline}"
    return f" of the models; the baseline {baseline} has {points} more"


def written(key: str, value: float | None) -> str:
    """Write a figure as its table shows it; a dash where it is not known."""
    if value is None:
        return "–"
    if key in _SHARES:
        return f"{100 * value:.2f}"
    if key in ("parameters", "titles_per_second"):
        return whole(value)
    if key == "cost_per_million":
        return f"{value:.2g}" if value < 1 else f"{value:,.2f}"
    return f"{value:,.1f}" if key == "fit_seconds" else f"{value:.4f}"
