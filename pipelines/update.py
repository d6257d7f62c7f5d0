"""Preprocessing on one machine that applies changes of files to what earlier runs kept.

Where nothing is kept, all files have changed. What holds for one part alone runs on a thread a
core; its functions are those of the Beam pipeline, and so are the bytes that come out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from configs.artifacts import RunArtifacts
from configs.settings import Settings
from pipelines.category_files import CategoryFile
from pipelines.change_parts import change_parts
from pipelines.kept_parts import DamagedCache, Kept, PartStore
from pipelines.kept_shards import KeptShards
from pipelines.kept_transform import write_transform
from pipelines.progress import ProgressLog
from pipelines.rejects import by_source, count_reasons, write_rejects
from pipelines.statistics import level_rules, write_seen_ngrams, write_statistics
from pipelines.vocabulary import vocabulary_of
from pipelines.write_part import PartWriter
from transforms.categories import taxonomy_of_counts
from transforms.machine import on_threads
from transforms.seen_ngrams import merge_seen


def update(
    settings: Settings,
    artifacts: RunArtifacts,
    files: Sequence[CategoryFile],
    shards: int,
    work: str,
    log: ProgressLog,
) -> None:
    """Make everything below `work`, and keep what the next run needs."""
    store = PartStore(artifacts.kept_parts, settings, shards)
    before, written = store.current(), KeptShards(store.folder)
    while True:
        try:
            kept = change_parts(
                before, files, settings, artifacts.cleaned_files, store, shards, work, log
            )
            _write(kept, settings, artifacts.kept_parts, store, written, shards, work, log)
            return
        except DamagedCache:
            if not before.files:
                raise
            before = Kept()  # all anew


def _write(
    kept: Kept,
    settings: Settings,
    cache: str,
    store: PartStore,
    written: KeptShards,
    shards: int,
    work: str,
    log: ProgressLog,
) -> None:
    """Write examples, transform function, statistics and rejects of what is kept."""
    vocabulary = vocabulary_of(store.load_tokens(kept.tokens), settings.features.tokens)
    categories = settings.categories
    taxonomy = taxonomy_of_counts(kept.counts, categories.separator, level_rules(settings))
    tokens = vocabulary.column("token")
    write = PartWriter(settings, store, kept, written, tokens, taxonomy, shards, work, log)
    parts = on_threads(write, write.in_order())
    write_transform(vocabulary, settings, work, cache)
    counts = kept.counts + _count_rejects(kept, store, shards, work)
    counts[("read",)] = sum(file.read for file in kept.files.values())
    seen = b""
    for found, bits in parts:
        counts.update(found)
        seen = merge_seen(seen, bits)
    written.make_current()
    write_seen_ngrams(seen, folder=f"{work}/stats")
    level = settings.objectives.exclusive.level
    write_statistics(counts, taxonomy, vocabulary, folder=f"{work}/stats", level=level)


def _count_rejects(kept: Kept, store: PartStore, shards: int, work: str) -> Counter:
    """Write the rejects; return how many there are, by reason."""
    rejects = store.load_rejects(kept.rejects).drop_columns(["file"])
    parts: dict[int, list] = {}
    for part, rows in by_source(rejects, shards):
        parts.setdefault(part, []).append(rows)
    for element in parts.items():
        write_rejects(element, f"{work}/rejected", shards)
    return count_reasons(rejects)
