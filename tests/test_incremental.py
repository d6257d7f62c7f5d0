"""An incremental run reads only what changed, and gives the bytes of a run without a cache."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from chain import Shop, contents, open_shop

from configs.settings import Settings
from pipelines import cleaned_files

ROOT = Path(__file__).parents[1]
FILES = 12
ON = "preprocess.incremental=true"
KILLED = """
import os, signal, sys
from aisle.__main__ import main
from pipelines import storage
write, written = storage.write_bytes, []
def write_and_die(path, content):
    write(path, content)
    written.append(path)
    if sum("/cache/" in name for name in written) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
storage.write_bytes = write_and_die
sys.exit(main(sys.argv[1:]))
"""


class Incremental:
    """A catalogue that changes, and a shop that preprocesses it with and without a cache."""

    def __init__(self, shop: Shop, catalogue: Path) -> None:
        self.shop, self.catalogue, self.runs = shop, catalogue, 0

    def check(self, known: int, *sets: str) -> None:
        """Run both ways; so many files were known, and everything else is the same."""
        self.runs += 1
        names = [f"with-{self.runs}", f"without-{self.runs}"]
        said = self.run(names[0], ON, *sets)
        assert said["files_known"] == known
        assert "files_known" not in self.run(names[1], *sets)
        made, expected = (self.outcome(name) for name in names)
        assert made.keys() == expected.keys()
        assert [name for name in made if made[name] != expected[name]] == []

    def run(self, run_id: str, *sets: str) -> dict:
        said = self.shop("preprocess", "--input", self.catalogue, run_id=run_id, sets=sets)
        assert said.status == 0, said.err
        return said.figures

    def outcome(self, run_id: str) -> dict[str, bytes]:
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


@pytest.fixture
def incremental(tmp_path: Path, tiny_settings: Settings, tiny_catalogue: Path) -> Incremental:
    catalogue = tmp_path / "catalogue"
    shutil.copytree(tiny_catalogue, catalogue)
    return Incremental(open_shop(tmp_path / "shop", tiny_settings), catalogue)


def _toys(incremental: Incremental) -> Path:
    return next(incremental.catalogue.rglob("amazon_baby_toys.csv"))


def test_files_that_change_come_and_go(incremental: Incremental) -> None:
    incremental.check(0)
    incremental.check(FILES)
    toys = _toys(incremental)
    toys.write_bytes(toys.read_bytes() + b"A new rattle with bells\nGold Ring - RED\n\n")
    incremental.check(FILES - 1)
    first = toys.with_name("amazon_baby_a.csv")
    first.write_bytes(b"ad\nA title that stands first\nGift Card\n")
    incremental.check(FILES)
    toys.rename(toys.with_name("amazon_baby_playthings.csv"))
    incremental.check(FILES)
    first.unlink()
    incremental.check(FILES)
    first.write_bytes(b"")
    incremental.check(FILES)


def test_other_settings_and_other_code_know_nothing(
    incremental: Incremental, monkeypatch: pytest.MonkeyPatch
) -> None:
    incremental.check(0)
    incremental.check(0, "text.lower_case=false")
    incremental.check(0, "split.key=7")
    incremental.check(FILES, "features.tokens.length=4", "preprocess.num_shards=2")
    monkeypatch.setattr(cleaned_files, "_code", lambda: "changed")
    incremental.check(0)


def test_the_code_of_the_rooms_is_part_of_a_name() -> None:
    assert len(cleaned_files._code()) == 32
    assert {"pipelines", "transforms"} <= set(cleaned_files._MADE_BY)


def test_a_damaged_entry_is_made_anew(incremental: Incremental) -> None:
    incremental.check(0)
    sound = {entry: entry.read_bytes() for entry in incremental.entries}
    flipped, cut, emptied, swapped, *_ = incremental.entries
    content = bytearray(sound[flipped])
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    cut.write_bytes(sound[cut][:-7])
    emptied.write_bytes(b"")
    swapped.write_bytes(os.urandom(500))
    incremental.check(FILES)
    assert {entry: entry.read_bytes() for entry in incremental.entries} == sound


def test_a_run_that_is_killed_leaves_entries_that_are_right(incremental: Incremental) -> None:
    typed = incremental.shop.typed("preprocess", "--input", incremental.catalogue, sets=[ON])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *typed], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = len([entry for entry in incremental.entries if not entry.name.startswith(".")])
    assert 5 <= left < FILES
    incremental.check(left)


def test_a_finished_run_stays_finished_with_and_without_a_cache(incremental: Incremental) -> None:
    incremental.run("monday")
    assert incremental.run("monday", ON)["done_before"]
