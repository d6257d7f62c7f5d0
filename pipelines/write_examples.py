"""The door for examples: a part's titles are labelled, serialised and written as shards."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import pyarrow as pa

from configs.settings import Settings
from pipelines.progress import ProgressLog
from pipelines.shards import ShardFiles, label_rules
from transforms.categories import Taxonomy
from transforms.examples import labels_of, serialise_features
from transforms.key_blocks import key_blocks
from transforms.label_counts import LabelRules
from transforms.overlap import OverlappedDoFn
from transforms.seen_ngrams import seen_bits
from transforms.titles import split_of
from transforms.tokens import NGRAMS

SEEN = "seen"


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
        self._rules = label_rules(settings)
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
        part = titles.column("part").flatten()[0].as_py()
        labels = labels_of(titles, taxonomy, self._rules)
        files = ShardFiles(self._folder, part, self._of, self._compression_level)
        for block in key_blocks(titles.column("key").flatten().to_numpy()):
            features = serialise_features(titles.slice(block.begin, block.rows), self._rules)
            files.add(block.number, labels.shards(features, block.begin))
        files.write()
        self._log.add("titles written", titles.num_rows)
        seen = beam.pvalue.TaggedOutput(SEEN, self._seen(titles))
        return [labels.counts(), seen]

    def _seen(self, titles: pa.RecordBatch) -> bytes:
        split = split_of(titles.column("key").flatten().to_numpy(), self._rules.shares)
        return seen_bits(titles.column(NGRAMS).filter(pa.array(split == 0)), self._buckets)
