"""The pictures of the report: plain values in, one inline `<svg>` element out.

Drawn by matplotlib without pyplot, so nothing global is left behind. Text stays text (the page's
font, selectable, sharp on paper). Same values, same bytes: no date, a fixed salt for the ids, and
every id begins with the picture's name, so that pictures on one page do not clash.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, PercentFormatter

# Okabe and Ito's palette, told apart by colour-blind readers too; see jfly.uni-koeln.de/color
BLUE, VERMILLION, GREY, INK = "#0072B2", "#D55E00", "#8A939B", "#1F2933"
WIDE, HALF = 10.0, 4.85  # inches of the page's width, at 96 CSS pixels each
MAX_CLASSES, KEPT_CLASSES, NUMBERED_CLASSES = 40, 30, 20
FEW_TITLES = 30
LABELLED_POINTS = 10

_STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#E4E7EB",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}
_OFFSETS = (((6, 0), "left"), ((-6, 0), "right"), ((0, 10), "center"), ((0, -10), "center"))
_PERCENT = PercentFormatter(1.0, decimals=0)


def baseline_bars(accuracies: Mapping[str, float], ours: str) -> str:
    """Draw one bar per method, 0 to 1, the one named `ours` in colour."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        labels = [shorten(name, 40) for name in accuracies]
        colours = [BLUE if name == ours else GREY for name in accuracies]
        places = np.arange(len(labels))
        bars = axes.barh(places, list(accuracies.values()), color=colours, height=0.62)
        axes.bar_label(bars, [f"{value:.1%}" for value in accuracies.values()], padding=5)
        axes.set_yticks(places, labels)
        axes.invert_yaxis()
        axes.set(xlim=(0, 1.08), xlabel="titles on the right shelf")
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.xaxis.set_major_formatter(_PERCENT)
        axes.grid(visible=False, axis="y")

    height = 0.42 * len(accuracies) + 0.7
    return _picture("baselines", "Accuracy beside the baselines", (WIDE, height), draw)


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
    return _picture(
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


def reliability_diagram(bins: Sequence[Mapping[str, Any]]) -> str:
    """Draw accuracy against mean confidence per bin, and below it the titles per bin."""

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], "--", color=GREY, label="exactly as sure as it is right")
        filled = [row for row in bins if row["count"]]
        sure, right = ([row[key] for row in filled] for key in ("confidence", "accuracy"))
        upper.plot(sure, right, color=BLUE, linewidth=1.2)
        _points(upper, [row for row in filled if row["count"] >= FEW_TITLES], BLUE, "the model")
        few = f"the model, fewer than {FEW_TITLES} titles"
        _points(upper, [row for row in filled if row["count"] < FEW_TITLES], "#FFFFFF", few)
        upper.set(ylabel="was right", xlim=(0, 1), ylim=(-0.02, 1.03))
        upper.yaxis.set_major_formatter(_PERCENT)
        upper.legend(loc="upper left")
        _draw_counts(lower, bins)

    return _picture("calibration", "Reliability diagram", (HALF, HALF), draw)


def _points(axes: Any, rows: list[Mapping[str, Any]], colour: str, label: str) -> None:
    if rows:
        x, y = ([row[key] for row in rows] for key in ("confidence", "accuracy"))
        axes.scatter(x, y, s=34, color=colour, edgecolor=BLUE, zorder=3, label=label, clip_on=False)


def _draw_counts(axes: Any, bins: Sequence[Mapping[str, Any]]) -> None:
    width = [row["high"] - row["low"] for row in bins]
    counts = [row["count"] for row in bins]
    lows = [row["low"] for row in bins]
    bars = axes.bar(lows, counts, width, align="edge", color=GREY, edgecolor="#FFFFFF")
    axes.bar_label(bars, [compact(n) if n else "" for n in counts], padding=1, fontsize=8)
    axes.set(xlabel="said how sure it was", ylabel="titles", ylim=(0, 1.25 * max(counts)))
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
    axes.grid(visible=False)


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
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
        axes.yaxis.set_major_formatter(_PERCENT)
        axes.set(xlabel="titles of the shelf in the test", ylabel="quality (F1)")
        _name_weakest(figure, axes, rows)

    return _picture("sizes", "Size of each shelf and its F1", (HALF, HALF), draw)


