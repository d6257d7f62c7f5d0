"""What the settings said when a run's examples were made; later stages refuse other ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.settings import Settings
from pipelines import storage
from pipelines.run_files import read_document

MADE_WITH = "made_with.json"
# What the examples and the labels in them mean. Of the vocabulary's size and of further columns
# the trainer itself says what does not fit.
_MEANING: Any = {
    "text": True,
    "categories": True,
    "objectives": {"exclusive": True},
    "features": {"tokens": {"length", "strip", "separate"}, "ngrams": True},
}
# Of these a key that is new does not matter; below them keys are data, as names of levels are.
_SECTIONS = {
    "text",
    "categories",
    "objectives",
    "objectives.exclusive",
    "features",
    "features.tokens",
    "features.ngrams",
}


def write_made_with(settings: Settings, folder: str) -> None:
    """Write the settings that give the examples their meaning to a `stats` folder."""
    text = json.dumps(_meaning(settings), indent=2, ensure_ascii=False) + "\n"
    storage.write_bytes(f"{folder}/{MADE_WITH}", text.encode())


def check_made_with(settings: Settings, artifacts: RunArtifacts) -> None:
    """Raise `UsageError`, with the key, where the examples were made with another setting.

    Cleaning by other rules than the examples', or another level, would train without a word of
    complaint. Examples made before settings were kept beside them pass.
    """
    path = f"{artifacts.stats}/{MADE_WITH}"
    if not storage.exists(path):
        return
    made = read_document(path, "preprocess")
    for key, before, now in _differences(made, _meaning(settings)):
        raise UsageError(
            f"{key} is {_shown(now)}, but the examples in {artifacts.tfrecords} were made with "
            f"{_shown(before)}; set it back, or run `aisle preprocess` again under another --run-id"
        )


def made_character_sizes(artifacts: RunArtifacts) -> list[int]:
    """Return the sizes of the n-grams of characters that a run's examples have."""
    path = f"{artifacts.stats}/{MADE_WITH}"
    made = read_document(path, "preprocess") if storage.exists(path) else {}
    found: list[int] = made.get("features", {}).get("ngrams", {}).get("character_sizes") or []
    return found


def _meaning(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json", include=_MEANING)


def _differences(
    before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the dotted keys at which two mappings differ; what only one of them has is no matter.

    A setting that did not exist when the examples were made cannot have shaped them, and one that
    is left open (null) was decided then.
    """
    for key in before.keys() & now.keys():
        name = f"{prefix}{key}"
        if before[key] == now[key] or now[key] is None:
            continue
        if isinstance(before[key], dict) and (
            name in _SECTIONS or before[key].keys() == now[key].keys()
        ):
            yield from _differences(before[key], now[key], f"{name}.")
        else:
            yield name, before[key], now[key]


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
