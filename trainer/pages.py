"""How pages are written: one self-contained HTML file from a template of `trainer/templates`.

Styles, pictures and the few lines of script are inside it, and it asks the network for nothing.
Whatever comes from the data is escaped by the template.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape


def render_page(template: str, **values: Any) -> str:
    """Return the page of a template; the same values give the same page."""
    return _environment().get_template(template).render(**values)


def percent(share: float) -> str:
    """Write a share of 0 to 1 in percent, with one decimal: `88.1%`."""
    return f"{share:.1%}"


def whole(number: float) -> str:
    """Write a count with commas: `512,345`."""
    return f"{number:,.0f}"


def breakable(name: object) -> Markup:
    """Allow a line break after each `_` and `/` of a long name; escaped."""
    text = str(escape(name))
    return Markup(text.replace("_", "_<wbr>").replace("/", "/<wbr>"))


def shown(value: object) -> str:
    """Write any figure: counts with commas, other numbers with four digits, the rest as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return whole(value)
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def spoken(key: object) -> str:
    """Write a key of a document as words."""
    return str(key).replace("_", " ")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("trainer"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, whole=whole, breakable=breakable, shown=shown)
    return environment
