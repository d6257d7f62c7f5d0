"""What preprocessing learns of all titles: the tree of categories and the transform function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apache_beam as beam
import pyarrow as pa
import tensorflow_transform.beam as tft_beam

from configs.settings import Settings
from pipelines.statistics import level_rules
from transforms.categories import taxonomy_of_counts
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
        self._separator, self._rules = settings.categories.separator, level_rules(settings)

    def expand(self, counters: beam.PCollection) -> beam.PCollection:
        return (
            counters
            | "Add up" >> beam.CombineGlobally(AddCounters())
            | "Build the tree" >> beam.Map(taxonomy_of_counts, self._separator, self._rules)
        )


class MakeFeatures(beam.PTransform):
    """Learn the transform function from the vocabulary, write it, and apply it to the titles.

    Takes pairs of a part and a batch of `titles.DISTINCT`, and the one batch of `TOKEN_COUNTS`.
    Gives one batch a part: `title`, `key`, `part`, `categories`, `tokens`, `ngrams`, all lists.
    """

    def __init__(self, settings: Settings, folder: str, temporary: str) -> None:
        super().__init__()
        self._folder, self._temporary = folder, temporary
        self._preprocessing_fn = preprocessing_fn_of(settings)
        self._columns, self._split = settings.features.columns, settings.split

    def expand(self, inputs: tuple[beam.PCollection, beam.PCollection]) -> beam.PCollection:
        titles, vocabulary = inputs
        with tft_beam.Context(temp_dir=self._temporary, passthrough_keys=set(ALONG)):
            tokens = vocabulary | "Rank the tokens" >> beam.Map(_ranked)
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


class LearnTransform(beam.PTransform):
    """Learn the transform function from the vocabulary alone, and write it."""

    def __init__(self, settings: Settings, folder: str, temporary: str) -> None:
        super().__init__()
        self._folder, self._temporary = folder, temporary
        self._preprocessing_fn = preprocessing_fn_of(settings)

    def expand(self, vocabulary: beam.PCollection) -> beam.PCollection:
        with tft_beam.Context(temp_dir=self._temporary):
            tokens = vocabulary | "Rank the tokens" >> beam.Map(_ranked)
            transform_fn = (tokens, input_config()) | "Learn" >> (
                tft_beam.AnalyzeDataset(self._preprocessing_fn)
            )
            return transform_fn | "Write" >> tft_beam.WriteTransformFn(self._folder)


def preprocessing_fn_of(settings: Settings) -> Callable[..., dict[str, Any]]:
    """Return the function that tf.Transform traces."""
    features = settings.features
    return make_preprocessing_fn(
        vocabulary_size=features.tokens.vocabulary_size,
        length=features.tokens.length,
        strip=features.tokens.strip,
        separate=features.tokens.separate,
        sizes=features.ngrams.sizes,
        character_sizes=features.ngrams.character_sizes or (),
        buckets=features.ngrams.buckets,
        columns=features.columns,
        clean=cleaning_of(settings.text),
    )


def _ranked(counts: pa.RecordBatch) -> pa.RecordBatch:
    return vocabulary_batch(counts.column("token"))
