"""Blocks of a part: all rows in order, and a key more moves no other to another block."""

from __future__ import annotations

import numpy as np
import pytest

from transforms import key_blocks
from transforms.text_keys import KEY_BITS

CHANCE = np.random.default_rng(1)


@pytest.mark.parametrize("rows", [0, 1, 8191, 8192, 50_000])
def test_blocks_hold_all_rows_in_order(rows: int) -> None:
    keys = np.sort(CHANCE.integers(0, 1 << KEY_BITS, rows))
    found = key_blocks.key_blocks(keys)
    taken = [np.arange(rows)[block.begin : block.begin + block.rows] for block in found]
    assert np.array_equal(np.concatenate([np.arange(0), *taken]), np.arange(rows))
    for block in found:
        inside = keys[block.begin : block.begin + block.rows]
        assert set(key_blocks.block_of(inside, key_blocks.block_count(rows))) == {block.number}


def test_a_key_more_changes_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_blocks, "BLOCK_ROWS", 10)
    keys = np.sort(CHANCE.integers(0, 1 << KEY_BITS, 100))
    before = {block.number: block.rows for block in key_blocks.key_blocks(keys)}
    assert len(before) == 8
    for key in CHANCE.integers(0, 1 << KEY_BITS, 20):
        more = key_blocks.key_blocks(np.sort(np.append(keys, key)))
        after = {block.number: block.rows for block in more}
        changed = {number for number in after if after[number] != before[number]}
        assert changed == {int(key_blocks.block_of(key, 8))}


def test_the_smallest_and_the_largest_key_have_a_block() -> None:
    keys = np.array([0, (1 << KEY_BITS) - 1])
    assert key_blocks.block_of(keys, 8).tolist() == [0, 7]
    assert key_blocks.block_of(keys, 1).tolist() == [0, 0]
