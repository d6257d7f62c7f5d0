"""Write the shards of a part that is kept: its tokens get their ids, its titles their labels.

Where that would give what an earlier run gave, its shards are taken, or of a part that was changed
the blocks in which nothing was.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict

import numpy as np
import pyarrow as pa

from configs.loading import fingerprint
from configs.settings import Settings
from pipelines.kept_parts import Kept, PartNames, PartStore, pack_batches
from pipelines.kept_shards import KeptShards
from pipelines.progress import ProgressLog
from pipelines.shards import ShardFiles, label_rules
from transforms.categories import Taxonomy
from transforms.example_bytes import bytes_feature, int64_feature, join_rows, packed_feature
from transforms.examples import TitleLabels
from transforms.gzip_bytes import GzipBlock
from transforms.key_blocks import block_count, block_of, key_blocks
from transforms.title_parts import TitlePart, token_ids
from transforms.tokens import NGRAMS, TOKENS


class PartWriter:
    """Writes parts as `WriteExamples` does, whose `tokens` and `ngrams` need not be made."""

    def __init__(
        self,
        settings: Settings,
        store: PartStore,
        kept: Kept,
        shards: KeptShards,
        vocabulary: pa.Array,
        taxonomy: Taxonomy,
        parts: int,
        work: str,
        log: ProgressLog,
    ) -> None:
        self._rules, self._taxonomy = label_rules(settings), taxonomy
        self._store, self._vocabulary = store, vocabulary
        self._level = settings.preprocess.compression_level
        self._of, self._folder, self._log = parts, f"{work}/tfrecords", log
        self._shards, self._kept = shards, kept
        self._made_with = self._what_all_hang_on()

    def __call__(self, numbered: tuple[int, PartNames]) -> tuple[Counter, bytes]:
        """Write the shards of a part; return what its labels count, and its n-grams' bits."""
        number, names = numbered
        counts = self._shards.take(number, self._made_of(names.part), self._folder)
        if counts is None:
            counts = self._write(number, names)
        self._log.add("titles written", counts[("labelled",)])
        return counts, self._store.load_seen(names)

    def in_order(self) -> list[tuple[int, PartNames]]:
        """Return the parts in the order in which they are best begun: those to be written first."""
        return sorted(
            self._kept.parts.items(),
            key=lambda part: self._shards.has(part[0], self._made_of(part[1].part)),
        )

    def _made_of(self, part: str) -> str:
        return f"{part}-{self._made_with}"

    def _what_all_hang_on(self) -> str:
        """Fingerprint whatever all shards hang on beside their own part."""
        tokens = pack_batches([pa.record_batch([self._vocabulary], ["token"])])
        return fingerprint(
            hashlib.sha256(tokens).hexdigest(),
            self._taxonomy.to_json(),
            {"rules": asdict(self._rules), "level": self._level},
        )

    def _write(self, number: int, names: PartNames) -> Counter:
        part = self._store.load_part(names)
        ids = _ids(part, self._vocabulary)
        files = ShardFiles(self._folder, number, self._of, self._level)
        titles = part.titles
        keys, categories = titles.column("key").to_numpy(), titles.column("categories")
        labels = TitleLabels(keys, categories, self._taxonomy, self._rules)
        cut_into = block_count(len(keys))
        unchanged = self._unchanged(number, cut_into)
        for block in key_blocks(keys):
            if block.number in unchanged:
                files.take(block.number, unchanged[block.number])
                continue
            here = titles.slice(block.begin, block.rows)
            features = _features(here, ids.slice(block.begin, block.rows))
            files.add(block.number, labels.shards(features, block.begin))
        counts = labels.counts()
        self._shards.keep(number, self._made_of(names.part), files, cut_into, counts)
        return counts

    def _unchanged(self, number: int, cut_into: int) -> dict[int, dict[str, GzipBlock]]:
        """Return the blocks of a part in which no title was changed, as they were written."""
        changed = self._kept.changed.get(number)
        if changed is None:
            return {}
        blocks = self._shards.blocks(number, self._made_of(changed.part), cut_into)
        for block in np.unique(block_of(changed.keys, cut_into)).tolist():
            blocks.pop(block, None)
        return blocks


def _ids(part: TitlePart, vocabulary: pa.Array) -> pa.ListArray:
    """Return the ids of each title's tokens, lists int64 [n, (m)]."""
    tokens = part.titles.column(TOKENS)
    ids = token_ids(part, vocabulary)[tokens.values.to_numpy()]
    return pa.ListArray.from_arrays(tokens.offsets, pa.array(ids))


def _features(titles: pa.RecordBatch, ids: pa.ListArray) -> pa.LargeBinaryArray:
    """Return the features of titles as `examples.serialise_features` serialises them, bytes [n]."""
    return join_rows(
        [
            bytes_feature("title", titles.column("text")),
            int64_feature(TOKENS, ids),
            packed_feature(NGRAMS, titles.column(NGRAMS)),
        ]
    )
