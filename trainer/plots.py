"""The pictures of the report about one model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, PercentFormatter

from trainer.drawing import (
    BLUE,
    COMPACT,
    GREY,
    HALF,
    INK,
    PERCENT,
    VERMILLION,
    WIDE,
    compact,
    picture,
    shorten,
)
from trainer.figures import SPOKEN

MAX_CLASSES, KEPT_CLASSES, NUMBERED_CLASSES = 40, 30, 20
FEW_TITLES = 30
LABELLED_POINTS = 10

_OFFSETS = (((6, 0), "left"), ((-6, 0), "right"), ((0, 10), "center"), ((0, -10), "center"))


def baseline_bars(figures: Mapping[str, float], ours: str, meaning: str) -> str:
    """Draw one bar per method, 0 to 1, the one named `ours` in colour; `meaning` is the axis."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        labels = [shorten(name, 40) for name in figures]
        colours = [BLUE if name == ours else GREY for name in figures]
        places = np.arange(len(labels))
        bars = axes.barh(places, list(figures.values()), color=colours, height=0.62)
        axes.bar_label(bars, [f"{value:.1%}" for value in figures.values()], padding=5)
        axes.set_yticks(places, labels)
        axes.invert_yaxis()
        axes.set(xlim=(0, 1.08), xlabel=meaning)
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.xaxis.set_major_formatter(PERCENT)
        axes.grid(visible=False, axis="y")

    height = 0.42 * len(figures) + 0.7
    return picture("baselines", "Beside the baselines", (WIDE, height), draw)


def confusion_view(triplets: Sequence[Sequence[int]], classes: int) -> list[int]:
    """Return the classes to draw: all up to 40, beyond that 30 out of the largest confusions.

    Taken pair by pair, from the most frequent down, so that each is drawn with what it is mixed
    up with; classes that are often wrong, but each time in another way, would show a bare diagonal.
    """
    if classes <= MAX_CLASSES:
        return list(range(classes))
    wrong = [cell for cell in triplets if cell[0] != cell[1]]
    wrong.sort(key=lambda cell: -cell[2])
    pairs = (number for true, predicted, _ in wrong for number in (true, predicted))
    return sorted(list(dict.fromkeys(pairs))[:KEPT_CLASSES]) or list(range(KEPT_CLASSES))


def heat_map(triplets: Sequence[Sequence[int]], names: Sequence[str], classes: list[int]) -> str:
    """Draw where the titles of each class went, in shares of all titles of the true class.

    triplets: [true, predicted, count] of the confusion matrix; classes: those to draw.
    """
    true, predicted, count = np.asarray(triplets, dtype=np.int64).T
    support = np.bincount(true, weights=count, minlength=len(names))
    place = np.full(len(names), -1)
    place[classes] = np.arange(len(classes))
    shown = (place[true] >= 0) & (place[predicted] >= 0)
    shares = np.zeros((len(classes), len(classes)))
    shares[place[true[shown]], place[predicted[shown]]] = (count / support[true])[shown]
    labels = [shorten(names[i], 32) for i in classes]
    edge = min(WIDE, 0.36 * len(classes) + 3.2)
    size = (edge, min(edge, 0.27 * len(classes) + 2.6))
    return picture(
        "confusion", "Confusion matrix", size, lambda figure: _draw_cells(figure, shares, labels)
    )