def _name_weakest(figure: Figure, axes: Any, rows: list[Mapping[str, Any]]) -> None:
    """Write the names of the classes of lowest F1 where they cover neither a point nor a name."""
    figure.draw_without_rendering()
    inside = axes.get_window_extent()
    points = axes.transData.transform([(row["support"], row["f1"]) for row in rows])
    taken: list[Any] = []
    for row in sorted(rows, key=lambda row: row["f1"])[:LABELLED_POINTS]:
        for offset, side in _OFFSETS:
            text = axes.annotate(
                shorten(row["name"], 26),
                (row["support"], row["f1"]),
                offset,
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=9.5,
            )
            box = text.get_window_extent()
            within = inside.contains(box.x0, box.y0) and inside.contains(box.x1, box.y1)
            if (
                within
                and not box.padded(4).count_contains(points)
                and not box.count_overlaps(taken)
            ):
                taken.append(box)
                break
            text.remove()


def learning_curve(history: Sequence[Mapping[str, Any]]) -> str:
    """Draw loss and accuracy per epoch, on the training and the validation part."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        _curves(left, history, "loss")
        _curves(right, history, "accuracy")
        right.yaxis.set_major_formatter(PercentFormatter(1.0))

    return _picture("learning", "Loss and accuracy per epoch", (WIDE, 3.3), draw)


def _curves(axes: Any, history: Sequence[Mapping[str, Any]], key: str) -> None:
    curves = ((key, "training", GREY, "--"), (f"val_{key}", "validation", BLUE, "-"))
    for name, label, colour, line in curves:
        points = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), line, marker="o", color=colour, label=label)
    axes.set(xlabel="epoch", ylabel=key)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if axes.lines:
        axes.legend()


def shorten(name: str, length: int) -> str:
    """Cut the middle out of a long name: `sports_recre…_water-filtration`."""
    if len(name) <= length:
        return name
    head = (length - 1) * 2 // 5
    return f"{name[:head]}…{name[len(name) - (length - 1 - head) :]}"


def compact(number: float) -> str:
    """Write a count in at most four signs: 950, 1.2k, 12k, 3.4M."""
    for unit, sign in ((1e6, "M"), (1e3, "k")):
        if number >= unit * 0.9995:
            value = number / unit
            return (f"{value:.0f}" if value >= 9.95 else f"{value:.1f}".removesuffix(".0")) + sign
    return f"{number:g}"


def _picture(
    name: str, description: str, size: tuple[float, float], draw: Callable[[Figure], None]
) -> str:
    """Draw on a figure of `size` inches and return it as one `<svg>` for the body of a page."""
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    buffer = io.StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        # a script that the measuring font lacks: the reader's browser has it, text stays text
        warnings.filterwarnings("ignore", "Glyph")
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(buffer, format="svg", metadata=nothing)
    return _inline(buffer.getvalue(), name, description, round(96 * size[0]))


def _inline(document: str, name: str, description: str, width: int) -> str:
    """Keep what a page needs of an SVG document: no prolog, comments, global style or addresses."""
    body = document[document.index("<svg") :].strip()
    body = re.sub(r"<!--.*?-->|<style.*?</style>|<metadata>.*?</metadata>", "", body, flags=re.S)
    body = re.sub(r"<[^>]+>", lambda tag: _name_ids(tag.group(), name), body)
    view = re.search(r'viewBox="[^"]+"', body)
    assert view, "matplotlib writes a viewBox"
    label = html.escape(description)
    size = f"max-width:{width}px;min-width:{0.7 * width:.0f}px"  # smaller text cannot be read
    opening = f'<svg {view.group()} role="img" aria-label="{label}" style="{size}">'
    return opening + body[body.index(">") + 1 :]


def _name_ids(tag: str, name: str) -> str:
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    return re.sub(r'(url\(|href=")#', rf"\1#{name}-", tag)
