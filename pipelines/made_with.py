"""What the settings said when a run's examples were made; later stages refuse other ones.

The gate asks it whether two runs put a title into the same part.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.settings import Settings
from pipelines import storage
from pipelines.run_files import read_document
from pipelines.stage import read_manifest

MADE_WITH = "made_with.json"
# What the examples and the labels in them mean. Of the vocabulary's size and of further columns
# the trainer itself says what does not fit.
_MEANING: Any = {
    "text": True,
    "categories": True,
    "objectives": {"exclusive": True},
    "features": {"tokens": {"length", "strip", "separate"}, "ngrams": True},
}
# What says in which part a title is: its cleaned text is hashed. That a later stage is told another
# split is no matter, as it reads the parts as they are.
_PARTING = ("split", "text")
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
    """Write the settings that give the examples their meaning, and part, to a `stats` folder."""
    kept = settings.model_dump(mode="json", include={**_MEANING, **dict.fromkeys(_PARTING, True)})
    text = json.dumps(kept, indent=2, ensure_ascii=False) + "\n"
    storage.write_bytes(f"{folder}/{MADE_WITH}", text.encode())


def check_made_with(settings: Settings, artifacts: RunArtifacts) -> None:
    """Raise `UsageError`, with the key, where the examples were made with another setting.

    Cleaning by other rules than the examples', or another level, would train without a word of
    complaint. Examples made before settings were kept beside them pass.
    """
    for key, before, now in _differences(_made_with(artifacts), _meaning(settings)):
        raise UsageError(
            f"{key} is {_shown(now)}, but the examples in {artifacts.tfrecords} were made with "
            f"{_shown(before)}; set it back, or run `aisle preprocess` again under another --run-id"
        )


def made_character_sizes(artifacts: RunArtifacts) -> list[int]:
    """Return the sizes of the n-grams of characters that a run's examples have."""
    features = _made_with(artifacts).get("features", {})
    found: list[int] = features.get("ngrams", {}).get("character_sizes") or []
    return found


def other_parts(run: RunArtifacts, other: RunArtifacts) -> str:
    """Say why a title may be in another part of one run than of the other; nothing if it is not.

    The parts are the same where `split` and `text` are. A run that was made before both were kept
    is known to have the same where the manifests tell of one config; else it may have others.
    """
    made, made_there = _made_with(run), _made_with(other)
    for section in _PARTING:
        here, there = made.get(section), made_there.get(section)
        if here is None or there is None:
            unknown = other if there is None else run
            return "" if _one_config(run, other) else f"{section} of {unknown.run_id} is not known"
        for key in sorted(here.keys() | there.keys()):
            if here.get(key) != there.get(key):
                return f"{section}.{key} is not the same in {run.run_id} and {other.run_id}"
    return ""


def _one_config(run: RunArtifacts, other: RunArtifacts) -> bool:
    """Tell whether both runs were preprocessed with all settings the same."""
    manifests = [read_manifest(of.tfrecords) for of in (run, other)]
    configs = [manifest.config_fingerprint for manifest in manifests if manifest is not None]
    return len(configs) == 2 and configs[0] == configs[1]


def _made_with(artifacts: RunArtifacts) -> dict[str, Any]:
    """Return what was kept beside the examples; of runs from before that, nothing."""
    path = f"{artifacts.stats}/{MADE_WITH}"
    return read_document(path, "preprocess") if storage.exists(path) else {}


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
