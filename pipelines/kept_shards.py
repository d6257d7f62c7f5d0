"""The shards that were written of the parts that are kept: what would come out the same is taken.

A part's shards hang on the part, on the vocabulary's order, on the tree of categories and on how
labels are made. `WRITTEN` says what each part's were made of, their checksums, and where their
blocks lie (`transforms.key_blocks`): one that is damaged or gone is written anew.
"""

from __future__ import annotations

import json
import operator
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines import fingerprints, storage
from pipelines.cleaned_files import with_digest, without_digest
from pipelines.shards import ShardFiles
from transforms.gzip_bytes import HEADER, GzipBlock
from transforms.machine import threads

WRITTEN = "WRITTEN"


@dataclass(frozen=True)
class WrittenPart:
    """What a part's shards were made of, their checksums by name, and what their labels count.

    `blocks` has by name for each block its number, how many bytes it takes, their CRC-32 and size
    when unpacked; `cut_into` is how many blocks the part had.
    """

    made_of: str
    checksums: dict[str, str]
    counts: list[list]
    cut_into: int
    blocks: dict[str, list[list[int]]]


class KeptShards:
    """The shards in the folder of a `PartStore`; `made_of` names all that those of a part hang on.

    Threads begin at once to look whether they are as they were written: most often while
    TensorFlow is loaded. These looks stand first in the line of the threads, so that `take`, which
    waits for one on such a thread, waits for one that has begun.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        content = without_digest(f"{folder}/{WRITTEN}")
        document = {} if content is None else json.loads(content.to_pybytes())
        self._before = {int(number): WrittenPart(**part) for number, part in document.items()}
        self._now: dict[int, WrittenPart] = {}
        self._sound = {
            number: threads().submit(self._is_sound, part) for number, part in self._before.items()
        }

    def has(self, number: int, made_of: str) -> bool:
        """Tell whether these shards of a part were written, sound or not."""
        return number in self._before and self._before[number].made_of == made_of

    def take(self, number: int, made_of: str, folder: str) -> Counter | None:
        """Let the shards of a part be in `folder`, and return what their labels count.

        None where there are none of these, or they are damaged.
        """
        kept = self._sound_part(number, made_of)
        if kept is None:
            return None
        for name in kept.checksums:
            storage.link_file(self._path(kept, name), f"{folder}/{name}")
        self._now[number] = kept
        return Counter({tuple(key): count for *key, count in kept.counts})

    def blocks(self, number: int, made_of: str, cut_into: int) -> dict[int, dict[str, GzipBlock]]:
        """Return the blocks of these shards of a part by their numbers and the names of files.

        Empty where there are none of these, they are damaged, or there is another number of them.
        """
        found: dict[int, dict[str, GzipBlock]] = {}
        kept = self._sound_part(number, made_of)
        if kept is None or kept.cut_into != cut_into:
            return found
        for name, blocks in kept.blocks.items():
            content = memoryview(storage.read_bytes(self._path(kept, name)))
            begin = len(HEADER)
            for block, packed, crc, size in blocks:
                of_block = found.setdefault(block, {})
                of_block[name] = GzipBlock(content[begin : begin + packed], crc, size)
                begin += packed
        return found

    def keep(
        self, number: int, made_of: str, files: ShardFiles, cut_into: int, counts: Counter
    ) -> None:
        """Write the shards of a part and keep them."""
        rows = [[*key, count] for key, count in counts.items()]
        blocks = {
            name: [[block, len(made.packed), made.crc, made.size] for block, made in file.blocks]
            for name, file in files.files.items()
        }
        made = WrittenPart(made_of, files.write(), rows, cut_into, blocks)
        for name in made.checksums:
            storage.link_file(f"{files.folder}/{name}", self._path(made, name))
        self._now[number] = made

    def make_current(self) -> None:
        """Let what was taken and kept be what the next run finds; the rest goes."""
        document = {number: vars(part) for number, part in sorted(self._now.items())}
        content = with_digest(memoryview(json.dumps(document).encode()))
        storage.write_bytes(f"{self._folder}/{WRITTEN}", content)
        for path in self._paths(self._before) - self._paths(self._now):
            storage.remove_tree(path)

    def _sound_part(self, number: int, made_of: str) -> WrittenPart | None:
        """Return what is known of these shards of a part; None where they are not, or damaged."""
        if not self.has(number, made_of) or not self._sound[number].result():
            return None
        return self._before[number]

    def _is_sound(self, part: WrittenPart) -> bool:
        found = (fingerprints.checksum(self._path(part, name)) for name in part.checksums)
        return all(map(operator.eq, found, part.checksums.values()))

    def _path(self, part: WrittenPart, name: str) -> str:
        return f"{self._folder}/{part.made_of}-{name}"

    def _paths(self, parts: Mapping[int, WrittenPart]) -> set[str]:
        return {self._path(part, name) for part in parts.values() for name in part.checksums}
