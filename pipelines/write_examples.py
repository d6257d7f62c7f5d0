"""The door for examples: a part's titles are labelled, serialised and written as shards."""

from __future__ import annotations

from collections import Counter
from typing import Any

import apache_beam as beam
import pyarrow as pa

from configs.artifacts import shard_name
from configs.columns import outputs_of
from configs.settings import Settings
from pipelines.progress import ProgressLog
from pipelines.shards import TFRecordFile
from transforms.categories import Taxonomy
from transforms.examples import LabelRules, Shard, make_shards
from transforms.features import NGRAMS
from transforms.overlap import OverlappedDoFn
from transforms.seen_ngrams import seen_bits
from transforms.titles import split_of

SEEN = "seen"
_SLICE_ROWS = 8192


class WriteExamples(beam.PTransform):
    """Label the titles and write a shard per objective and split; gives counters.

    The output `seen` gives for each part which n-grams its training titles have.
    """

    def __init__(
        self,
        settings: Settings,
        shards: int,
        taxonomy: beam.PCollection,
        folder: str,
        log: ProgressLog,
    ) -> None:
        super().__init__()
        split, exclusive = settings.split, settings.objectives.exclusive
        self._rules = LabelRules(
            exclusive.level,
            exclusive.conflicts,
            settings.objectives.rule_based,
            (split.train, split.valid, split.test),
            tuple(outputs_of(settings.features.columns)),
        )
        self._taxonomy, self._folder, self._log = taxonomy, folder, log
        self._of = shards
        self._compression_level = settings.preprocess.compression_level
        self._buckets = settings.features.ngrams.buckets

    def expand(self, titles: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        write = _WriteShards(
            self._rules, self._folder, self._of, self._compression_level, self._log, self._buckets
        )
        taxonomy = beam.pvalue.AsSingleton(self._taxonomy)
        return titles | "Write shards" >> beam.ParDo(write, taxonomy).with_outputs(
            SEEN, main="counts"
        )


class _WriteShards(OverlappedDoFn):
    def __init__(
        self,
        rules: LabelRules,
        folder: str,
        of: int,
        compression_level: int,
        log: ProgressLog,
        buckets: int,
    ) -> None:
        self._rules, self._folder, self._of = rules, folder, of
        self._compression_level, self._log = compression_level, log
        self._buckets = buckets

    def work(self, titles: pa.RecordBatch, taxonomy: Taxonomy) -> list[Any]:
        """Go through the part in slices: memory that stays small is used over and over."""
        part = titles.column("part").flatten()[0].as_py()
        counts: Counter = Counter()
        files: dict[str, TFRecordFile] = {}
        for begin in range(0, titles.num_rows, _SLICE_ROWS):
            shards, found = make_shards(titles.slice(begin, _SLICE_ROWS), taxonomy, self._rules)
            counts.update(found)
            for shard in shards:
                if len(shard.examples):
                    self._file(files, shard, part).add(shard.examples)
        for file in files.values():
            file.write()
        self._log.add("titles written", titles.num_rows)
        seen = beam.pvalue.TaggedOutput(SEEN, self._seen(titles))
        return [counts, seen]

    def _seen(self, titles: pa.RecordBatch) -> bytes:
        split = split_of(titles.column("key").flatten().to_numpy(), self._rules.shares)
        return seen_bits(titles.column(NGRAMS).filter(pa.array(split == 0)), self._buckets)

    def _file(self, files: dict[str, TFRecordFile], shard: Shard, part: int) -> TFRecordFile:
        name = shard_name(shard.objective, shard.split, part, self._of)
        if name not in files:
            files[name] = TFRecordFile(f"{self._folder}/{name}", self._compression_level)
        return files[name]
