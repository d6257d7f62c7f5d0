"""Which rows came and went since the last run: those of files that changed, cut into parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.category_files import CategoryFile
from pipelines.cleaned_files import CleanedFile, FileCleaner, with_file
from pipelines.kept_parts import (
    KEPT_REJECTS,
    DamagedCache,
    Kept,
    KeptFile,
    pack_batches,
    unpack_batches,
)
from pipelines.progress import ProgressLog
from pipelines.spill import Spill
from transforms.machine import cores, on_threads
from transforms.titles import CLEANED, cut_by_key

_TASKS_PER_CORE = 16


@dataclass
class PartChanges:
    """Where the rows of `CLEANED` lie that went from a part, and those that came."""

    gone: list[bytes] = field(default_factory=list)
    came: list[bytes] = field(default_factory=list)


@dataclass
class FileChanges:
    """The files by path as they are now, which of them changed or went, and what that changes.

    `rejects` are those of the files that changed or came, as `KEPT_REJECTS`.
    """

    files: dict[str, KeptFile] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    parts: dict[int, PartChanges] = field(default_factory=dict)
    rejects: list[pa.RecordBatch] = field(default_factory=list)

    def order(self) -> np.ndarray:
        """Return for each number of a file its place among the files by path."""
        numbers = [file.number for file in self.files.values()]
        order = np.zeros(max(numbers, default=0) + 1, np.int64)
        order[numbers] = np.arange(len(numbers))
        return order


@dataclass(frozen=True)
class _Change:
    """A file as it was kept, if it was, and as it is now, if it is there; one number for both."""

    path: str
    number: int
    before: KeptFile | None
    file: CategoryFile | None = None
    entry: str = ""


class FindChanges:
    """Compares the files, and the names of their entries, with those that were kept."""

    def __init__(self, cleaner: FileCleaner, parts: int, spill: Spill, log: ProgressLog) -> None:
        self._cleaner, self._parts, self._spill, self._log = cleaner, parts, spill, log

    def __call__(
        self, kept: Kept, files: Sequence[CategoryFile], entries: Sequence[str]
    ) -> FileChanges:
        changes, unchanged = _compare(kept, files, entries)
        self._log.add("records known", sum(file.read for file in unchanged.values()))
        found = FileChanges(changed=[change.path for change in changes])
        read = dict(unchanged)
        at_once = max(1, len(changes) // (cores() * _TASKS_PER_CORE))
        tasks = [changes[n : n + at_once] for n in range(0, len(changes), at_once)]
        for made, rejects, pieces in on_threads(self._take, tasks):
            read.update(made)
            found.rejects += rejects
            for part, (gone, came) in pieces.items():
                of_part = found.parts.setdefault(part, PartChanges())
                of_part.gone += gone
                of_part.came += came
        found.files = {file.relative: read[file.relative] for file in files}
        return found

    def _take(
        self, changes: Sequence[_Change]
    ) -> tuple[dict[str, KeptFile], list[pa.RecordBatch], dict[int, _Pieces]]:
        """Return the files as they are kept now, their rejects, and the rows for each part."""
        files, rejects, rows = {}, [], []
        for change in changes:
            new = self._now(change)
            if change.file is not None:
                files[change.path] = KeptFile(change.number, change.entry, new.read)
            rejects += [_numbered(batch, change.number) for batch in new.rejects]
            before = _rows(self._before(change), change.number)
            rows.append(changed_rows(before, _rows(new, change.number)))
        gone, came = (pa.concat_batches(batches) for batches in zip(*rows, strict=True))
        pieces: dict[int, _Pieces] = {}
        for kind, batch in enumerate((gone, came)):
            for part, piece in cut_by_key(batch, self._parts):
                reference = self._spill.put(pack_batches([piece]).to_pybytes())
                pieces.setdefault(part, ([], []))[kind].append(reference)
        return files, rejects, pieces

    def _now(self, change: _Change) -> CleanedFile:
        if change.file is None:
            return CleanedFile()
        new = self._cleaner.take(change.file, change.entry)
        self._log.add("records read", new.records)
        return new

    def _before(self, change: _Change) -> CleanedFile:
        if change.before is None:
            return CleanedFile()
        old = self._cleaner.known(change.before.entry)
        if old is None:
            raise DamagedCache(change.before.entry)
        return old


_Pieces = tuple[list[bytes], list[bytes]]


def rows_at(references: Sequence[bytes], spill: Spill) -> pa.RecordBatch:
    """Return the rows of `CLEANED` that lie there, in one batch."""
    return _one_batch([unpack_batches(spill.get(at), 1)[0] for at in references])


def _compare(
    kept: Kept, files: Sequence[CategoryFile], entries: Sequence[str]
) -> tuple[list[_Change], dict[str, KeptFile]]:
    """Return what changed, and the files that did not."""
    free = 1 + max((file.number for file in kept.files.values()), default=-1)
    gone = dict(kept.files)
    changes: list[_Change] = []
    unchanged = {}
    for file, entry in zip(files, entries, strict=True):
        before = gone.pop(file.relative, None)
        if before is not None and before.entry == entry:
            unchanged[file.relative] = before
            continue
        number = free + len(changes) if before is None else before.number
        changes.append(_Change(file.relative, number, before, file, entry))
    changes += [_Change(path, file.number, file) for path, file in gone.items()]
    return changes, unchanged


def _numbered(rejects: pa.RecordBatch, number: int) -> pa.RecordBatch:
    numbers = pa.array([number] * rejects.num_rows, pa.int32())
    return pa.RecordBatch.from_arrays([*rejects.columns, numbers], schema=KEPT_REJECTS)


def _rows(file: CleanedFile, number: int) -> pa.RecordBatch:
    return _one_batch([with_file(batch, number) for batch in file.titles])


def _one_batch(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    nothing = pa.RecordBatch.from_arrays([pa.array([], f.type) for f in CLEANED], schema=CLEANED)
    return pa.concat_batches([nothing, *batches])


def changed_rows(
    before: pa.RecordBatch, now: pa.RecordBatch
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Return the rows of a file that went and those that came; of what stayed, none."""
    old, new = (batch.column("line").to_numpy() for batch in (before, now))
    if any(len(np.unique(lines)) < len(lines) for lines in (old, new)):
        return before, now  # several records of a line: no telling which is which
    _, *places = np.intersect1d(old, new, assume_unique=True, return_indices=True)
    rows = [b.take(pa.array(p)) for b, p in zip((before, now), places, strict=True)]
    same = np.ones(rows[0].num_rows, bool)
    for name in ("key", "category", "text"):
        same &= pc.equal(*(b.column(name) for b in rows)).to_numpy(zero_copy_only=False)
    kept = [np.ones(batch.num_rows, bool) for batch in (before, now)]
    for mask, place in zip(kept, places, strict=True):
        mask[place[same]] = False
    gone, came = (b.filter(pa.array(mask)) for b, mask in zip((before, now), kept, strict=True))
    return gone, came
