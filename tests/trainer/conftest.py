"""A run whose examples are written, with a class of one example and one that is only validated."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from chain import Shop, open_shop
from tiny_shop import made_once

from configs.settings import Settings
from transforms.titles import split_of

TRAIN, VALID = 0, 1


@pytest.fixture(scope="session")
def written(
    tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings, tiny_catalogue: Path
) -> Shop:
    """Give a shop with examples of the tiny catalogue and of two categories of one title.

    `lone` is in the train part, `unseen` in the valid part: training never sees its label.
    """
    made = made_once(
        tmp_path_factory, "written", lambda root: _write(root, tiny_settings, tiny_catalogue)
    )
    shop = open_shop(tmp_path_factory.mktemp("written"), tiny_settings)
    shutil.copytree(made / "out", shop.prefix)
    return shop


@pytest.fixture
def own(written: Shop, tmp_path: Path) -> Shop:
    """Give a copy of the examples that may be spoiled."""
    shop = Shop(written.config, tmp_path / "out")
    shutil.copytree(written.at().root, shop.at().root, ignore=shutil.ignore_patterns("exports"))
    return shop


def _write(root: Path, tiny_settings: Settings, tiny_catalogue: Path) -> None:
    catalogue = root / "catalogue"
    shutil.copytree(tiny_catalogue, catalogue)
    for category, part in (("lone", TRAIN), ("unseen", VALID)):
        title = _title_in(part, f"one of its kind {category}", tiny_settings)
        (catalogue / f"amazon_{category}_thing.csv").write_text(f"ad\n{title}\n")
    shop = open_shop(root, tiny_settings)
    said = shop("preprocess", "--input", catalogue)
    assert said.status == 0, said.err


def _title_in(part: int, beginning: str, settings: Settings) -> str:
    """Return a title that the hash puts into a part of the split."""
    import tensorflow as tf

    from transforms.text import keyed_hash

    titles = [f"{beginning} {number}" for number in range(100, 200)]
    keys = keyed_hash(tf.constant(titles), settings.split.key).numpy()
    shares = (settings.split.train, settings.split.valid, settings.split.test)
    return titles[int(np.flatnonzero(split_of(keys, shares) == part)[0])]
