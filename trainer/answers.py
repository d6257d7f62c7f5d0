"""Which classes an export answers with: the first is the label, the others fall by probability."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

LIKELY = 0.5  # as training counts a yes


def best_answers(
    probabilities: tf.Tensor, k: int, depths: np.ndarray | None = None
) -> dict[str, tf.Tensor]:
    """Return `classes` int32 [n, k] and their `probabilities` [n, k].

    The likeliest first. Where the classes are nodes of a tree, `depths` [classes] says how far down
    each lies, and the first is the `deepest_likely`: what stands above a node is as likely, and
    would always come before it.
    """
    k = min(k, probabilities.shape[1])
    if depths is None:
        top = tf.math.top_k(probabilities, k=k)
        return {"classes": top.indices, "probabilities": top.values}
    label = tf.one_hot(deepest_likely(probabilities, depths), probabilities.shape[1], True, False)
    ranked = tf.math.top_k(tf.where(label, 2.0, probabilities), k=k).indices
    return {"classes": ranked, "probabilities": tf.gather(probabilities, ranked, batch_dims=1)}


def deepest_likely(probabilities: tf.Tensor, depths: np.ndarray) -> tf.Tensor:
    """Return each row's deepest class of a probability of a half or more, int32 [n].

    Of several so deep the likeliest; the likeliest of all where none is likely. Of `a`, `a_b` and
    `a_b_c` with .9, .6 and .4 that is `a_b`.
    """
    reached = tf.where(probabilities >= LIKELY, tf.constant(depths, tf.int32), 0)
    deepest = tf.equal(reached, tf.reduce_max(reached, axis=1, keepdims=True))
    return tf.argmax(tf.where(deepest, probabilities, -1.0), axis=1, output_type=tf.int32)
