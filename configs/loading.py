"""Read a YAML file into `Settings`; whatever is wrong is one line that names the key's path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from configs.errors import UsageError
from configs.problems import first_problem
from configs.settings import Settings
from configs.stores import StoreSettings


def load_settings(path: str | Path, overrides: Iterable[str] = ()) -> Settings:
    """Return the settings in the YAML file at `path`, with `overrides` laid over them.

    An override is `section.key=value`, the value in YAML: `models.cnn.epochs=2`.
    Raises `UsageError` for a file that cannot be read, an unknown key or an impossible value.
    """
    try:
        from pipelines import storage  # here: the schedule reads settings, and opens no files

        text = storage.read_bytes(str(path)).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(
            f"config {path}: cannot be read ({reason}); name a YAML file with --config"
        ) from error
    try:
        document = yaml.load(text, _OnceLoader)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"config {path}: not valid YAML: {reason}") from error
    if not isinstance(document, dict):
        raise UsageError(f"config {path}: expected a mapping of sections, got {_kind(document)}")
    for override in overrides:
        _override(document, override)
    return parse_settings(document, str(path))


def parse_settings(document: Mapping[str, Any], origin: str = "config") -> Settings:
    """Validate a mapping; `origin` names it in the message of the `UsageError`."""
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise UsageError(f"config {origin}: {first_problem(error, Settings)}") from error


def stored_at(settings: StoreSettings, url: str | None) -> StoreSettings:
    """Return the settings of the store with another `url`, a sink's too; None changes nothing."""
    if url is None:
        return settings
    try:
        return StoreSettings.model_validate(settings.model_dump() | {"url": url})
    except ValidationError as error:
        raise UsageError(f"--store: {first_problem(error, Settings)}") from error


def fingerprint(*sections: BaseModel | Mapping[str, Any] | str) -> str:
    """Return 16 hexadecimal digits that change whenever a value in `sections` does."""
    plain = [s.model_dump(mode="json") if isinstance(s, BaseModel) else s for s in sections]
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


class _OnceLoader(yaml.SafeLoader):
    """PyYAML's safe loader, but for a key that stands twice: the first would be lost unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                found = f"the key {key.value!r} stands twice; leave one out"
                raise yaml.constructor.ConstructorError(problem=found, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _override(document: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {override}: expected KEY=VALUE, for example models.cnn.epochs=2")
    *parents, last = key.split(".")
    section = document
    for parent in parents:
        if section.get(parent) is None:
            section[parent] = {}
        section = section[parent]
        if not isinstance(section, dict):
            raise UsageError(f"--set {override}: {parent} is a value, not a section")
    try:
        section[last] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise UsageError(
            f"--set {override}: the value is not valid YAML; quote it, as in KEY='\",\"'"
        ) from error


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
