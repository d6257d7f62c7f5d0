"""Stands in for who watches a command in a log: counts what is done, and may press Ctrl-C."""

from __future__ import annotations

import pytest

from pipelines import progress


class Watcher:
    """Is told how far a command is, as `progress.LogCounter`; Ctrl-C comes after so many."""

    def __init__(self, stop_after: float = float("inf")) -> None:
        self.seen, self.said, self._stop_after = 0, list[str](), stop_after

    def __call__(self, count: int) -> None:
        self.seen += count
        if self.seen >= self._stop_after:
            raise KeyboardInterrupt

    def say(self, found: str) -> None:
        self.said.append(found)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look on from now on, in this process."""
        monkeypatch.setattr(progress, "LogCounter", lambda *_: self)
