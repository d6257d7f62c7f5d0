"""The pictures of the comparison of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter

from trainer.drawing import (
    BLUE,
    COMPACT,
    GREY,
    HALF,
    PERCENT,
    SEVERAL,
    WIDE,
    picture,
    shorten,
)
from trainer.figures import SPOKEN
from trainer.plots import name_points

_MOST_CURVES = len(SEVERAL)


def draw_group(group: Mapping[str, Any], number: int) -> dict[str, str]:
    """Return the pictures of one group by name; those without data are left out."""
    main = group["main"]
    rows = [row for row in group["rows"] if row[main] is not None]
    found = {"bars": _bars(rows, main, f"bars-{number}")}
    for key, meaning in (
        ("titles_per_second", "titles labelled a second"),
        ("fit_seconds", "seconds of training"),
    ):
        known = [row for row in rows if row[key]]
        if len(known) > 1:
            found[key] = _scatter(known, key, main, meaning, f"{key.replace('_', '-')}-{number}")
    learning = [row for row in rows if len(row.get("history") or ()) > 1][:_MOST_CURVES]
    if learning:
        found["learning"] = _curves(learning, main, f"learning-{number}")
    return found


def _bars(rows: Sequence[Mapping[str, Any]], main: str, name: str) -> str:
    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(rows))
        values = [row[main] for row in rows]
        bars = axes.barh(places, values, color=[_colour(row) for row in rows], height=0.62)
        axes.bar_label(bars, [f"{value:.2%}" for value in values], padding=5)
        axes.set_yticks(places, [shorten(row["model"], 40) for row in rows])
        axes.invert_yaxis()
        axes.set(xlim=(0, 1.1), xlabel=SPOKEN[main])
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.xaxis.set_major_formatter(PERCENT)
        axes.grid(visible=False, axis="y")

    return picture(name, f"{SPOKEN[main]} of each model", (WIDE, 0.36 * len(rows) + 0.8), draw)


def _scatter(
    rows: Sequence[Mapping[str, Any]], key: str, main: str, meaning: str, name: str
) -> str:
    """Draw the main figure over a cost on a log scale, and name the points."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        x, y = [row[key] for row in rows], [row[main] for row in rows]
        axes.scatter(x, y, s=44, color=[_colour(row) for row in rows], zorder=3, clip_on=False)
        margin = 3.0
        room = max(0.02, 0.15 * (max(y) - min(y)))
        axes.set(xscale="log", xlim=(min(x) / margin, max(x) * margin))
        axes.set_ylim(max(0.0, min(y) - room), min(1.0, max(y) + room))
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if max(x) / min(x) > 30 else (1, 2, 5)))
        axes.xaxis.set_major_formatter(COMPACT)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set(xlabel=meaning, ylabel=SPOKEN[main])
        points = list(zip(x, y, strict=True))
        named = [(row["model"], row[key], row[main]) for row in rows]
        name_points(figure, axes, points, named)

    return picture(name, f"{SPOKEN[main]} and {meaning}", (HALF, 3.8), draw)


def _curves(rows: Sequence[Mapping[str, Any]], main: str, name: str) -> str:
    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row, colour in zip(rows, SEVERAL, strict=False):
            points = [(epoch["epoch"], epoch.get(f"val_{main}")) for epoch in row["history"]]
            known = [point for point in points if point[1] is not None]
            if known:
                label = shorten(row["model"], 40)
                axes.plot(*zip(*known, strict=True), "o-", color=colour, label=label, clip_on=False)
        axes.set(xlabel="epoch", ylabel=f"validation {SPOKEN[main]}")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylim(top=min(1.0, axes.get_ylim()[1]))
        if axes.lines:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

    return picture(name, "Learning curves", (WIDE, 3.4), draw)


def _colour(row: Mapping[str, Any]) -> str:
    return BLUE if row["kind"] == "model" else GREY
