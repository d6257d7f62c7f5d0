"""Which classes an export answers with, of a tree and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trainer.answers import LIKELY, best_answers

#        Home, Home>Bath, Home>Bath>Towels, Home>Kitchen, Toys
DEPTHS = np.array([1, 2, 3, 2, 1])


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ([0.99, 0.9, 0.6, 0.1, 0.1], 2),  # the deepest, not the likeliest
        ([0.99, 0.9, 0.5, 0.1, 0.1], 2),  # a half is enough
        ([0.99, 0.6, 0.4, 0.7, 0.1], 3),  # of several so deep the likelier
        ([0.99, 0.4, 0.2, 0.3, 0.1], 0),
        ([0.2, 0.1, 0.4, 0.3, 0.3], 2),  # none is likely: the likeliest
        ([0.3, 0.1, 0.2, 0.3, 0.1], 0),
        ([0.7, 0.4, 0.1, 0.1, 0.8], 4),
        ([1.0, 1.0, 1.0, 1.0, 1.0], 2),
    ],
)
def test_the_label_of_a_tree_is_its_deepest_likely_node(row: list[float], label: int) -> None:
    found = best_answers(tf.constant([row]), 3, DEPTHS)
    assert found["classes"][0, 0] == label
    assert found["probabilities"][0, 0] == np.float32(row[label])


@pytest.mark.parametrize("k", [1, 2, 5, 9])
def test_the_label_comes_first_and_the_others_fall(k: int) -> None:
    """As plain Python has them; fewer answers are the first of more."""
    draw = np.random.default_rng(3)
    depths = draw.integers(1, 7, 40)
    rows = draw.random((500, 40)).astype(np.float32) ** draw.integers(1, 300, (500, 1))
    found = {n: v.numpy() for n, v in best_answers(tf.constant(rows), k, depths).items()}
    for row, classes, said in zip(rows, *found.values(), strict=True):
        falling = sorted(range(40), key=lambda node: -row[node])
        likely = [node for node in falling if row[node] >= LIKELY]
        label = max(likely, key=lambda node: depths[node], default=falling[0])
        expected = [label, *(node for node in falling if node != label)][:k]
        assert classes.tolist() == expected
        assert said.tolist() == row[expected].tolist()


def test_where_there_is_no_tree_the_likeliest_come_first() -> None:
    found = best_answers(tf.constant([[0.2, 0.9, 0.6]]), 5)
    assert found["classes"].numpy().tolist() == [[1, 2, 0]]
    assert found["probabilities"].numpy().tolist() == [[np.float32(p) for p in (0.9, 0.6, 0.2)]]
