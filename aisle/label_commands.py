"""The commands that write labels, tell of them, and take them back: one small function each."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.loading import stored_at
from configs.settings import Settings
from configs.stores import StoreSettings

Figures = dict[str, Any]
_SHOWN_CHARACTERS = 200


def write_labels(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    from pipelines.progress import counting
    from pipelines.stage import require_manifest
    from pipelines.write_labels import example_query, write_labels

    url = store_url(given, settings, artifacts)
    predictions = artifacts.predictions(given.dump_id)
    total = require_manifest(predictions, "predict").figures.get("predictions")
    started = time.perf_counter()
    with counting("write-labels", "labels", total) as progress:
        figures = write_labels(
            predictions,
            store_url=url,
            dump_id=given.dump_id,
            settings=_store(given, settings),
            on_progress=progress,
            force=given.command == "write-labels" and given.force,
        )
    seconds = round(time.perf_counter() - started, 3)
    return {**figures, "query": example_query(url, settings.store), "seconds": seconds}


def diff(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    """Show what would change; the pages go beside the run's other output."""
    from pipelines.label_diff import write_pages

    found = _diff(given, settings, artifacts)
    folder = given.output or f"{artifacts.root}/diffs/{given.dump_id}"
    data, page = write_pages(found, folder)
    told = {name: found[name] for name in ("counts", "gate", "gate_says", "store")}
    return {**told, "json": data, "report": page}


def gate(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    found = _diff(given, settings, artifacts)
    if found["gate"] != "passes":
        raise UsageError(found["gate_says"])
    return {name: found[name] for name in ("counts", "gate", "store")}


def _diff(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    from pipelines.label_diff import diff_labels

    return diff_labels(
        artifacts.predictions(given.dump_id),
        store_url=store_url(given, settings, artifacts),
        dump_id=given.dump_id,
        settings=_store(given, settings),
    )


def labels(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    """Tell the story of a product; set its label first, where one is given."""
    from pipelines.sinks.doors import open_ledger, read_ledger
    from pipelines.sinks.story import set_label, story_of

    if bool(given.label) != bool(given.person):
        raise UsageError("--label and --person belong together: what is set, and who sets it")
    place = _place(given, settings, artifacts)
    closest = _closest_if_new(given.label, *place) if given.label else None
    open_it = open_ledger if given.label else read_ledger
    with open_it(*place) as ledger:
        if given.label:
            write_id = set_label(ledger, given.product, given.label, given.person)
            if closest is not None:
                _warn_of_new(given.label, closest, write_id)
            _feed(ledger, write_id)
        return story_of(ledger, given.product)


def _closest_if_new(label: str, url: Any, store: StoreSettings) -> list[str] | None:
    from pipelines.sinks.doors import read_ledger_or_none
    from pipelines.sinks.known_labels import closest_of_unknown

    with read_ledger_or_none(url, store) as ledger:
        return closest_of_unknown(ledger, label)


def _warn_of_new(label: str, closest: list[str], write_id: str) -> None:
    """Say that a label is new: a person may open a shelf, or have mistyped the name of one."""
    from pipelines.likeness import in_words

    sys.stderr.write(
        f"aisle labels: {label[:_SHOWN_CHARACTERS]!r} is set, but no other product has this label "
        f"({in_words(closest)}); if it is mistyped, take it back with "
        f"aisle undo --write {write_id}\n"
    )


def undo(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    from pipelines.sinks.doors import open_ledger, require_store
    from pipelines.sinks.story import open_undos, undo

    url, store = _place(given, settings, artifacts)
    require_store(url)
    with open_ledger(url, store) as ledger:
        figures = undo(ledger, given.write)
        for begun in open_undos(ledger, given.write):
            figures |= _feed(ledger, begun)
        return figures


def dead_letters(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> Figures:
    from pipelines.sinks.delivery import opened
    from pipelines.sinks.doors import open_ledger, read_ledger, require_store
    from pipelines.sinks.replay import dead_letters, replay

    url, store = _place(given, settings, artifacts)
    if not given.replay:
        with read_ledger(url, store) as ledger:
            found = dead_letters(ledger, given.write)
            return {"dead_letters": len(found), "letters": found, "store": ledger.url}
    require_store(url)
    with open_ledger(url, store) as ledger, opened(store.all_sinks) as sinks:
        return replay(ledger, sinks, given.write) | {"store": ledger.url}


def _feed(ledger: Any, write_id: str) -> Figures:
    """Bring the changes of a small write to the sinks."""
    from pipelines.sinks.delivery import feed_small

    delivered = feed_small(ledger, ledger.settings.all_sinks, write_id)
    return {"sinks": delivered} if delivered else {}


def _store(given: argparse.Namespace, settings: Settings) -> StoreSettings:
    """Return the settings of the store; `--store` goes before `store.url`."""
    return stored_at(settings.store, given.store)


def store_url(given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts) -> str:
    """Return the URL of the database that keeps the labels."""
    return str(_store(given, settings).database or artifacts.label_store_url)


def _place(
    given: argparse.Namespace, settings: Settings, artifacts: RunArtifacts
) -> tuple[Any, StoreSettings]:
    from pipelines.sinks.engine import parse_url

    return parse_url(store_url(given, settings, artifacts)), _store(given, settings)
