"""Which labels a store knows, so that a slip of the pen does not become a shelf unnoticed."""

from __future__ import annotations

import sqlalchemy as sa

from pipelines.likeness import labels_like
from pipelines.sinks.engine import one_line
from pipelines.sinks.ledger import Ledger


def closest_of_unknown(ledger: Ledger, label: str) -> list[str] | None:
    """Return the labels most like one that no product has; None where one has it, or none has any.

    `Pest` gives `["Pets"]` where products have `Pets` and `Toys`. The table is read through once,
    without a lock.
    """
    labels = ledger.tables.labels.c.label
    with one_line(ledger.engine.url), ledger.engine.connect() as connection:
        known = connection.execute(sa.select(labels).where(labels == label).limit(1)).first()
        if known is not None:
            return None
        every = connection.execute(sa.select(labels).distinct().order_by(labels)).scalars().all()
    return labels_like(label, every) if every else None
