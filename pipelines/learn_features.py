"""What preprocessing learns of all titles: the tree of categories and the transform function."""

from __future__ import annotations

from collections import Counter

import apache_beam as beam
import pyarrow as pa
import tensorflow_transform.beam as tft_beam

from configs.settings import Settings
from transforms.categories import Taxonomy, make_taxonomy
from transforms.column_steps import AddTrainColumns
from transforms.features import (
    ALONG,
    input_config,
    make_preprocessing_fn,
    part_batch,
    text_config,
    vocabulary_batch,
)
from transforms.graphs import cleaning_of
from transforms.title_steps import AddCounters


class FindTaxonomy(beam.PTransform):
    """Collect the categories that occur in counters into one `Taxonomy`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        levels = settings.categories.levels.items()
        self._separator = settings.categories.separator
        self._rules = {level: (rule.part, rule.min_parts) for level, rule in levels}

    def expand(self, counters: beam.PCollection) -> beam.PCollection:
        return (
            counters
            | "Add up" >> beam.CombineGlobally(AddCounters())
            | "Build the tree" >> beam.Map(_taxonomy_of, self._separator, self._rules)
        )


def _taxonomy_of(counts: Counter, separator: str, rules: dict[str, tuple[int, int]]) -> Taxonomy:
    names = (key[1] for key in counts if key[0] == "category_titles")
    return make_taxonomy(names, separator, rules)


class MakeFeatures(beam.PTransform):
    """Learn the transform function from the vocabulary, write it, and apply it to the titles.

    Takes pairs of a part and a batch of `titles.DISTINCT`, and the one batch of `TOKEN_COUNTS`.
    Gives one batch a part: `title`, `key`, `part`, `categories`, `tokens`, `ngrams`, all lists.
    """

    def __init__(self, settings: Settings, folder: str, temporary: str) -> None:
        super().__init__()
        features = settings.features
        self._folder, self._temporary = folder, temporary
        self._preprocessing_fn = make_preprocessing_fn(
            vocabulary_size=features.tokens.vocabulary_size,
            length=features.tokens.length,
            strip=features.tokens.strip,
            separate=features.tokens.separate,
            sizes=features.ngrams.sizes,
            character_sizes=features.ngrams.character_sizes,
            buckets=features.ngrams.buckets,
            columns=features.columns,
            clean=cleaning_of(settings.text),
        )
        self._columns, self._split = features.columns, settings.split

    def expand(self, inputs: tuple[beam.PCollection, beam.PCollection]) -> beam.PCollection:
        titles, vocabulary = inputs
        with tft_beam.Context(temp_dir=self._temporary, passthrough_keys=set(ALONG)):
            tokens = vocabulary | "Rank the tokens" >> beam.Map(
                lambda counts: vocabulary_batch(counts.column("token"))
            )
            if self._columns:
                tokens = (tokens, titles) | "Add the columns" >> AddTrainColumns(
                    self._columns, self._split
                )
            transform_fn = (tokens, input_config(self._columns)) | "Learn" >> (
                tft_beam.AnalyzeDataset(self._preprocessing_fn)
            )
            transform_fn | "Write the transform function" >> tft_beam.WriteTransformFn(self._folder)
            rows = titles | "Take the texts" >> beam.Map(
                part_batch, list(self._columns)
            ).with_output_types(pa.RecordBatch)
            transformed, _ = ((rows, text_config(self._columns)), transform_fn) | "Apply" >> (
                tft_beam.TransformDataset(output_record_batches=True)
            )
        return transformed | "Take the batch" >> beam.Map(lambda element: element[0])
