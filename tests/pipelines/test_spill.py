"""Batches between steps lie in memory up to a bound, and on disk beyond it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest
from chain import contents, examples, open_shop

from configs.artifacts import RunArtifacts
from configs.settings import Settings
from pipelines.spill import Spill, spilling
from transforms.batches import RecordBatchCoder

BATCH = pa.RecordBatch.from_pydict({"text": ["wrist watch", "bath towel"] * 500})


@pytest.mark.parametrize("bytes_in_memory", [0, 10_000, 1 << 30])
def test_what_was_put_comes_back_from_either_place(tmp_path: Path, bytes_in_memory: int) -> None:
    spill = Spill(str(tmp_path), bytes_in_memory)
    held = [bytes([number]) * 3_000 for number in range(9)]
    references = [spill.put(content) for content in held]
    assert [spill.get(reference) for reference in references] == held
    in_memory = [len(reference) > 3_000 for reference in references]
    assert in_memory == [3_000 * (n + 1) <= bytes_in_memory for n in range(9)]


def test_a_batch_beyond_the_bound_is_encoded_as_a_reference(tmp_path: Path) -> None:
    coder = RecordBatchCoder()
    whole = coder.encode(BATCH)
    with spilling(str(tmp_path), 0):
        reference = coder.encode(BATCH)
        assert len(reference) < 50 < len(whole)
        assert coder.decode(reference).equals(BATCH)
        assert coder.decode(whole).equals(BATCH)
    assert coder.encode(BATCH) == whole


def test_nothing_is_left_on_the_disk(tmp_path: Path) -> None:
    with spilling(str(tmp_path), 0) as spill:
        spill.put(b"bytes")
        assert contents(tmp_path) == {}
    assert contents(tmp_path) == {}


def test_the_same_examples_come_from_memory_and_from_disk(
    tmp_path: Path, tiny_settings: Settings, tiny_catalogue: Path
) -> None:
    shop = open_shop(tmp_path / "shop", tiny_settings)
    for name, mebibytes in (("memory", 512), ("disk", 0)):
        sets = [f"pipeline.mebibytes_in_memory={mebibytes}"]
        said = shop("preprocess", "--input", tiny_catalogue, run_id=name, sets=sets)
        assert said.status == 0, said.err
    assert _records(shop.at("disk")) == _records(shop.at("memory"))


def _records(artifacts: RunArtifacts) -> dict[str, bytes]:
    return {name: gzip.decompress(packed) for name, packed in examples(artifacts).items()}
