"""Shops of the tiny catalogue that tests begin with: made once, for all workers, then copied."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from chain import Shop, open_shop

from configs.settings import Settings

# Takes a name for the copy's folder; gives a shop that is the caller's own.
OpenShop = Callable[[str], Shop]


def made_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]
) -> Path:
    """Return a folder that `make` has filled, in this worker or another; nobody may change it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with open(f"{folder}.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            part = folder.with_name(f"{name}.part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            make(part)
            part.rename(folder)
    return folder


def _copies(
    tmp_path_factory: pytest.TempPathFactory,
    made: str,
    make: Callable[[Path], object],
    settings: Settings,
) -> OpenShop:
    """Return what opens a copy of the shop that `make` writes to a folder."""

    def copy(name: str) -> Shop:
        shop = open_shop(tmp_path_factory.mktemp(name), settings)
        shutil.copytree(made_once(tmp_path_factory, made, make) / "out", shop.prefix)
        return shop

    return copy


def _finish(shop: Shop, command: str, *options: object) -> None:
    said = shop(command, *options)
    assert said.status == 0, said.err


@pytest.fixture(scope="session")
def preprocessed_shop(
    tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings, tiny_catalogue: Path
) -> OpenShop:
    """Open a shop whose examples are written, and nothing more."""

    def make(root: Path) -> None:
        _finish(open_shop(root, tiny_settings), "preprocess", "--input", tiny_catalogue)

    return _copies(tmp_path_factory, "tiny-preprocessed", make, tiny_settings)


@pytest.fixture(scope="session")
def trained_shop(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_settings: Settings,
    preprocessed_shop: OpenShop,
) -> OpenShop:
    """Open a shop that has a model too."""

    def make(root: Path) -> None:
        shop = preprocessed_shop("trained")
        _finish(shop, "train")
        shutil.move(shop.prefix, root / "out")

    return _copies(tmp_path_factory, "tiny-trained", make, tiny_settings)
