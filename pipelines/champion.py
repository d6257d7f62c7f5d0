"""The champion: which exported model labels new dumps, in one file that moves at once.

`<prefix>/champion.json` holds the champion and, oldest first, those before it. The file is written
whole or not at all, so that whoever reads it sees one champion, the old or the new.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from configs.artifacts import PrefixArtifacts, RunArtifacts
from configs.errors import UsageError
from pipelines import storage
from pipelines.exports import require_export
from pipelines.stage import require_manifest


@dataclass(frozen=True)
class Champion:
    """An exported model, and when (UTC, ISO 8601) and why it was promoted."""

    run_id: str
    model: str
    promoted_at: str = ""
    reason: str = ""

    def is_same(self, other: Champion | None) -> bool:
        return other is not None and (self.run_id, self.model) == (other.run_id, other.model)


@dataclass(frozen=True)
class Reign:
    """The champion, or none yet, and those before it, oldest first."""

    champion: Champion | None = None
    history: list[Champion] = field(default_factory=list)


def read_reign(prefix: str) -> Reign:
    """Return who reigns; raise `UsageError` for a file that Aisle did not write."""
    path = PrefixArtifacts(prefix).champion
    if not storage.exists(path):
        return Reign()
    try:
        held = json.loads(storage.read_bytes(path))
        champion = Champion(**held["champion"]) if held["champion"] else None
        return Reign(champion, [Champion(**before) for before in held["history"]])
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{path}: not a champion.json of Aisle; restore it, or remove it and promote anew"
        ) from error


def require_champion(prefix: str) -> Champion:
    """Return the champion; raise `UsageError` where there is none or its export is gone."""
    champion = read_reign(prefix).champion
    if champion is None:
        raise UsageError(
            f"{PrefixArtifacts(prefix).champion}: no model was promoted yet; run `aisle promote`"
        )
    _check_export(prefix, champion, "roll back with `aisle rollback`, or promote another model")
    return champion


def promote(prefix: str, run_id: str, model: str, *, reason: str = "by hand") -> dict[str, Any]:
    """Make an evaluated export the champion; of the one that is champion already, change nothing.

    Raises `UsageError` where the model is not exported or not evaluated.
    """
    artifacts = RunArtifacts(prefix, run_id)
    require_export(artifacts, model)
    require_manifest(artifacts.evaluation(model), "evaluate")
    wanted = Champion(run_id, model, _now(), reason)
    with _only_one(prefix):
        reign = read_reign(prefix)
        if wanted.is_same(reign.champion):
            return _figures(reign, changed=False)
        before = [reign.champion] if reign.champion else []
        return _figures(_write(prefix, Reign(wanted, [*reign.history, *before])), changed=True)


def rollback(prefix: str) -> dict[str, Any]:
    """Make the last champion before this one the champion again; raise where there is none."""
    with _only_one(prefix):
        reign = read_reign(prefix)
        if not reign.history:
            raise UsageError(
                f"{PrefixArtifacts(prefix).champion}: no champion before this one; nothing to "
                "roll back to"
            )
        *older, last = reign.history
        _check_export(prefix, last, "promote another model with `aisle promote`")
        return _figures(_write(prefix, Reign(last, older)), changed=True)


def _check_export(prefix: str, champion: Champion, mend: str) -> None:
    export = RunArtifacts(prefix, champion.run_id).exports(champion.model)
    if not storage.exists(export):
        raise UsageError(f"{export}: the champion's export is not there; restore it, or {mend}")
    require_manifest(export, "train")


def _write(prefix: str, reign: Reign) -> Reign:
    content = json.dumps(asdict(reign), indent=2, ensure_ascii=False) + "\n"
    storage.write_bytes(PrefixArtifacts(prefix).champion, content.encode())
    return reign


def _figures(reign: Reign, *, changed: bool) -> dict[str, Any]:
    assert reign.champion is not None
    before = reign.history[-1] if reign.history else None
    return {
        **asdict(reign.champion),
        "before": f"{before.run_id}/{before.model}" if before else None,
        "changed": changed,
    }


@contextlib.contextmanager
def _only_one(prefix: str) -> Iterator[None]:
    """Let one process at a time read, then write; a bucket has no locks: there a DAG's one run."""
    if storage.is_remote(prefix):
        yield
        return
    storage.make_folder(prefix)
    with open(os.path.join(prefix, ".champion.lock"), "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