def _draw_cells(figure: Figure, shares: np.ndarray, labels: list[str]) -> None:
    axes = figure.subplots()
    tone = np.sqrt(shares)  # so that a few percent are seen beside 90
    seen = np.ma.masked_less_equal(tone, 0.0)
    axes.pcolormesh(seen, cmap="Blues", vmin=0, vmax=1, edgecolors="#FFFFFF", linewidth=0.5)
    middle = np.arange(len(labels)) + 0.5
    axes.set_yticks(middle, labels)
    slope = 45 if len(labels) <= NUMBERED_CLASSES else 60
    axes.set_xticks(middle, labels, rotation=slope, ha="right", rotation_mode="anchor")
    axes.set(xlabel="was put on", ylabel="belongs on")
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[["top", "right"]].set_visible(True)
    axes.spines[:].set_color("#D9DEE4")
    if len(labels) <= NUMBERED_CLASSES:
        for row, column in np.argwhere(shares >= 0.005):
            colour = "#FFFFFF" if tone[row, column] > 0.6 else INK
            text = f"{100 * shares[row, column]:.0f}"
            cell = axes.text(middle[column], middle[row], text, ha="center", va="center")
            cell.set(color=colour, fontsize=9.5)


def reliability_diagram(
    bins: Sequence[Mapping[str, Any]], mended: Sequence[Mapping[str, Any]] | None = None
) -> str:
    """Draw accuracy against mean confidence per bin, and below it the titles per bin.

    `mended` are the bins at the fitted temperature, drawn beside those of the model as it is.
    """

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], "--", color=GREY, label="exactly as sure as it is right")
        if mended is None:
            _reliability(upper, bins, BLUE, "the model")
        else:
            _reliability(upper, bins, VERMILLION, "the model as it is")
            _reliability(upper, mended, BLUE, "at its temperature")
        upper.set(ylabel="was right", xlim=(0, 1), ylim=(-0.02, 1.03))
        upper.yaxis.set_major_formatter(PERCENT)
        upper.legend(loc="upper left", fontsize=9)
        _draw_counts(lower, bins)

    return picture("calibration", "Reliability diagram", (HALF, HALF), draw)


def _reliability(axes: Any, bins: Sequence[Mapping[str, Any]], colour: str, label: str) -> None:
    """Draw a line through the bins; those of fewer than 30 titles are hollow."""
    filled = [row for row in bins if row["count"]]
    sure, right = ([row[key] for row in filled] for key in ("confidence", "accuracy"))
    faces = [colour if row["count"] >= FEW_TITLES else "#FFFFFF" for row in filled]
    axes.plot(sure, right, color=colour, linewidth=1.2)
    axes.scatter(sure, right, s=30, color=faces, edgecolor=colour, zorder=3, clip_on=False)
    axes.plot([], [], "o-", color=colour, label=label)


def _draw_counts(axes: Any, bins: Sequence[Mapping[str, Any]]) -> None:
    width = [row["high"] - row["low"] for row in bins]
    counts = [row["count"] for row in bins]
    lows = [row["low"] for row in bins]
    bars = axes.bar(lows, counts, width, align="edge", color=GREY, edgecolor="#FFFFFF")
    axes.bar_label(bars, [compact(n) if n else "" for n in counts], padding=1, fontsize=8)
    axes.set(xlabel="said how sure it was", ylabel="titles", ylim=(0, 1.25 * max(counts)))
    axes.xaxis.set_major_formatter(PERCENT)
    axes.yaxis.set_major_formatter(COMPACT)
    axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    axes.grid(visible=False)


