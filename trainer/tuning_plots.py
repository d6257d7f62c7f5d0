"""The pictures of a search: trial by trial, and setting by setting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from configs.tuning import Range, TuningSettings, short_names
from trainer.drawing import BLUE, GREY, VERMILLION, WIDE, compact, picture, shorten

Row = Mapping[str, Any]
_ABREAST, _PANEL_HEIGHT = 3, 2.5
_SPREAD = 0.12  # how far points of one choice are apart, in steps between choices


def course_of(rows: Sequence[Row], tuning: TuningSettings, objective: str) -> str:
    """Draw the score of each trial in their order, and the best so far."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        numbers = [row["trial"] for row in rows]
        scores = np.array([row["score"] for row in rows])
        best = (np.maximum if tuning.better == "max" else np.minimum).accumulate(scores)
        axes.step(numbers, best, where="post", color=BLUE, label="best so far")
        axes.scatter(numbers, scores, s=34, color=GREY, zorder=3, label="a trial")
        place = int(np.argmax(scores == best[-1]))
        axes.scatter(numbers[place], scores[place], s=60, color=VERMILLION, zorder=4, label="best")
        axes.set(xlabel="trial", ylabel=objective)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0.2)

    return picture("course", f"{objective} trial by trial", (WIDE, 3.4), draw)


def panels_of(rows: Sequence[Row], tuning: TuningSettings, objective: str) -> str:
    """Draw a panel for each range: its values, and the scores that trials had with them."""
    lines, names = math.ceil(len(tuning.ranges) / _ABREAST), short_names(tuning.ranges)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(lines, _ABREAST, squeeze=False, sharey=True).flatten()
        best = (max if tuning.better == "max" else min)(rows, key=lambda row: row["score"])
        for axes, (key, values) in zip(panels, tuning.ranges.items(), strict=False):
            _draw_panel(axes, key, values, rows, best)
            axes.set_xlabel(shorten(names[key], 36))
        for axes in panels[len(tuning.ranges) :]:
            axes.set_visible(False)
        for axes in panels[::_ABREAST]:
            axes.set_ylabel(objective)

    size = (WIDE, _PANEL_HEIGHT * lines + 0.3)
    return picture("settings", f"{objective} over the values of each setting", size, draw)


def _draw_panel(axes: Any, key: str, values: Range, rows: Sequence[Row], best: Row) -> None:
    shown = [row for row in rows if key in row["values"]]
    places = _places(values, [row["values"][key] for row in shown])
    colours = [VERMILLION if row is best else BLUE for row in shown]
    axes.scatter(
        places, [row["score"] for row in shown], s=26, color=colours, alpha=0.8, linewidth=0
    )
    if values.choices is not None:
        axes.set_xticks(range(len(values.choices)), [shorten(str(c), 14) for c in values.choices])
        axes.set_xlim(-0.5, len(values.choices) - 0.5)
    elif values.scale == "log":
        axes.set(xscale="log", xlim=_edges(values))
        wide = values.max / values.min > 100  # type: ignore[operator]  # both are numbers here
        axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_xlim(*_edges(values))
        axes.xaxis.set_major_locator(MaxNLocator(5))


def _places(values: Range, found: Sequence[Any]) -> list[float]:
    """Return where to draw: numbers as they are, choices side by side, each a little spread."""
    if values.choices is None:
        return list(found)
    seen: dict[int, int] = {}
    places = []
    for value in found:
        place = values.choices.index(value)
        seen[place] = seen.get(place, 0) + 1
        places.append(place + _SPREAD * ((seen[place] % 3) - 1))
    return places


def _edges(values: Range) -> tuple[float, float]:
    low, high = float(values.min or 0), float(values.max or 0)
    if values.scale == "log":
        margin = (high / low) ** 0.05
        return low / margin, high * margin
    margin = 0.05 * (high - low)
    return low - margin, high + margin


def _short(value: float) -> str:
    return compact(value) if value >= 1 else f"{value:g}"
