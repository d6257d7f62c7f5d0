"""The pictures of the exploration page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trainer.drawing import BLUE, COMPACT, GREY, INK, VERMILLION, WIDE, compact, picture, shorten

_LIGHT = "#9ECAE1"
_SHOWN_SHARE = 0.998  # of the titles: the longest few would press all others together


def category_bars(rows: Sequence[Mapping[str, Any]], name: str, level: str) -> str:
    """Draw titles of each category, and behind them its records, repeats included."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(rows))
        records, titles = ([row[key] for row in rows] for key in ("records", "titles"))
        axes.barh(places, records, color=_LIGHT, height=0.7, label="records")
        axes.barh(places, titles, color=BLUE, height=0.7, label="distinct titles")
        wide = max(max(records), max(titles), 1)
        for place, row in enumerate(rows):
            end = max(row["records"], row["titles"]) + 0.01 * wide
            axes.text(end, place, compact(row["titles"]), va="center", fontsize=9)
        axes.set_yticks(places, [shorten(row["name"], 40) for row in rows])
        axes.invert_yaxis()
        axes.set(xlim=(0, 1.12 * wide), ylim=(len(rows) - 0.4, -0.6))
        axes.xaxis.set_major_formatter(COMPACT)
        axes.grid(visible=False, axis="y")
        axes.legend(loc="lower right")

    height = 0.26 * len(rows) + 0.9
    return picture(name, f"Titles of each category, level {level}", (WIDE, height), draw)


def words_histogram(words: Sequence[Sequence[int]], length: int) -> str:
    """Draw titles by words; `words` are pairs of words and titles, `length` what tokens keep."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        counts, titles = np.asarray(words).T
        share = np.cumsum(titles) / titles.sum()
        last = int(counts[np.searchsorted(share, _SHOWN_SHARE)])
        seen = counts <= last
        axes.bar(counts[seen], titles[seen], color=BLUE, width=0.85)
        if last > length:
            axes.axvline(length + 0.5, color=VERMILLION, linestyle="--")
            axes.text(
                length + 0.8, titles.max(), f"after {length} words", color=VERMILLION, va="top"
            )
        axes.set(xlabel="words of a title", ylabel="titles", xlim=(0, last + 1))
        axes.yaxis.set_major_formatter(COMPACT)
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        axes.grid(visible=False, axis="x")

    return picture("words", "Titles by number of words", (WIDE, 3.2), draw)


def words_boxes(classes: Sequence[Mapping[str, Any]]) -> str:
    """Draw a box of words per title for each class: quartiles, whiskers at 2 and 98 %."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        boxes = [_box(row) for row in classes]
        axes.bxp(
            boxes,
            showfliers=False,
            orientation="horizontal",
            widths=0.6,
            patch_artist=True,
            boxprops={"facecolor": _LIGHT, "edgecolor": BLUE},
            whiskerprops={"color": BLUE},
            capprops={"color": BLUE},
            medianprops={"color": INK, "linewidth": 1.6},
        )
        axes.invert_yaxis()
        axes.set(xlabel="words of a title", xlim=(0, None))
        axes.grid(visible=False, axis="y")

    height = 0.28 * len(classes) + 0.8
    return picture("boxes", "Words per title by category", (WIDE, height), draw)


def _box(row: Mapping[str, Any]) -> dict[str, Any]:
    of = row["words"]
    return {
        "label": shorten(row["name"], 40),
        "whislo": of["low"],
        "q1": of["q1"],
        "med": of["median"],
        "q3": of["q3"],
        "whishi": of["high"],
    }


def conflict_map(conflicts: Sequence[Mapping[str, Any]], most: int) -> str:
    """Draw how many titles each pair of classes shares, for the classes that share most."""
    total: dict[str, int] = {}
    for row in conflicts:
        for end in ("first", "second"):
            total[row[end]] = total.get(row[end], 0) + row["titles"]
    names = sorted(sorted(total, key=lambda name: -total[name])[:most])
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for row in conflicts:
        if row["first"] in place and row["second"] in place:
            a, b = place[row["first"]], place[row["second"]]
            counts[a, b] = counts[b, a] = row["titles"]
    edge = min(WIDE, 0.38 * len(names) + 3.2)
    size = (edge, min(edge, 0.29 * len(names) + 2.6))
    return picture("conflicts", "Shared titles", size, lambda figure: _cells(figure, counts, names))


def _cells(figure: Figure, counts: np.ndarray, names: Sequence[str]) -> None:
    axes = figure.subplots()
    tone = np.sqrt(counts / max(1.0, counts.max()))
    seen = np.ma.masked_less_equal(tone, 0.0)
    axes.pcolormesh(seen, cmap="Oranges", vmin=0, vmax=1, edgecolors="#FFFFFF", linewidth=0.5)
    middle = np.arange(len(names)) + 0.5
    labels = [shorten(name, 32) for name in names]
    axes.set_yticks(middle, labels)
    axes.set_xticks(middle, labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set(visible=True, color="#D9DEE4")
    for row, column in np.argwhere(counts > 0):
        colour = "#FFFFFF" if tone[row, column] > 0.75 else INK
        text = compact(counts[row, column])
        cell = axes.text(middle[column], middle[row], text, ha="center", va="center")
        cell.set(color=colour, fontsize=8.5)


def token_bars(tokens: Sequence[Sequence[Any]]) -> str:
    """Draw the most frequent tokens; pairs of token and count."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        places = np.arange(len(tokens))
        axes.bar(places, [count for _, count in tokens], color=GREY, width=0.75)
        axes.set_xticks(
            places, [shorten(token, 16) for token, _ in tokens], rotation=60, ha="right"
        )
        axes.yaxis.set_major_formatter(COMPACT)
        axes.set(ylabel="times", xlim=(-0.6, len(tokens) - 0.4))
        axes.grid(visible=False, axis="x")

    return picture("tokens", "The most frequent words", (WIDE, 3.0), draw)
