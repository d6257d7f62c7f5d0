"""What a write would change in the label store, before it does: for people and for the gate."""

from __future__ import annotations

import heapq
import json
from collections import Counter, defaultdict
from typing import Any

import sqlalchemy as sa
from jinja2 import Environment, PackageLoader, StrictUndefined

from configs.errors import UsageError
from configs.stores import StoreSettings
from pipelines import storage
from pipelines.sinks.doors import read_ledger_or_none
from pipelines.sinks.engine import parse_url, shown
from pipelines.sinks.ledger import Ledger
from pipelines.sinks.rows import by_origin
from pipelines.sinks.schema import VERDICTS
from pipelines.stage import require_manifest
from pipelines.write_labels import batches, checked_parts, refuse_above

BINS = 10
EXAMPLES = 3
SHOWN_MOVES = 200
_ROWS = 50_000
_Move = tuple[str, str | None, str]  # verdict, old and new label
_Example = tuple[float, str]  # probability, id


def diff_labels(
    predictions: str, *, store_url: str, dump_id: str, settings: StoreSettings
) -> dict[str, Any]:
    """Return what `aisle write-labels` would do; the store stays as it is, or is not made.

    `counts`: inserted, changed, unchanged, kept (a person's), held (by the gate). `moved`: how many
    of those changed get another label, not only another probability or model. `moves`: how many go
    from which label to which, the most first, each with the ids of examples, the least probable
    first. `by_probability`: for each verdict how many lie in each tenth of the probability.
    """
    manifest = require_manifest(predictions, "predict")
    parts = checked_parts(predictions, manifest)
    counts: Counter[tuple[str, str | None, str, int]] = Counter()
    examples: dict[_Move, list[_Example]] = defaultdict(list)
    url = parse_url(store_url)
    with read_ledger_or_none(url, settings) as ledger, ledger.rolled_back() as connection:
        for batch in batches(parts, _ROWS):
            for origin, part in by_origin(batch):
                ledger.judge(connection, origin, part)
                for row in connection.execute(_summary(ledger)):
                    counts[row.verdict, row.old_label, row.label, row.bin] += row.products
                for row in connection.execute(_least_probable(ledger)):
                    of_move = examples[row.verdict, row.old_label, row.label]
                    of_move.append((row.probability, row.product_id))
                    of_move[:] = heapq.nsmallest(EXAMPLES, of_move)
        found = _shaped(counts, examples)
        return {"dump_id": dump_id, "store": shown(url)} | found | _gate(found, settings)


def _summary(ledger: Ledger) -> sa.Select[Any]:
    """Group what was judged by verdict, old and new label, and tenth of the probability."""
    rows = ledger.tables.judged.c
    bins = [(rows.probability < (n + 1) / BINS, n) for n in range(BINS - 1)]
    tenth = sa.case(*bins, else_=BINS - 1).label("bin")
    keys = (rows.verdict, rows.old_label, rows.label, tenth)
    count = sa.func.count().label("products")
    numbers: list[Any] = [sa.literal_column(str(n)) for n in range(1, len(keys) + 1)]
    return sa.select(*keys, count).group_by(*numbers).order_by(*numbers)


def _least_probable(ledger: Ledger) -> sa.Select[Any]:
    """Take of what was judged the examples of each move."""
    rows = ledger.tables.judged.c
    move = (rows.verdict, rows.old_label, rows.label)
    order = (rows.probability, rows.product_id)
    place = sa.func.row_number().over(partition_by=move, order_by=order).label("nth")
    ranked = sa.select(*move, *order, place).where(rows.verdict != "unchanged").subquery()
    return sa.select(ranked).where(ranked.c.nth <= EXAMPLES)


def _shaped(counts: Counter[Any], examples: dict[_Move, list[_Example]]) -> dict[str, Any]:
    verdicts = dict.fromkeys(VERDICTS, 0)
    bins = {verdict: [0] * BINS for verdict in VERDICTS}
    moves: Counter[_Move] = Counter()
    for (verdict, old, new, tenth), count in counts.items():
        verdicts[verdict] += count
        bins[verdict][tenth] += count
        if verdict != "unchanged":
            moves[verdict, old, new] += count
    ranked = sorted(moves.items(), key=lambda item: (-item[1], str(item[0])))
    told = [
        {
            "verdict": v,
            "old": o,
            "new": n,
            "count": c,
            "examples": [e for _, e in examples[v, o, n]],
        }
        for (v, o, n), c in ranked
    ]
    moved = sum(n for (what, old, new), n in moves.items() if what == "changed" and old != new)
    return {"counts": verdicts, "moved": moved, "by_probability": bins, "moves": told}


def _gate(found: dict[str, Any], settings: StoreSettings) -> dict[str, Any]:
    try:
        refuse_above(settings.gate.max_changed_share, found["moved"], found["counts"])
    except UsageError as refusal:
        return {"gate": "refuses", "gate_says": str(refusal)}
    return {"gate": "passes", "gate_says": ""}


def write_pages(diff: dict[str, Any], folder: str) -> tuple[str, str]:
    """Write `diff.json` and `diff.html` to a folder; return their paths."""
    data, page = f"{folder}/diff.json", f"{folder}/diff.html"
    storage.make_folder(folder, "--output")
    storage.write_bytes(data, (json.dumps(diff, indent=2, ensure_ascii=False) + "\n").encode())
    storage.write_bytes(page, render(diff).encode())
    return data, page


def render(diff: dict[str, Any]) -> str:
    """Return the page; whatever comes from the data is escaped by the template."""
    loader = PackageLoader("pipelines", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    rows = sum(diff["counts"].values())
    return environment.get_template("diff.html.j2").render(
        diff=diff, rows=rows, moves=diff["moves"][:SHOWN_MOVES], bins=BINS
    )
