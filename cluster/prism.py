"""Where Beam's runner Prism is on this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from configs.errors import UsageError

BUILT = Path(__file__).resolve().parent / "target" / "prism"


def find_prism() -> str:
    """Return its path: $AISLE_PRISM, what `make prism` built, or `prism` on the path."""
    built = str(BUILT) if BUILT.exists() else shutil.which("prism")
    found = os.environ.get("AISLE_PRISM") or built
    if found is None:
        raise UsageError("prism: not found; build it with make prism (needs Go)")
    return found
