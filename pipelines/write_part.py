"""Write the shards of a part that is kept: its tokens get their ids, its titles their labels.

Where that would give what an earlier run gave, its shards are taken.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

import pyarrow as pa

from configs.loading import fingerprint
from configs.settings import Settings
from pipelines.kept_parts import PartNames, PartStore, pack_batches
from pipelines.kept_shards import KeptShards
from pipelines.progress import ProgressLog
from pipelines.shards import SLICE_ROWS, ShardFiles, label_rules
from transforms.categories import Taxonomy
from transforms.example_bytes import bytes_feature, int64_feature, join_rows, packed_feature
from transforms.examples import TitleLabels
from transforms.title_parts import TitlePart, token_ids
from transforms.tokens import NGRAMS, TOKENS


class PartWriter:
    """Writes parts as `WriteExamples` does, whose `tokens` and `ngrams` need not be made."""

    def __init__(
        self,
        settings: Settings,
        store: PartStore,
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
        self._shards, self._made_with = shards, self._what_all_hang_on()

    def __call__(self, numbered: tuple[int, PartNames]) -> tuple[Counter, bytes]:
        """Write the shards of a part; return what its labels count, and its n-grams' bits."""
        number, names = numbered
        counts = self._shards.take(number, self._made_of(names), self._folder)
        if counts is None:
            counts = self._write(number, names)
        self._log.add("titles written", counts[("labelled",)])
        return counts, self._store.load_seen(names)

    def in_order(self, parts: Mapping[int, PartNames]) -> list[tuple[int, PartNames]]:
        """Return the parts in the order in which they are best begun: those to be written first."""
        return sorted(
            parts.items(), key=lambda part: self._shards.has(part[0], self._made_of(part[1]))
        )

    def _made_of(self, names: PartNames) -> str:
        return f"{names.part}-{self._made_with}"

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
        for begin in range(0, titles.num_rows, SLICE_ROWS):
            here = titles.slice(begin, SLICE_ROWS)
            features = _features(here, ids.slice(begin, SLICE_ROWS))
            files.add(labels.shards(features, begin))
        counts = labels.counts()
        self._shards.keep(number, self._made_of(names), self._folder, files.write(), counts)
        return counts


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
