"""A disk that is really full: a small file system in memory, filled to the last byte or nearly.

Each stage says so in one line and ends with status 2; nothing is left that the stage after it would
take for whole; with room again, the same command ends as if the disk had never been full.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chain import Shop, answers, examples, one_line, predictions, write_dump
from full_disks import fill, mounted
from tiny_shop import OpenShop

from configs.errors import UsageError
from pipelines.stage import require_manifest

FULL = os.strerror(errno.ENOSPC)
PRODUCTS = [(f"p{i}", f"Acme wrist watch {i}") for i in range(300)]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture(scope="module")
def roomy(trained_shop: OpenShop, tiny_catalogue: Path) -> tuple[Shop, Path]:
    """A shop on a disk with room, walked to the predictions, and its dump."""
    shop = trained_shop("roomy")
    dump = write_dump(shop.config.parent / "dump.csv", PRODUCTS)
    said = shop("run", "--input", tiny_catalogue, "--dump", dump, "--dump-id", "night")
    assert said.status == 0, said.err
    return shop, dump


def _fill(disk: Path, leave: int) -> Path:
    """Fill the disk but for `leave` bytes; return the file that does it."""
    filler = fill(disk)
    with open(filler, "r+b") as file:
        file.truncate(filler.stat().st_size - leave)
    return filler


@pytest.mark.parametrize(
    ("stage", "leaves"),
    [
        ("preprocess", [0, 40_000, 200_000]),
        ("train", [0, 40_000, 120_000]),
        ("evaluate", [0, 16_384]),
        ("predict", [0, 8_192]),
        ("write-labels", [0, 32_768]),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_nothing_half(
    stage: str,
    leaves: list[int],
    disk: Path,
    roomy: tuple[Shop, Path],
    tiny_catalogue: Path,
) -> None:
    unharmed, dump = roomy
    shop = Shop(unharmed.config, disk / "out")
    shutil.copytree(unharmed.prefix, shop.prefix)
    model = next(Path(unharmed.at().root, "exports").iterdir()).name
    homes = {
        "preprocess": shop.at().tfrecords,
        "train": shop.at().exports(model),
        "evaluate": shop.at().evaluation(model),
        "predict": shop.at().predictions("night"),
        "write-labels": str(shop.prefix / "labels.db"),
    }
    options: dict[str, list[object]] = {
        "preprocess": ["--input", tiny_catalogue],
        "predict": ["--dump", dump, "--dump-id", "night"],
        "write-labels": ["--dump-id", "night"],
    }
    command = [stage, *options.get(stage, [])]
    for leave in leaves:
        for later in list(homes)[list(homes).index(stage) :]:
            shutil.rmtree(homes[later], ignore_errors=True)
            Path(homes[later]).unlink(missing_ok=True)
        filler = _fill(disk, leave)
        one_line(shop(*command), "full" if stage == "write-labels" else FULL)
        if stage != "write-labels":
            with pytest.raises(UsageError, match=f"run `aisle {stage}` first"):
                require_manifest(homes[stage], stage)
        filler.unlink()
    again = shop(*command)
    assert again.status == 0, again.err
    assert not again.figures.get("done_before")
    if stage == "preprocess":
        assert examples(shop.at()) == examples(unharmed.at())
    if stage == "predict":
        expected = answers(predictions(unharmed.at(), "night"))
        assert answers(predictions(shop.at(), "night")).equals(expected)
    if stage == "write-labels":
        assert again.figures["inserted"] == len(PRODUCTS)
    left = [p.name for p in Path(shop.at().work).rglob("*") if p.is_file()]
    assert [name for name in left if not name.endswith(".lock")] == []
