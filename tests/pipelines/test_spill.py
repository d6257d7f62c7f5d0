"""Batches between steps lie in memory up to a bound, and on disk beyond it."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.coders import Coder
from chain import contents, examples
from tiny_shop import OpenShop

from configs.artifacts import RunArtifacts
from configs.settings import Settings
from pipelines.category_files import find_category_files
from pipelines.preprocess_pipeline import build
from pipelines.progress import ProgressLog
from pipelines.spill import Spill, spilling
from transforms.batches import RecordBatchCoder

TEXTS = "Make features/Take the texts"
BATCH = pa.RecordBatch.from_pydict({"text": ["wrist watch", "bath towel"] * 500})


@pytest.mark.parametrize("bytes_in_memory", [0, 10_000, 1 << 30])
def test_what_was_put_comes_back_from_either_place(tmp_path: Path, bytes_in_memory: int) -> None:
    spill = Spill(str(tmp_path), bytes_in_memory)
    held = [bytes([number]) * 3_000 for number in range(9)]
    references = [spill.put(content) for content in held]
    assert [spill.get(reference) for reference in references] == held
    assert max(map(len, references)) < 50
    on_disk = 3_000 * sum(3_000 * (n + 1) > bytes_in_memory for n in range(9))
    assert os.fstat(spill._file.fileno()).st_size == on_disk


@pytest.mark.parametrize("bytes_in_memory", [0, 1 << 30])
def test_a_batch_is_encoded_as_a_reference(tmp_path: Path, bytes_in_memory: int) -> None:
    coder = RecordBatchCoder()
    whole = coder.encode(BATCH)
    with spilling(str(tmp_path), bytes_in_memory):
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
    preprocessed_shop: OpenShop, tiny_settings: Settings, tiny_catalogue: Path
) -> None:
    assert tiny_settings.pipeline.mebibytes_in_memory > 100  # all of the tiny catalogue
    shop, sets = preprocessed_shop("spill"), ["pipeline.mebibytes_in_memory=0"]
    said = shop("preprocess", "--input", tiny_catalogue, run_id="disk", sets=sets)
    assert said.status == 0, said.err
    assert _records(shop.at("disk")) == _records(shop.at())


@pytest.fixture(scope="module")
def coders(
    tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings, tiny_catalogue: Path
) -> list[tuple[str, Coder]]:
    """Give for each output of each step, by its label, the coder of its elements or values."""
    files, _, _ = find_category_files(str(tiny_catalogue), tiny_settings)
    folder = tmp_path_factory.mktemp("steps")
    learned = (f"{folder}/transform_fn", f"{folder}/tft")
    pipeline = beam.Pipeline()
    build(pipeline, files, tiny_settings, 2, str(folder), ProgressLog(), learned)
    proto, context = pipeline.to_runner_api(return_context=True)
    coders = []
    for step in proto.components.transforms.values():
        for output in step.outputs.values():
            coder = context.coders[proto.components.pcollections[output].coder_id]
            coders.append((step.unique_name, coder.value_coder() if coder.is_kv_coder() else coder))
    return coders


@pytest.mark.parametrize("step", ["Keep distinct titles/Keep one of each/", TEXTS])
def test_titles_pass_between_steps_as_batches_that_can_lie_on_disk(
    step: str, coders: list[tuple[str, Coder]]
) -> None:
    of_step = [coder for name, coder in coders if name.startswith(step)]
    assert any(isinstance(coder, RecordBatchCoder) for coder in of_step)


def _records(artifacts: RunArtifacts) -> dict[str, bytes]:
    return {name: gzip.decompress(packed) for name, packed in examples(artifacts).items()}
