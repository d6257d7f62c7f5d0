"""Tables of the commands on labels, on standard output."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from aisle.tables import make_console, show_figures

_SHOWN_LETTERS = 20
_SHOWN_CHARACTERS = 200


def show_story(figures: Mapping[str, Any]) -> None:
    """Show a product's label as it is, and every change of it, the oldest first."""
    show_figures("labels", figures)
    table = Table(title="changes", title_justify="left")
    for name in ("when (UTC)", "from", "to", "by", "write_id"):
        table.add_column(name, overflow="fold")
    for change in figures["changes"]:
        old, new = (change[name] or "–" for name in ("old_label", "new_label"))
        table.add_row(_when(change["changed_at"]), old, new, _who(change), change["write_id"])
    make_console().print(table)


def _when(time: str) -> str:
    """Return a time to the second; what says no zone is in UTC."""
    found = datetime.fromisoformat(time)
    found = found.astimezone(UTC) if found.tzinfo else found
    return found.strftime("%Y-%m-%d %H:%M:%S")


def _who(change: Mapping[str, Any]) -> str:
    """Say what made a change: `model cnn-1`, `rule metric@3`, `person ann`, `undo`."""
    if change["write_source"] == "undo":
        return "undo"
    source = change["source"]
    return f"{source} {change['rule' if source == 'rule' else 'model']}"


def show_letters(figures: Mapping[str, Any]) -> None:
    """Show what was refused, the first of it with the reasons; or what became of it."""
    show_figures("dead-letters", figures)
    letters = figures.get("letters", [])
    if not letters:
        return
    table = Table(title="what was refused", title_justify="left")
    for name in ("product", "write", "by", "reason"):
        table.add_column(name, overflow="fold")
    for letter in letters[:_SHOWN_LETTERS]:
        product = str(letter["product_id"])[:_SHOWN_CHARACTERS]
        reason = letter["reason"][:_SHOWN_CHARACTERS]
        table.add_row(product, letter["write_id"], letter["sink"], reason)
    console = make_console()
    console.print(table)
    if len(letters) > _SHOWN_LETTERS:
        console.print(f"the first {_SHOWN_LETTERS} of {len(letters):,}; --json tells all")


def show_plan(figures: Mapping[str, Any]) -> None:
    """Show how many products are to be labelled, and in which files they lie."""
    chunks = [os.path.basename(path) for path in figures["chunks"]]
    show_figures("plan-backfill", {**figures, "chunks": len(chunks)})
    if chunks:
        span = chunks[0] if len(chunks) == 1 else f"{chunks[0]} to {chunks[-1]}"
        make_console().print(f"chunks:  {figures['folder']}/{span}", soft_wrap=True)
