"""An incremental run reads only what changed, and gives the bytes of a run without a cache."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_transform as tft
from chain import Shop, contents, open_shop

from configs.settings import Settings
from pipelines import cleaned_files
from transforms.features import RANK, TOKEN
from transforms.tokens import TEXT, TOKENS

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
    if sum("/cache/" in name for name in written) == int(os.environ["WRITES"]):
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
def test_other_settings_and_other_code_know_nothing(
    begun: Incremental, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun.check(0, "text.lower_case=false")
    begun.check(0, "split.key=7")
    begun.check(FILES, "features.tokens.length=4", "preprocess.num_shards=2")
    monkeypatch.setattr(cleaned_files, "code_fingerprint", lambda: "changed")
    begun.check(0)


def test_the_code_of_the_rooms_is_part_of_a_name() -> None:
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
    shutil.rmtree(begun.shop.at().kept_parts)
    begun.check(FILES)
    assert {entry: entry.read_bytes() for entry in begun.entries} == sound


@pytest.mark.system
@pytest.mark.parametrize("writes", [5, FILES + 5])
def test_a_run_that_is_killed_leaves_what_is_right(incremental: Incremental, writes: int) -> None:
    """The first dies while files are cleaned, the second while parts are written."""
    typed = incremental.shop.typed("preprocess", "--input", incremental.catalogue, sets=[ON])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *typed],
        cwd=ROOT,
        env=os.environ | {"WRITES": str(writes)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = len([entry for entry in incremental.entries if not entry.name.startswith(".")])
    assert min(writes, FILES) <= left <= FILES
    assert left < FILES or writes > FILES
    incremental.check(left)


def test_a_finished_run_stays_finished_with_and_without_a_cache(incremental: Incremental) -> None:
    incremental.run("monday")
    assert incremental.run("monday", ON)["done_before"]


def _kept(incremental: Incremental, pattern: str) -> list[Path]:
    found = sorted(Path(incremental.shop.at().kept_parts).glob(f"*/{pattern}"))
    assert found
    return found


def _add_a_title(incremental: Incremental, title: str = "Unheard of words about toys") -> None:
    toys = _toys(incremental)
    toys.write_bytes(toys.read_bytes() + f"{title}\n".encode())


@pytest.mark.system
@pytest.mark.parametrize("kind", ["part", "rows", "seen", "tokens", "rejects", "CURRENT"])
def test_damaged_parts_are_made_anew(begun: Incremental, kind: str) -> None:
    path = _kept(begun, f"{kind}*")[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    _add_a_title(begun)
    begun.check(FILES - 1)
    _add_a_title(begun, "Toys that come after the damage")
    begun.check(FILES - 1)


def test_parts_without_the_entries_they_are_made_of_are_made_anew(begun: Incremental) -> None:
    for entry in begun.entries:
        entry.unlink()
    _kept(begun, "part-*")[0].unlink()
    _add_a_title(begun)
    begun.check(0)


def test_what_a_newer_run_has_replaced_does_not_stay(begun: Incremental) -> None:
    before = {path.name for path in _kept(begun, "*")}
    _add_a_title(begun)
    begun.check(FILES - 1)
    after = {path.name for path in _kept(begun, "*")}
    assert len(after) == len(before)
    assert after != before


def test_a_run_on_beam_takes_the_same_files_and_gives_the_same(begun: Incremental) -> None:
    """Options of Beam's ask for its runner; the parts are then left alone."""
    kept = {path: path.read_bytes() for path in _kept(begun, "*")}
    options = ["--input", begun.catalogue, "--", "--direct_num_workers=1"]
    said = begun.shop("preprocess", *options, run_id="beam", sets=[ON])
    assert said.status == 0, said.err
    assert said.figures["files_known"] == FILES
    assert begun.outcome("beam") == begun.expected()
    assert {path: path.read_bytes() for path in _kept(begun, "*")} == kept


def test_a_transform_function_that_is_kept_knows_the_new_vocabulary(begun: Incremental) -> None:
    """The vocabulary is full, so that it is as long as before, and holds other tokens."""
    few = "features.tokens.vocabulary_size=12"
    begun.check(FILES, few)
    before = _vocabulary(begun, f"with-{begun.runs}")
    for number in range(40):
        _add_a_title(begun, f"Zither zither zither {number}")
    learned = {path: path.read_bytes() for path in _transforms(begun)}
    begun.check(FILES - 1, few)
    assert {path: path.read_bytes() for path in _transforms(begun)} == learned
    now = _vocabulary(begun, f"with-{begun.runs}")
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
    path.write_bytes(b"".join(token + b"\n" for token in _vocabulary(begun, "with-1")))
    sets = (f"features.tokens.vocabulary={path}",)
    begun.check(FILES, *sets)
    return sets


@pytest.mark.system
def test_with_a_fixed_vocabulary_only_parts_that_changed_are_written(
    begun: Incremental, fixed: tuple[str, ...]
) -> None:
    before = _shards(begun)
    _add_a_title(begun, "Ring ring ring zither")
    begun.check(FILES - 1, *fixed)
    after = _shards(begun)
    changed = {name for name in before if before[name] != after[name]}
    assert {name.split("-")[1] for name in changed} == {_part_of_one(changed)}
    assert len(changed) < len(before)
    assert _vocabulary(begun, f"with-{begun.runs}") == _vocabulary(begun, "with-1")


def _shards(incremental: Incremental) -> dict[str, int]:
    """Return the files of the last run's shards: links of one file have its number."""
    folder = Path(incremental.shop.at(f"with-{incremental.runs}").tfrecords)
    return {path.name: path.stat().st_ino for path in folder.glob("*.gz")}


def _part_of_one(names: set[str]) -> str:
    return next(iter(names)).split("-")[1]


def test_a_run_of_which_nothing_changed_links_all_shards(begun: Incremental) -> None:
    begun.check(FILES)
    before = _shards(begun)
    begun.check(FILES)
    assert _shards(begun) == before


@pytest.mark.system
@pytest.mark.parametrize("harm", ["flipped", "gone", "WRITTEN"])
def test_a_damaged_shard_is_written_anew(begun: Incremental, harm: str) -> None:
    path = _kept(begun, "WRITTEN" if harm == "WRITTEN" else "*exclusive_train-*")[0]
    content = bytearray(path.read_bytes())
    path.unlink()
    if harm != "gone":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    begun.check(FILES)
    sound = _shards(begun)
    begun.check(FILES)
    assert _shards(begun) == sound


def _transforms(incremental: Incremental) -> list[Path]:
    return sorted(Path(incremental.shop.at().kept_parts).glob("transform-*"))


def _vocabulary(incremental: Incremental, run_id: str) -> list[bytes]:
    folder = Path(incremental.shop.at(run_id).transform_fn)
    return (folder / "transform_fn/assets/tokens").read_bytes().splitlines()


def _token_ids(incremental: Incremental, run_id: str, texts: list[bytes]) -> list[list[int]]:
    transform = tft.TFTransformOutput(incremental.shop.at(run_id).transform_fn)
    layer = transform.transform_features_layer()
    nothing = [b""] * len(texts)
    raw = {TEXT: texts, TOKEN: nothing, RANK: [0.0] * len(texts)}
    return layer({name: tf.constant(values) for name, values in raw.items()})[TOKENS].to_list()
