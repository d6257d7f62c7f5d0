"""Bring what is kept of all parts to the state of the files."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from aisle.quiet import import_tensorflow
from configs.settings import Settings
from pipelines import storage
from pipelines.category_files import CategoryFile
from pipelines.cleaned_files import FileCleaner, entry_names
from pipelines.file_changes import FileChanges, FindChanges, PartChanges, rows_at
from pipelines.kept_parts import ChangedTitles, Kept, PartNames, PartStore
from pipelines.progress import ProgressLog
from pipelines.spill import Spill
from transforms.machine import on_threads
from transforms.title_parts import ChangedPart, add_counts, change_part, no_counts
from transforms.titles import of_training


def change_parts(
    before: Kept,
    files: Sequence[CategoryFile],
    settings: Settings,
    cleaned: str,
    store: PartStore,
    parts: int,
    work: str,
    log: ProgressLog,
) -> Kept:
    """Return what is to be kept now, which is in the store then; `cleaned` holds the entries."""
    entries = entry_names(files, settings)
    if _same(before, files, entries):
        return before
    import_tensorflow(with_keras=False)
    with _spill(settings, work) as spill:
        find = FindChanges(FileCleaner.of(settings, cleaned), parts, spill, log)
        changes = find(before, files, entries)
        kept = _changed(before, changes, _ChangePart(before, changes, settings, store, spill))
    kept.rejects = store.save_rejects(_rejects(before, changes, store))
    store.make_current(kept)
    return kept


def _same(before: Kept, files: Sequence[CategoryFile], entries: Sequence[str]) -> bool:
    kept = [(path, file.entry) for path, file in before.files.items()]
    return kept == [(file.relative, name) for file, name in zip(files, entries, strict=True)]


@contextlib.contextmanager
def _spill(settings: Settings, work: str) -> Iterator[Spill]:
    folder = tempfile.gettempdir() if storage.is_remote(work) else work
    spill = Spill(folder, settings.pipeline.mebibytes_in_memory << 20)
    try:
        yield spill
    finally:
        spill.close()


@dataclass(frozen=True)
class _Done:
    """A part that was changed: where it is now, if titles are left, and what grew by how much."""

    number: int
    names: PartNames | None
    keys: np.ndarray
    counts: Counter
    gone: pa.RecordBatch
    came: pa.RecordBatch


class _ChangePart:
    """Changes one part in the store."""

    def __init__(
        self,
        before: Kept,
        changes: FileChanges,
        settings: Settings,
        store: PartStore,
        spill: Spill,
    ) -> None:
        self._before, self._order = before, changes.order()
        self._tokens, self._ngrams = settings.features.tokens, settings.features.ngrams
        self._split, self.store, self._spill = settings.split, store, spill

    def __call__(self, numbered: tuple[int, PartChanges]) -> _Done:
        from transforms.graphs import title_features

        number, changes = numbered
        part, rows = self.store.load_with_rows(self._before.parts.get(number))
        changed = change_part(
            part,
            rows,
            rows_at(changes.gone, self._spill),
            rows_at(changes.came, self._spill),
            self._order,
            lambda titles: title_features(titles, self._tokens, self._ngrams, self._split),
        )
        return _Done(
            number,
            self._save(number, changed),
            changed.keys,
            changed.counts,
            self._counted(changed.gone),
            changed.came,
        )

    def _save(self, number: int, changed: ChangedPart) -> PartNames | None:
        if not changed.part.titles.num_rows:
            return None
        names = self._before.parts.get(number)
        before = b"" if names is None else self.store.load_seen(names)
        seen = changed.seen(before, self._split, self._ngrams.buckets)
        return self.store.save_part(number, changed.part, changed.rows, seen)

    def _counted(self, titles: pa.RecordBatch) -> pa.RecordBatch:
        from transforms.graphs import unique_tokens

        texts = of_training(titles, self._split).column("text")
        if not len(texts):
            return no_counts()
        return unique_tokens(texts, self._tokens.strip, self._tokens.separate)


def _changed(before: Kept, changes: FileChanges, change: _ChangePart) -> Kept:
    parts, counts = dict(before.parts), Counter(before.counts)
    gone, came, titles = [], [], {}
    for done in on_threads(change, sorted(changes.parts.items())):
        parts.pop(done.number, None)
        if done.names is not None:
            parts[done.number] = done.names
            if done.number in before.parts:
                titles[done.number] = ChangedTitles(before.parts[done.number].part, done.keys)
        counts.update(done.counts)
        gone.append(done.gone)
        came.append(done.came)
    tokens = add_counts(change.store.load_tokens(before.tokens), gone, came)
    left = Counter({key: count for key, count in counts.items() if count})
    return Kept(changes.files, parts, left, change.store.save_tokens(tokens), changed=titles)


def _rejects(before: Kept, changes: FileChanges, store: PartStore) -> pa.RecordBatch:
    """Return the rejects of all files: of those that did not change, the ones that were kept."""
    kept = store.load_rejects(before.rejects)
    changed = [before.files[path].number for path in changes.changed if path in before.files]
    stale = np.isin(kept.column("file").to_numpy(), changed)
    return pa.concat_batches([kept.filter(pc.invert(pa.array(stale))), *changes.rejects])
