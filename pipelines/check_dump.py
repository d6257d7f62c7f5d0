"""Look at a dump before anything is made of it: can it be read, and how much of it?"""

from __future__ import annotations

from collections import Counter
from typing import Any

from configs.artifacts import RunArtifacts
from configs.columns import ColumnFeatures, read_columns
from configs.errors import PassingFault, UsageError
from configs.settings import Settings
from pipelines.champion import Champion
from pipelines.dumps import find_dump_files, read_dump_file
from pipelines.rejects import most_frequent
from pipelines.run_files import read_description


def champion_features(prefix: str, champion: Champion) -> ColumnFeatures:
    """Return the columns that the champion takes beside the title."""
    export = RunArtifacts(prefix, champion.run_id).exports(champion.model)
    return read_columns(read_description(export, "model_fingerprint"))


def check_dump(settings: Settings, dump: str, features: ColumnFeatures) -> dict[str, Any]:
    """Read a dump through; say whether it is fit to be labelled, and why not.

    Figures: `fit`, `reason` (empty when fit), `rows`, `rejected`, `reasons` (of rejects, counted).
    """
    rows, reasons = 0, Counter[str]()
    try:
        for file in find_dump_files(dump, settings.dump, features):
            for batch, rejects in read_dump_file(file, settings.dump, features):
                rows += batch.num_rows + len(rejects)
                reasons.update(reject.reason for reject in rejects)
        reason = _objection(dump, rows, reasons, settings.schedule.max_rejected)
    except PassingFault:
        raise
    except UsageError as error:
        reason = str(error)
    rejected = reasons.total()
    return {
        "fit": not reason,
        "reason": reason,
        "rows": rows,
        "rejected": rejected,
        "reasons": dict(reasons.most_common()),
    }


def _objection(dump: str, rows: int, reasons: Counter[str], allowed: float) -> str:
    if not rows:
        return f"{dump}: a header, but not one row; was it written to the end?"
    rejected = reasons.total()
    if rejected == rows:
        return f"{dump}: none of {rows:,} rows can be read (most often: {most_frequent(reasons)})"
    if rejected > allowed * rows:
        return (
            f"{dump}: {rejected:,} of {rows:,} rows cannot be read (most often: "
            f"{most_frequent(reasons)}); schedule.max_rejected allows {allowed:.4f} of them"
        )
    return ""