def range_bars(rows: Sequence[Mapping[str, Any]], name: str, meaning: str) -> str:
    """Draw accuracy by ranges of something, with the titles of each range above its bar.

    rows: as `trainer.breakdowns` gives them; `name` names the picture, `meaning` is the axis.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(rows))
        bars = axes.bar(places, [row["accuracy"] for row in rows], color=BLUE, width=0.7)
        titles = [compact(row["titles"]) for row in rows]
        axes.bar_label(bars, titles, padding=2, fontsize=8.5, color="#52606D")
        axes.set_xticks(places, [spoken_range(row) for row in rows], rotation=30, ha="right")
        room = max(0.0, 5 - len(rows)) / 2  # one bar alone would be a wall
        axes.set(xlim=(-0.6 - room, len(rows) - 0.4 + room))
        axes.set(ylim=(0, 1.08), ylabel="was right", xlabel=meaning)
        axes.set_yticks(np.linspace(0, 1, 6))
        axes.yaxis.set_major_formatter(PERCENT)
        axes.grid(visible=False, axis="x")

    return picture(name, f"Accuracy by {meaning}", (HALF, 3.4), draw)


def spoken_range(row: Mapping[str, Any]) -> str:
    """Write `{"low": 3, "high": 9}` as three to nine, and without an end as `3+`."""
    low, high = row["low"], row["high"]
    if high is None:
        return f"{compact(low)}+"
    return compact(low) if low == high else f"{compact(low)}–{compact(high)}"


def size_against_f1(per_class: Iterable[Mapping[str, Any]]) -> str:
    """Draw one point per tested class: its titles (log scale) and its F1; name the weakest."""
    rows = [row for row in per_class if row["support"]]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        sizes, f1 = ([row[key] for row in rows] for key in ("support", "f1"))
        axes.scatter(sizes, f1, s=30, color=BLUE, alpha=0.7, linewidth=0)
        spread = max(sizes) / min(sizes)
        margin = 1.6 if spread > 5 else 4  # a decade at least, or there are no round numbers
        axes.set(xscale="log", xlim=(min(sizes) / margin, max(sizes) * margin))
        axes.set_ylim(max(-0.03, min(f1) - 0.08), 1.02)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if spread < 5e3 else (1,)))
        axes.minorticks_off()
        axes.xaxis.set_major_formatter(COMPACT)
        axes.yaxis.set_major_formatter(PERCENT)
        axes.set(xlabel="titles of the shelf in the test", ylabel="quality (F1)")
        _name_weakest(figure, axes, rows)

    return picture("sizes", "Size of each shelf and its F1", (HALF, HALF), draw)


def _name_weakest(figure: Figure, axes: Any, rows: list[Mapping[str, Any]]) -> None:
    """Write the names of the classes of lowest F1 where they cover neither a point nor a name."""
    weakest = sorted(rows, key=lambda row: row["f1"])[:LABELLED_POINTS]
    places = [(row["support"], row["f1"]) for row in rows]
    name_points(figure, axes, places, [(row["name"], row["support"], row["f1"]) for row in weakest])


def name_points(
    figure: Figure,
    axes: Any,
    points: Sequence[tuple[float, float]],
    named: Sequence[tuple[str, float, float]],
) -> None:
    """Write each name, x, y of `named` at its point, where it covers neither a point nor a name."""
    figure.draw_without_rendering()
    inside = axes.get_window_extent()
    seen = axes.transData.transform(points)
    taken: list[Any] = []
    for name, *point in named:
        for offset, side in _OFFSETS:
            text = axes.annotate(
                shorten(name, 26),
                point,
                offset,
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=9.5,
            )
            box = text.get_window_extent()
            within = inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)
            if within and not box.padded(4).count_contains(seen) and not box.count_overlaps(taken):
                taken.append(box)
                break
            text.remove()


def learning_curve(history: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> str:
    """Draw figures per epoch, the loss among them, on the training and the validation part."""

    def draw(figure: Figure) -> None:
        for axes, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys, strict=True):
            _curves(axes, history, key)
            if key != "loss":
                axes.yaxis.set_major_formatter(PercentFormatter(1.0))
                axes.set_ylim(top=min(1.0, axes.get_ylim()[1]))

    return picture("learning", "Figures per epoch", (WIDE, 3.3), draw)


def _curves(axes: Any, history: Sequence[Mapping[str, Any]], key: str) -> None:
    curves = ((key, "training", GREY, "--"), (f"val_{key}", "validation", BLUE, "-"))
    for name, label, colour, line in curves:
        points = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), line, marker="o", color=colour, label=label)
    axes.set(xlabel="epoch", ylabel=SPOKEN.get(key, key))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes.lines:
        axes.legend()
