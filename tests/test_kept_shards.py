"""What an incremental run takes over: shards of parts that stayed, the transform function."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_transform as tft
from changing_shop import (
    FILES,
    ON,
    Incremental,
    add_a_title,
    kept_files,
    shards_of,
    vocabulary_of_run,
)

from pipelines import shards
from transforms import key_blocks
from transforms.features import RANK, TOKEN
from transforms.gzip_bytes import GzipBlock, compress_block
from transforms.tokens import TEXT, TOKENS


def test_a_transform_function_that_is_kept_knows_the_new_vocabulary(begun: Incremental) -> None:
    """The vocabulary is full, so that it is as long as before, and holds other tokens."""
    few = "features.tokens.vocabulary_size=12"
    begun.check(FILES, few)
    before = vocabulary_of_run(begun, f"with-{begun.runs}")
    for number in range(40):
        add_a_title(begun, f"Zither zither zither {number}")
    learned = {path: path.read_bytes() for path in _transforms(begun)}
    begun.check(FILES - 1, few)
    assert {path: path.read_bytes() for path in _transforms(begun)} == learned
    now = vocabulary_of_run(begun, f"with-{begun.runs}")
    assert len(now) == len(before)
    assert b"zither" in set(now) - set(before)
    texts = [b"zither ring", now[3] + b" " + before[0]]
    ids, expected = (_token_ids(begun, f"{way}-{begun.runs}", texts) for way in ("with", "without"))
    assert ids == expected
    assert ids[0][0] == 2 + now.index(b"zither")


@pytest.fixture
def fixed(begun: Incremental, tmp_path: Path) -> tuple[str, ...]:
    """The settings of runs whose vocabulary is that of the first, and a first run with them."""
    path = tmp_path / "vocabulary"
    path.write_bytes(b"".join(token + b"\n" for token in vocabulary_of_run(begun, "with-1")))
    sets = (f"features.tokens.vocabulary={path}",)
    begun.check(FILES, *sets)
    return sets


@pytest.mark.system
def test_with_a_fixed_vocabulary_only_parts_that_changed_are_written(
    begun: Incremental, fixed: tuple[str, ...]
) -> None:
    before = shards_of(begun)
    add_a_title(begun, "Ring ring ring zither")
    begun.check(FILES - 1, *fixed)
    after = shards_of(begun)
    changed = {name for name in before if before[name] != after[name]}
    assert {name.split("-")[1] for name in changed} == {_part_of_one(changed)}
    assert len(changed) < len(before)
    assert vocabulary_of_run(begun, f"with-{begun.runs}") == vocabulary_of_run(begun, "with-1")


def _part_of_one(names: set[str]) -> str:
    return next(iter(names)).split("-")[1]


@pytest.mark.system
def test_of_a_part_that_changed_only_blocks_that_changed_are_compressed(
    begun: Incremental, fixed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_blocks, "BLOCK_ROWS", 4)
    sets = (*fixed, "preprocess.num_shards=1")
    begun.check(FILES, *sets)
    packed = []

    def count(data: memoryview, level: int) -> GzipBlock:
        packed.append(compress_block(data, level))
        return packed[-1]

    monkeypatch.setattr(shards, "compress_block", count)
    begun.run("anew", *sets)
    of_all = len(packed)
    assert of_all > 12
    add_a_title(begun, "Ring ring ring zither")
    packed.clear()
    begun.run("more", ON, *sets)
    assert 0 < len(packed) <= 4  # of one block: two objectives, two splits where one ends in it
    begun.check(FILES, *sets)
    packed.clear()
    for path in kept_files(begun, "*exclusive_train-*"):
        path.unlink()
        path.write_bytes(b"damaged")
    add_a_title(begun, "Ring ring ring zither again")
    begun.check(FILES - 1, *sets)
    assert len(packed) >= 2 * of_all  # of both runs


def test_a_run_of_which_nothing_changed_links_all_shards(begun: Incremental) -> None:
    begun.check(FILES)
    before = shards_of(begun)
    begun.check(FILES)
    assert shards_of(begun) == before


@pytest.mark.system
@pytest.mark.parametrize("harm", ["flipped", "gone", "WRITTEN"])
def test_a_damaged_shard_is_written_anew(begun: Incremental, harm: str) -> None:
    path = kept_files(begun, "WRITTEN" if harm == "WRITTEN" else "*exclusive_train-*")[0]
    content = bytearray(path.read_bytes())
    path.unlink()
    if harm != "gone":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    begun.check(FILES)
    sound = shards_of(begun)
    begun.check(FILES)
    assert shards_of(begun) == sound


def _transforms(incremental: Incremental) -> list[Path]:
    return sorted(Path(incremental.shop.at().kept_parts).glob("transform-*"))


def _token_ids(incremental: Incremental, run_id: str, texts: list[bytes]) -> list[list[int]]:
    transform = tft.TFTransformOutput(incremental.shop.at(run_id).transform_fn)
    layer = transform.transform_features_layer()
    nothing = [b""] * len(texts)
    raw = {TEXT: texts, TOKEN: nothing, RANK: [0.0] * len(texts)}
    return layer({name: tf.constant(values) for name, values in raw.items()})[TOKENS].to_list()
