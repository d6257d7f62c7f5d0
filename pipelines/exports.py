"""What a run has exported: a model that is asked for, or the names of those that are there."""

from __future__ import annotations

from configs.artifacts import COMPLETED, RunArtifacts
from configs.errors import UsageError
from pipelines import listing
from pipelines.stage import Manifest, require_manifest

_NAMED = 5


def require_export(artifacts: RunArtifacts, model: str) -> Manifest:
    """Return the manifest of an export that must be finished.

    Where it is not, the `UsageError` names the exports of the run that are.
    """
    try:
        return require_manifest(artifacts.exports(model), "train")
    except UsageError as error:
        finished = [name for name in export_names(artifacts) if name != model]
        if not finished:
            raise
        more = len(finished) - _NAMED
        names = ", ".join(finished[:_NAMED]) + (f" and {more} more" if more > 0 else "")
        raise UsageError(f"{error}, or choose another --model; this run has {names}") from error


def export_names(artifacts: RunArtifacts) -> list[str]:
    """Return the names of a run's finished exports, sorted."""
    found = listing.list_files(f"{artifacts.root}/exports", f"*/{COMPLETED}")
    return [file.relative.partition("/")[0] for file in found]
