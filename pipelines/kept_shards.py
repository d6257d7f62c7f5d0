"""The shards that were written of the parts that are kept: what would come out the same is linked.

A part's shards hang on the part, on the vocabulary's order, on the tree of categories and on how
labels are made. `WRITTEN` says what each part's were made of, and their checksums: one that is
damaged or gone is written anew.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines import storage
from pipelines.cleaned_files import with_digest, without_digest

WRITTEN = "WRITTEN"


@dataclass(frozen=True)
class WrittenPart:
    """What a part's shards were made of, their checksums by name, and what their labels count."""

    made_of: str
    checksums: dict[str, str]
    counts: list[list]


class KeptShards:
    """The shards in the folder of a `PartStore`; `made_with` names what all parts share."""

    def __init__(self, folder: str, made_with: str) -> None:
        self._folder, self._made_with = folder, made_with
        content = without_digest(f"{folder}/{WRITTEN}")
        document = {} if content is None else json.loads(content.to_pybytes())
        self._before = {int(number): WrittenPart(**part) for number, part in document.items()}
        self._now: dict[int, WrittenPart] = {}

    def has(self, number: int, part: str) -> bool:
        """Tell whether shards of this very part were written, if they are sound or not."""
        kept = self._before.get(number)
        return kept is not None and kept.made_of == self._made_of(part)

    def take(self, number: int, part: str, folder: str) -> Counter | None:
        """Let the shards of a part be in `folder`, and return what their labels count.

        None where there are none of this very part.
        """
        if not self.has(number, part):
            return None
        kept = self._before[number]
        for name, checksum in kept.checksums.items():
            path = self._path(kept, name)
            if storage.checksum(path) != checksum:
                return None
            storage.link_file(path, f"{folder}/{name}")
        self._now[number] = kept
        return Counter({tuple(key): count for *key, count in kept.counts})

    def keep(
        self, number: int, part: str, folder: str, checksums: Mapping[str, str], counts: Counter
    ) -> None:
        """Keep the shards of a part, which are in `folder`."""
        rows = [[*key, count] for key, count in counts.items()]
        made = WrittenPart(self._made_of(part), dict(checksums), rows)
        for name in checksums:
            storage.link_file(f"{folder}/{name}", self._path(made, name))
        self._now[number] = made

    def make_current(self) -> None:
        """Let what was taken and kept be what the next run finds; the rest goes."""
        document = {number: vars(part) for number, part in sorted(self._now.items())}
        content = with_digest(memoryview(json.dumps(document).encode()))
        storage.write_bytes(f"{self._folder}/{WRITTEN}", content)
        for path in self._paths(self._before) - self._paths(self._now):
            storage.remove_tree(path)

    def _made_of(self, part: str) -> str:
        return f"{part}-{self._made_with}"

    def _path(self, part: WrittenPart, name: str) -> str:
        return f"{self._folder}/{part.made_of}-{name}"

    def _paths(self, parts: Mapping[int, WrittenPart]) -> set[str]:
        return {self._path(part, name) for part in parts.values() for name in part.checksums}
