"""Labels at the level that is trained, from what the examples hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.dataset import CATEGORIES, LABEL
from transforms.categories import NO_LABEL, Taxonomy


class LabelReader:
    """Reads the class of a batch of examples at `level`.

    At the level that preprocessing wrote, it is the example's `label`. At another it is that of
    the title's first category; a title whose category lacks the level counts nothing.
    """

    def __init__(self, taxonomy: Taxonomy, level: str, written_level: str) -> None:
        self.names = taxonomy.levels[level]
        self.features = (LABEL,) if level == written_level else (CATEGORIES,)
        self._of_category = taxonomy.labels_at(level).astype(np.int64)

    def __call__(self, batch: Mapping[str, Any]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return class ids int64 [batch], and 1.0 or 0.0 [batch]: whether the row counts."""
        if self.features == (LABEL,):
            label = batch[LABEL]
            return label, tf.ones_like(label, tf.float32)
        first = batch[CATEGORIES][:, :1].values
        label = tf.gather(tf.constant(self._of_category), first)
        counts = tf.cast(tf.not_equal(label, NO_LABEL), tf.float32)
        return tf.maximum(label, 0), counts

    def stands(self, batch: Mapping[str, Any]) -> tf.RaggedTensor:
        """Return the classes of all categories of each title, ragged int64 [batch, (m)].

        -1 where a category lacks the level; a class may be named twice.
        """
        categories = batch[CATEGORIES]
        return categories.with_values(tf.gather(tf.constant(self._of_category), categories.values))
