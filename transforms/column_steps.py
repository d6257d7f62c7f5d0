"""Bring further columns of the training titles to where tf.Transform learns, as a PTransform."""

from __future__ import annotations

from collections.abc import Mapping

import apache_beam as beam
import pyarrow as pa

from configs.columns import ColumnFeature
from configs.preprocess import SplitSettings
from transforms.features import column_batch, without_columns
from transforms.titles import split_of


class AddTrainColumns(beam.PTransform):
    """Put rows of the training titles' further columns beside the rows of tokens.

    Takes batches of `features.vocabulary_batch`, and pairs of a part and a batch of
    `titles.DISTINCT` with a column a feature. The valid and test parts are not looked at.
    """

    def __init__(self, columns: Mapping[str, ColumnFeature], split: SplitSettings) -> None:
        super().__init__()
        self._columns, self._split = columns, split

    def expand(self, inputs: tuple[beam.PCollection, beam.PCollection]) -> beam.PCollection:
        tokens, titles = inputs
        without = tokens | "Leave room" >> beam.Map(without_columns, self._columns)
        rows = titles | "Take the columns" >> beam.Map(_train_columns, self._columns, self._split)
        return (without, rows) | "Tokens and columns" >> beam.Flatten()


def _train_columns(
    element: tuple[int, pa.RecordBatch], columns: Mapping[str, ColumnFeature], split: SplitSettings
) -> pa.RecordBatch:
    _, titles = element
    parts = split_of(titles.column("key").to_numpy(), (split.train, split.valid, split.test))
    return column_batch(titles.filter(pa.array(parts == 0)), list(columns))
