"""A change of a label as every sink gets it, and what a sink is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from configs.errors import UsageError
from configs.stores import SinkSettings, shown_url
from pipelines.sinks.schema import PROVENANCE

Change = dict[str, Any]
COPIED = (
    "product_id",
    "old_label",
    "new_label",
    "old_probability",
    "new_probability",
    "title_hash",
    "source",
    "rule",
    *PROVENANCE,
    "taxonomy_version",
    "dump_id",
    "write_id",
)


class Refused(NamedTuple):
    """A change that a sink will not have, and why."""

    change: Change
    reason: str


class Sink(Protocol):
    """What takes changes. The same changes again must leave it as it is.

    `deliver` returns what was refused for good; it raises `PassingFault` where asking again may
    help, `UsageError` where somebody has to mend something. `place` names the batch: the same
    batch, the same place.
    """

    name: str

    @property
    def settings(self) -> SinkSettings: ...

    def deliver(self, changes: Sequence[Change], place: str) -> list[Refused]: ...

    def close(self) -> None: ...


def name_of(settings: SinkSettings) -> str:
    """Return the name under which deliveries are noted: its own, or its URL without a secret."""
    return settings.name or shown_url(settings.url)


def check_names(sinks: Sequence[SinkSettings]) -> None:
    names = [name_of(sink) for sink in sinks]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"store.sinks: two are called {name}; expected names of their own; set name in each"
            )


def change_of(row: Any) -> Change:
    """Return a row of the history as a sink gets it; docs/label_change.schema.json is its schema.

    `message_id` follows from the write and the product alone: who gets it twice can tell.
    """
    digest = hashlib.blake2b(f"{row.write_id}\0{row.product_id}".encode(), digest_size=16)
    change = {"schema": 1, "message_id": digest.hexdigest(), "change": row.id}
    change |= {name: getattr(row, name) for name in COPIED}
    for name in ("labels", "probabilities"):
        value = getattr(row, name)
        change[name] = json.loads(value) if isinstance(value, str) else value
    at = row.changed_at
    return change | {"changed_at": at.isoformat() if at.tzinfo else f"{at.isoformat()}+00:00"}
