"""Optimisers for tables of which a step touches few rows."""

from __future__ import annotations

import keras
import tensorflow as tf

_EPSILON = 1e-20


class RowWiseAdagrad(keras.optimizers.Optimizer):
    """Adagrad with one accumulator a row for what is looked up, one a number for the rest.

    Only the rows that a batch looked up are read and written: a step costs the same whatever the
    size of the table. `learning_rate` (a number or a schedule) is for dense variables,
    `row_learning_rate` for looked-up rows. A row's accumulator is the sum over steps of its
    gradient's mean square, so that steps fall as its evidence grows, and a factor to all gradients
    changes none. A table of half precision is stepped in float32. `rows_are_distinct` promises that
    no row is looked up twice in a step, which saves looking for repeats.

    After Duchi et al. 2011; row-wise as in Naumov et al. 2019, https://arxiv.org/abs/1906.00091,
    section 4.1.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
        *,
        row_learning_rate: float,
        rows_are_distinct: bool = False,
        name: str = "row_wise_adagrad",
    ) -> None:
        super().__init__(learning_rate=learning_rate, name=name)
        self.row_learning_rate = row_learning_rate
        self.rows_are_distinct = rows_are_distinct

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        super().build(variables)
        self._sums = [
            self.add_variable(
                shape=(v.shape[0], 1) if _is_table(v) else v.shape, dtype="float32", name="sum"
            )
            for v in variables
        ]

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: keras.Variable,
        learning_rate: tf.Tensor,
    ) -> None:
        sums = self._sums[self._get_variable_index(variable)]
        if isinstance(gradient, tf.IndexedSlices):
            self._update_rows(gradient, variable, sums)
            return
        total = sums.value + tf.square(gradient)
        self.assign(sums, total)
        self.assign_sub(variable, learning_rate * gradient * tf.math.rsqrt(total + _EPSILON))

    def _update_rows(
        self, gradient: tf.IndexedSlices, variable: keras.Variable, sums: keras.Variable
    ) -> None:
        rows, slope = gradient.indices, tf.cast(gradient.values, tf.float32)
        if not self.rows_are_distinct or _several_devices():
            rows, slope = _each_once(rows, slope)
        total = tf.gather(sums.value, rows) + tf.reduce_mean(
            tf.square(slope), axis=1, keepdims=True
        )
        step = self.row_learning_rate * slope * tf.math.rsqrt(total + _EPSILON)
        _native(sums).scatter_update(tf.IndexedSlices(total, rows))
        # Reading the rows again and writing them is faster than `scatter_sub`, which adds row by
        # row for the case that one comes twice.
        table = _native(variable)
        moved = tf.cast(tf.gather(table, rows), tf.float32) - step
        table.scatter_update(tf.IndexedSlices(tf.cast(moved, table.dtype), rows))

    def get_config(self) -> dict[str, object]:
        own = {
            "row_learning_rate": self.row_learning_rate,
            "rows_are_distinct": self.rows_are_distinct,
        }
        return {**super().get_config(), **own}


class Adam(keras.optimizers.Adam):
    """Keras's Adam, which steps a table by what all devices found of a row together.

    Keras squares what each of them found, as if it were of as many rows.
    """

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: keras.Variable,
        learning_rate: tf.Tensor,
    ) -> None:
        known = self._trainable_variables[self._get_variable_index(variable)]
        if isinstance(gradient, tf.IndexedSlices) and _several_devices() and _is_table(known):
            rows, slope = _each_once(gradient.indices, gradient.values)
            gradient = tf.IndexedSlices(slope, rows, gradient.dense_shape)
        super().update_step(gradient, variable, learning_rate)


def _several_devices() -> bool:
    return tf.distribute.get_strategy().num_replicas_in_sync > 1


def _each_once(rows: tf.Tensor, slope: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return each row once, with the sum of its gradients."""
    distinct, position = tf.unique(rows)
    return distinct, tf.math.unsorted_segment_sum(slope, position, tf.size(distinct))


def _native(variable: keras.Variable | tf.Variable) -> tf.Variable:
    """Return TensorFlow's variable: with several devices Keras hands out that one."""
    return variable.value if isinstance(variable, keras.Variable) else variable


def _is_table(variable: keras.Variable) -> bool:
    return variable.path.endswith(("/table", "/weight"))
