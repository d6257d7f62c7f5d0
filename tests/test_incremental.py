"""An incremental run reads only what changed, and gives the bytes of a run without a cache."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from changing_shop import FILES, ON, Incremental, add_a_title, kept_files, toys_of

from pipelines import cleaned_files

ROOT = Path(__file__).parents[1]
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


@pytest.mark.system
def test_files_that_change_come_and_go(begun: Incremental) -> None:
    begun.check(FILES)
    toys = toys_of(begun)
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


@pytest.mark.system
@pytest.mark.parametrize("kind", ["part", "rows", "seen", "tokens", "rejects", "CURRENT"])
def test_damaged_parts_are_made_anew(begun: Incremental, kind: str) -> None:
    path = kept_files(begun, f"{kind}*")[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    add_a_title(begun)
    begun.check(FILES - 1)
    add_a_title(begun, "Toys that come after the damage")
    begun.check(FILES - 1)


def test_parts_without_the_entries_they_are_made_of_are_made_anew(begun: Incremental) -> None:
    for entry in begun.entries:
        entry.unlink()
    kept_files(begun, "part-*")[0].unlink()
    add_a_title(begun)
    begun.check(0)


def test_what_a_newer_run_has_replaced_does_not_stay(begun: Incremental) -> None:
    before = {path.name for path in kept_files(begun, "*")}
    add_a_title(begun)
    begun.check(FILES - 1)
    after = {path.name for path in kept_files(begun, "*")}
    assert len(after) == len(before)
    assert after != before


def test_a_run_on_beam_takes_the_same_files_and_gives_the_same(begun: Incremental) -> None:
    """Options of Beam's ask for its runner; the parts are then left alone."""
    kept = {path: path.read_bytes() for path in kept_files(begun, "*")}
    options = ["--input", begun.catalogue, "--", "--direct_num_workers=1"]
    said = begun.shop("preprocess", *options, run_id="beam", sets=[ON])
    assert said.status == 0, said.err
    assert said.figures["files_known"] == FILES
    assert begun.outcome("beam") == begun.expected()
    assert {path: path.read_bytes() for path in kept_files(begun, "*")} == kept
