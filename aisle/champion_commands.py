"""What a scheduler runs beside the stages: the champion, its gate, a dump's check, the backfill."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from aisle.label_commands import store_url
from configs.artifacts import RunArtifacts
from configs.loading import load_settings

Figures = dict[str, Any]


def compare(given: argparse.Namespace) -> Figures:
    settings = load_settings(given.config, given.set)
    artifacts = RunArtifacts(given.prefix, given.run_id)
    _load_tensorflow()
    from trainer.compare import compare

    return compare(settings, artifacts, given.model, beam_arguments=given.beam)


def promote(given: argparse.Namespace) -> Figures:
    from pipelines.champion import promote

    return promote(given.prefix, given.run_id, given.model, reason=given.reason)


def rollback(given: argparse.Namespace) -> Figures:
    from pipelines.champion import rollback

    return rollback(given.prefix)


def champion(given: argparse.Namespace) -> Figures:
    from pipelines.champion import require_champion

    return asdict(require_champion(given.prefix))


def check_dump(given: argparse.Namespace) -> Figures:
    settings = load_settings(given.config, given.set)
    from pipelines.champion import require_champion
    from pipelines.check_dump import champion_features, check_dump

    features = champion_features(given.prefix, require_champion(given.prefix))
    return check_dump(settings, given.dump, features)


def plan_backfill(given: argparse.Namespace) -> Figures:
    settings = load_settings(given.config, given.set)
    from pipelines.backfill import plan_backfill
    from pipelines.champion import require_champion

    url = store_url(given, settings, RunArtifacts(given.prefix, given.run_id))
    champion = require_champion(given.prefix)
    return plan_backfill(settings, given.prefix, champion, given.products, url, force=given.force)


def _load_tensorflow() -> None:
    from aisle.quiet import import_tensorflow

    import_tensorflow()


CHAMPION_COMMANDS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    "compare": compare,
    "promote": promote,
    "rollback": rollback,
    "champion": champion,
    "check-dump": check_dump,
    "plan-backfill": plan_backfill,
}
