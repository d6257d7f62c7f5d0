"""How a picture is drawn: plain values in, one inline `<svg>` element out.

Drawn by matplotlib without pyplot, so nothing global is left behind. Text stays text (the page's
font, selectable, sharp on paper). Same values, same bytes: no date, a fixed salt for the ids, and
every id begins with the picture's name, so that pictures on one page do not clash.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

# Okabe and Ito's palette, told apart by colour-blind readers too; see jfly.uni-koeln.de/color
BLUE, VERMILLION, GREY, INK = "#0072B2", "#D55E00", "#8A939B", "#1F2933"
SEVERAL = (BLUE, VERMILLION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A939B")
WIDE, HALF = 10.0, 4.85  # inches of the page's width, at 96 CSS pixels each
PERCENT = PercentFormatter(1.0, decimals=0)

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


# how an axis writes counts
COMPACT = FuncFormatter(lambda value, _: compact(value))


def picture(
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
