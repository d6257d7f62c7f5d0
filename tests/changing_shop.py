"""A catalogue that changes and a shop that preprocesses it, both with a cache and without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from chain import Shop, contents, open_shop
from tiny_shop import made_once

from configs.settings import Settings
from transforms import key_blocks

FILES = 12
ON = "preprocess.incremental=true"

Outcome = dict[str, bytes]


class Incremental:
    """A catalogue that changes, and a shop that preprocesses it with and without a cache.

    `without` holds what runs without one gave, by the catalogue's files and the settings.
    """

    def __init__(self, shop: Shop, catalogue: Path, without: dict[str, Outcome]) -> None:
        self.shop, self.catalogue, self.without, self.runs = shop, catalogue, without, 0

    def check(self, known: int, *sets: str) -> None:
        """Run both ways; so many files were known, and everything else is the same."""
        self.runs += 1
        said = self.run(f"with-{self.runs}", ON, *sets)
        assert said["files_known"] == known
        made, expected = self.outcome(f"with-{self.runs}"), self.expected(*sets)
        assert made.keys() == expected.keys()
        assert [name for name in made if made[name] != expected[name]] == []

    def expected(self, *sets: str) -> Outcome:
        """Return what a run without a cache gives, now or when the catalogue was as it is now."""
        state = repr((contents(self.catalogue), sets, key_blocks.BLOCK_ROWS))
        if state not in self.without:
            assert "files_known" not in self.run(f"without-{self.runs}", *sets)
            self.without[state] = self.outcome(f"without-{self.runs}")
        return self.without[state]

    def run(self, run_id: str, *sets: str) -> dict:
        said = self.shop("preprocess", "--input", self.catalogue, run_id=run_id, sets=sets)
        assert said.status == 0, said.err
        return said.figures

    def outcome(self, run_id: str) -> Outcome:
        at = self.shop.at(run_id)
        folders = (at.tfrecords, at.stats, at.rejected, f"{at.transform_fn}/transform_fn/assets")
        found = {
            f"{Path(folder).name}/{name}": held
            for folder in folders
            for name, held in contents(folder).items()
        }
        assert found.pop("tfrecords/COMPLETED")
        assert any(name.startswith("tfrecords/exclusive_train") for name in found)
        return found

    @property
    def entries(self) -> list[Path]:
        return sorted(Path(self.shop.at().cleaned_files).iterdir())


@pytest.fixture(scope="module")
def without() -> dict[str, Outcome]:
    return {}


@pytest.fixture
def incremental(
    tmp_path: Path, tiny_settings: Settings, tiny_catalogue: Path, without: dict[str, Outcome]
) -> Incremental:
    catalogue = tmp_path / "catalogue"
    shutil.copytree(tiny_catalogue, catalogue)
    return Incremental(open_shop(tmp_path / "shop", tiny_settings), catalogue, without)


@pytest.fixture(scope="module")
def first_prefix(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_settings: Settings,
    tiny_catalogue: Path,
    without: dict[str, Outcome],
) -> Path:
    """The prefix after a first run, of which all knew nothing."""

    def make(root: Path) -> None:
        Incremental(open_shop(root, tiny_settings), tiny_catalogue, without).check(0)

    return made_once(tmp_path_factory, "tiny-incremental", make) / "out"


@pytest.fixture
def begun(incremental: Incremental, first_prefix: Path) -> Incremental:
    """The same after that first run, in a prefix of its own."""
    shutil.copytree(first_prefix, incremental.shop.prefix)
    incremental.runs = 1
    return incremental


def toys_of(incremental: Incremental) -> Path:
    return next(incremental.catalogue.rglob("amazon_baby_toys.csv"))


def kept_files(incremental: Incremental, pattern: str) -> list[Path]:
    found = sorted(Path(incremental.shop.at().kept_parts).glob(f"*/{pattern}"))
    assert found
    return found


def add_a_title(incremental: Incremental, title: str = "Unheard of words about toys") -> None:
    toys = toys_of(incremental)
    toys.write_bytes(toys.read_bytes() + f"{title}\n".encode())


def shards_of(incremental: Incremental) -> dict[str, int]:
    """Return the files of the last run's shards: links of one file have its number."""
    folder = Path(incremental.shop.at(f"with-{incremental.runs}").tfrecords)
    return {path.name: path.stat().st_ino for path in folder.glob("*.gz")}


def vocabulary_of_run(incremental: Incremental, run_id: str) -> list[bytes]:
    folder = Path(incremental.shop.at(run_id).transform_fn)
    return (folder / "transform_fn/assets/tokens").read_bytes().splitlines()
