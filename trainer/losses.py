"""What the objectives add to plain cross-entropy: soft labels, sums up the tree, sets of labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from transforms.categories import NO_LABEL


def soft_labels(
    label: tf.Tensor,
    rows: np.ndarray,
    *,
    uniform: float,
    categories: float,
    stands: tf.RaggedTensor | None,
) -> tf.Tensor:
    """Return what share of each title belongs to each class, float32 [n, classes]; rows add to 1.

    label: int64 [n]. rows: float32 [classes, classes], the shares that a label has before it is
    smoothed: the unit matrix, or `ordinal_labels`. `uniform` goes to all classes alike,
    `categories` to the classes `stands`, ragged int64 [n, (m)], less the label; -1 is no class. A
    title that stands in no other class keeps that share.
    """
    classes = len(rows)
    shares = tf.gather(tf.constant(rows, tf.float32), label)
    kept = tf.fill([tf.shape(label)[0], 1], 1.0 - uniform)
    if stands is not None and categories:
        others = many_hot(stands, classes) * (1.0 - tf.one_hot(label, classes))
        count = tf.reduce_sum(others, axis=1, keepdims=True)
        given = tf.where(count > 0, categories, 0.0)
        return shares * (kept - given) + others * given / tf.maximum(count, 1.0) + uniform / classes
    return shares * kept + uniform / classes


def many_hot(ids: tf.RaggedTensor, classes: int) -> tf.Tensor:
    """Return 1 where a row names a class, else 0: float32 [n, classes]; ids below 0 name none."""
    named = ids.values >= 0
    places = tf.stack([tf.cast(ids.value_rowids(), tf.int64), ids.values], axis=1)[named]
    size = tf.stack([tf.cast(ids.nrows(), tf.int64), tf.constant(classes, tf.int64)])
    times = tf.scatter_nd(places, tf.ones(tf.shape(places)[:1]), size)
    return tf.ensure_shape(tf.minimum(times, 1.0), [None, classes])


def ordinal_labels(names: Sequence[str], scale: float) -> np.ndarray:
    """Return the shares of each label among ordered classes, float32 [classes, classes].

    A class's share is proportional to `exp(-scale * d * d)`, where d is how many places it is from
    the label: Diaz and Marathe, "Soft Labels for Ordinal Regression", CVPR 2019, equations 1 and 4
    with a squared distance. Rows and columns are in the order of `names`, places in that of
    `ordered`.
    """
    place = np.argsort(ordered(names))
    distance = place[:, None] - place[None, :]
    shares = np.exp(-scale * np.square(distance, dtype=np.float64))
    return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


def ordered(names: Sequence[str]) -> list[int]:
    """Return the positions of class names from the lowest to the highest.

    Where all are numbers they go by value (`9` before `10`), else by name.
    """
    try:
        values: list[float] | list[str] = [float(name) for name in names]
        if not all(math.isfinite(value) for value in values):  # type: ignore[arg-type]  # floats
            values = list(names)
    except ValueError:
        values = list(names)
    return sorted(range(len(names)), key=values.__getitem__)


def log_sums(logits: tf.Tensor, groups: np.ndarray) -> tf.Tensor:
    """Return the logarithm of each group's summed probability: [n, classes] to [n, groups].

    groups: int64 [classes], the group of each class, -1 for none; no group is empty.
    """
    count = int(groups.max()) + 1
    columns = tf.transpose(logits)
    high = tf.stop_gradient(tf.math.unsorted_segment_max(columns, groups, count))
    shifted = columns - tf.gather(high, np.maximum(groups, 0))
    # a class of no group is shifted by another's: its difference must not overflow
    total = tf.math.unsorted_segment_sum(tf.exp(tf.minimum(shifted, 0.0)), groups, count)
    sums = tf.transpose(tf.math.log(total) + high)
    return sums - tf.reduce_logsumexp(logits, axis=1, keepdims=True)


def sum_up(shares: tf.Tensor, groups: np.ndarray) -> tf.Tensor:
    """Return the sum of shares in each group: [n, classes] to [n, groups]; group -1 is left out."""
    count = int(groups.max()) + 1
    return tf.transpose(tf.math.unsorted_segment_sum(tf.transpose(shares), groups, count))


def loss_above(logits: tf.Tensor, groups: np.ndarray, label: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy [n] of summed probabilities with a label's group.

    label: int64 [n] classes, or float32 [n, classes] shares, which are summed up as well. A label
    of no group costs nothing.
    """
    sums = log_sums(logits, groups)
    if label.dtype.is_floating:
        return -tf.reduce_sum(sum_up(label, groups) * sums, axis=1)
    group = tf.gather(tf.constant(groups), label)
    has_one = tf.cast(tf.not_equal(group, NO_LABEL), tf.float32)
    return -tf.gather(sums, tf.maximum(group, 0), batch_dims=1) * has_one


def set_loss(
    logits: tf.Tensor, labels: tf.Tensor, *, smoothing: float, weights: np.ndarray | None
) -> tf.Tensor:
    """Return the cross-entropy [n] of independent yes-or-no answers, summed over the classes.

    labels: float32 [n, classes], 1 or 0. `smoothing` moves each of them that much of the way to a
    half. `weights`, float32 [classes], multiply the loss where a label is 1.
    """
    if smoothing:
        labels = labels * (1.0 - smoothing) + 0.5 * smoothing
    if weights is None:
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
    else:
        losses = tf.nn.weighted_cross_entropy_with_logits(labels, logits, tf.constant(weights))
    return tf.reduce_sum(losses, axis=1)
