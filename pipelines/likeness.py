"""Which labels a label is most like: what somebody may have meant who mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

_MOST = 3


def labels_like(label: str, known: Sequence[str]) -> list[str]:
    """Return the known labels most like a label: `Pest` gives `["Pets"]` of `Pets` and `Toys`."""
    return difflib.get_close_matches(label, known, _MOST)


def in_words(like: Sequence[str]) -> str:
    """Say which they are: `like it are 'Pets', 'Nest'`."""
    return f"like it are {', '.join(map(repr, like))}" if like else "none is like it"
