"""What preprocessing keeps of all parts, so that the next run only applies changes to it.

A file is named by a hash of its content and never written over; `CURRENT` names those that belong
together and is written last. So a kill leaves what was there before, or all that is new.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pyarrow as pa

from configs.loading import fingerprint
from configs.settings import Settings
from pipelines import storage
from pipelines.cleaned_files import entry_fingerprint, with_digest, without_digest
from pipelines.rejects import REJECTED
from transforms.title_parts import TitlePart, empty_part, no_counts

CURRENT = "CURRENT"
KEPT_REJECTS = REJECTED.append(pa.field("file", pa.int32()))
_WRITE = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_READ = pa.ipc.IpcReadOptions(use_threads=False)
_SEEN = pa.schema([("seen", pa.binary())])
_NAME_BYTES = 16


class DamagedCache(Exception):
    """A file that is to be there is not, or is not as it was written: all is made anew."""


@dataclass(frozen=True)
class KeptFile:
    """A category file: its number in `ROWS`, which it keeps, its entry's name, the rows read."""

    number: int
    entry: str
    read: int


@dataclass(frozen=True)
class PartNames:
    """The files of a part: titles and tokens, rows, the n-grams that training has seen."""

    part: str
    rows: str
    seen: str


@dataclass(frozen=True)
class ChangedTitles:
    """The file of a part before it was changed, and the keys of titles that were, int64 [n]."""

    part: str
    keys: np.ndarray


@dataclass
class Kept:
    """What the parts are made of, and what they hold, by the names of files in the store.

    `changed` says what this run changed in parts that were there before; it goes with the run.
    """

    files: dict[str, KeptFile] = field(default_factory=dict)
    parts: dict[int, PartNames] = field(default_factory=dict)
    counts: Counter = field(default_factory=Counter)
    tokens: str = ""
    rejects: str = ""
    changed: dict[int, ChangedTitles] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        of_parts = {name for part in self.parts.values() for name in asdict(part).values()}
        return (of_parts | {self.tokens, self.rejects}) - {""}

    def to_json(self) -> str:
        document = {
            "files": {name: asdict(file) for name, file in self.files.items()},
            "parts": {number: asdict(part) for number, part in self.parts.items()},
            "counts": [[*key, count] for key, count in self.counts.items()],
            "tokens": self.tokens,
            "rejects": self.rejects,
        }
        return json.dumps(document)

    @classmethod
    def from_json(cls, text: bytes) -> Kept:
        document = json.loads(text)
        return cls(
            {name: KeptFile(**file) for name, file in document["files"].items()},
            {int(number): PartNames(**part) for number, part in document["parts"].items()},
            Counter({tuple(key): count for *key, count in document["counts"]}),
            document["tokens"],
            document["rejects"],
        )


class PartStore:
    """The folder of what is kept for one kind of settings, code and number of parts."""

    def __init__(self, folder: str, settings: Settings, parts: int) -> None:
        of_vocabulary = {"vocabulary", "vocabulary_size"}
        tokens = settings.features.tokens.model_dump(mode="json", exclude=of_vocabulary)
        shaped = fingerprint(
            tokens,
            settings.features.ngrams,
            settings.split,
            {"parts": parts, "entries": entry_fingerprint(settings)},
        )
        self.folder = f"{folder}/{shaped}"

    def current(self) -> Kept:
        """Return what is kept; nothing where nothing is, or where it is damaged."""
        content = without_digest(f"{self.folder}/{CURRENT}")
        return Kept() if content is None else Kept.from_json(content.to_pybytes())

    def make_current(self, kept: Kept) -> None:
        """Let `kept` be what the next run finds; what is no longer in it goes."""
        before = self.current()
        text = kept.to_json().encode()
        storage.write_bytes(f"{self.folder}/{CURRENT}", with_digest(memoryview(text)))
        for name in before.names - kept.names:
            storage.remove_tree(f"{self.folder}/{name}")

    def load_part(self, names: PartNames) -> TitlePart:
        return TitlePart(*self._get(names.part, 2))

    def load_with_rows(self, names: PartNames | None) -> tuple[TitlePart, pa.RecordBatch]:
        """Return a part and its rows; of no names an empty one."""
        if names is None:
            return empty_part()
        return self.load_part(names), *self._get(names.rows, 1)

    def load_seen(self, names: PartNames) -> bytes:
        (seen,) = self._get(names.seen, 1)
        bits: bytes = seen.column("seen")[0].as_py()
        return bits

    def save_part(
        self, number: int, part: TitlePart, rows: pa.RecordBatch, seen: bytes
    ) -> PartNames:
        bits = pa.RecordBatch.from_arrays([pa.array([seen], pa.binary())], schema=_SEEN)
        return PartNames(
            self._put(f"part-{number:05d}", part.titles, part.dictionary),
            self._put(f"rows-{number:05d}", rows),
            self._put(f"seen-{number:05d}", bits),
        )

    def load_tokens(self, name: str) -> pa.RecordBatch:
        return self._get(name, 1)[0] if name else no_counts()

    def save_tokens(self, counts: pa.RecordBatch) -> str:
        return self._put("tokens", counts)

    def load_rejects(self, name: str) -> pa.RecordBatch:
        return self._get(name, 1)[0] if name else pa.RecordBatch.from_pylist([], KEPT_REJECTS)

    def save_rejects(self, rejects: pa.RecordBatch) -> str:
        return self._put("rejects", rejects)

    def _put(self, kind: str, *batches: pa.RecordBatch) -> str:
        content = with_digest(memoryview(pack_batches(batches)))
        name = f"{kind}-{content[:_NAME_BYTES].hex()}"
        storage.write_bytes(f"{self.folder}/{name}", content)
        return name

    def _get(self, name: str, count: int) -> list[pa.RecordBatch]:
        content = without_digest(f"{self.folder}/{name}")
        if content is None:
            raise DamagedCache(name)
        return unpack_batches(content, count)


def pack_batches(batches: Sequence[pa.RecordBatch]) -> pa.Buffer:
    """Return the bytes of batches, an Arrow stream each."""
    content = io.BytesIO()
    for batch in batches:
        with pa.ipc.new_stream(content, batch.schema, options=_WRITE) as writer:
            writer.write_batch(batch)
    return pa.py_buffer(content.getbuffer())


def unpack_batches(content: pa.Buffer | bytes, count: int) -> list[pa.RecordBatch]:
    """Return the batches that `pack_batches` packed."""
    source = pa.BufferReader(content)
    found = []
    for _ in range(count):
        (batch,) = pa.ipc.open_stream(source, options=_READ)
        found.append(batch)
    return found
