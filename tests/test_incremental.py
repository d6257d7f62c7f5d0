"""An incremental run reads only what changed, and gives the bytes of a run without a cache."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from chain import Shop, contents, open_shop

from configs.settings import Settings, SplitSettings, TokenSettings
from pipelines import cleaned_files, known_tokens
from transforms.graphs import unique_tokens
from transforms.title_steps import count_tokens

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
        state = repr((contents(self.catalogue), sets))
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
    shop = open_shop(tmp_path_factory.mktemp("first"), tiny_settings)
    Incremental(shop, tiny_catalogue, without).check(0)
    return shop.prefix


@pytest.fixture
def begun(incremental: Incremental, first_prefix: Path) -> Incremental:
    """The same after that first run, in a prefix of its own."""
    shutil.copytree(first_prefix, incremental.shop.prefix)
    incremental.runs = 1
    return incremental


def _toys(incremental: Incremental) -> Path:
    return next(incremental.catalogue.rglob("amazon_baby_toys.csv"))


@pytest.mark.system
def test_files_that_change_come_and_go(begun: Incremental) -> None:
    begun.check(FILES)
    toys = _toys(begun)
    toys.write_bytes(toys.read_bytes() + b"A new rattle with bells\nGold Ring - RED\n\n")
    begun.check(FILES - 1)
    first = toys.with_name("amazon_baby_a.csv")
    first.write_bytes(b"ad\nA title that stands first\nGift Card\n")
    begun.check(FILES)
    toys.rename(toys.with_name("amazon_baby_playthings.csv"))
    begun.check(FILES)
    first.unlink()
    begun.check(FILES)
    first.write_bytes(b"")
    begun.check(FILES)


@pytest.mark.system
def test_other_settings_and_othercode_fingerprint_know_nothing(
    begun: Incremental, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun.check(0, "text.lower_case=false")
    begun.check(0, "split.key=7")
    begun.check(FILES, "features.tokens.length=4", "preprocess.num_shards=2")
    monkeypatch.setattr(cleaned_files, "code_fingerprint", lambda: "changed")
    begun.check(0)


def test_thecode_fingerprint_of_the_rooms_is_part_of_a_name() -> None:
    assert len(cleaned_files.code_fingerprint()) == 32
    assert {"pipelines", "transforms"} <= set(cleaned_files._MADE_BY)


def test_a_damaged_entry_is_made_anew(begun: Incremental) -> None:
    sound = {entry: entry.read_bytes() for entry in begun.entries}
    flipped, cut, emptied, swapped, *_ = begun.entries
    content = bytearray(sound[flipped])
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    cut.write_bytes(sound[cut][:-7])
    emptied.write_bytes(b"")
    swapped.write_bytes(os.urandom(500))
    begun.check(FILES)
    assert {entry: entry.read_bytes() for entry in begun.entries} == sound


@pytest.mark.system
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


def _part(rows: dict[int, str]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array(list(rows), pa.int64()), pa.array([t.encode() for t in rows.values()])],
        ["key", "text"],
    )


def test_counts_after_changes_are_those_of_counting_all() -> None:
    """Titles drawn at random, many words shared; a key stands for another text in one of them."""
    chance = random.Random(7)
    words = ["red", "ring", "gold", "mat", "a-b", "x"]
    tokens = TokenSettings()
    every = SplitSettings(train=1.0, valid=0.0, test=0.0)

    def titles() -> dict[int, str]:
        keys = sorted(chance.sample(range(60), 40))
        texts = {key: " ".join(random.Random(key).choices(words, k=3)) for key in keys}
        return {**texts, keys[0]: " ".join(chance.choices(words, k=4))}

    for _ in range(20):
        before, now = (_part(titles()) for _ in range(2))
        gone, came = known_tokens.changes(before, now)
        counts = [
            unique_tokens(batch.column("text"), tokens.strip, tokens.separate)
            for batch in (before, gone, came)
        ]
        found = known_tokens.add_changes(*counts)
        expected = count_tokens(now, tokens, every)
        assert _counts(found) == _counts(expected)
        assert gone.num_rows + came.num_rows < before.num_rows + now.num_rows
    nothing, all_of_it = known_tokens.changes(_part({}), now)
    assert (nothing.num_rows, all_of_it.num_rows) == (0, now.num_rows)


def test_texts_that_share_a_key_are_told_apart() -> None:
    twice = pa.concat_batches([_part({1: "a"}), _part({1: "b", 2: "c"})])
    gone, came = known_tokens.changes(twice, _part({1: "a", 2: "d"}))
    assert gone.column("text").to_pylist() == [b"a", b"b", b"c"]
    assert came.column("text").to_pylist() == [b"a", b"d"]


def _counts(batch: pa.RecordBatch) -> dict[bytes, int]:
    columns = (batch.column(name).to_pylist() for name in ("token", "count"))
    return dict(zip(*columns, strict=True))


def test_damaged_counts_are_made_anew(begun: Incremental) -> None:
    parts = sorted(Path(begun.shop.at().counted_tokens).glob("*/part-*"))
    assert len(parts) == 3
    parts[0].write_bytes(parts[0].read_bytes()[:-3])
    parts[1].write_bytes(parts[2].read_bytes()[:40] + parts[1].read_bytes()[40:])
    toys = _toys(begun)
    toys.write_bytes(toys.read_bytes() + b"Unheard of words about toys\n")
    begun.check(FILES - 1)
