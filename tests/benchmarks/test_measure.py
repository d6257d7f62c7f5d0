from __future__ import annotations

import mmap
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.measure import Measurement, RunFailed, last_json, measure, measure_median

BIG = 200 * 2**20
HOLD = f"block = bytearray(b'x') * {BIG}; sum(block[: 1 << 26])"  # long enough for a few samples
PARENT = f"""
import json, subprocess, sys
subprocess.run([sys.executable, "-c", {HOLD!r}], check=True)
print("noise")
print(json.dumps({{"records": 3, "seconds": 9}}))
"""
SHARED = f"""
import os
block = bytearray(b"x") * {BIG}
if not os.fork():
    sum(block[: 1 << 26])
    os._exit(0)
os.wait()
"""

MAPPED = """
import mmap, sys
with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
    for _ in range(20):
        sum(mapped[:: mmap.PAGESIZE])
    sum(mapped[: 1 << 24])
"""


def test_memory_of_a_child_process_is_seen() -> None:
    measured = measure([sys.executable, "-c", PARENT])
    assert measured.peak_rss_bytes > BIG
    assert measured.figures == {"records": 3, "seconds": 9}
    assert measured.cpu_seconds > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells proportional set sizes")
def test_a_page_that_two_processes_share_counts_once() -> None:
    assert BIG < measure([sys.executable, "-c", SHARED]).peak_rss_bytes < 1.5 * BIG


def test_what_others_have_mapped_too_is_no_less_of_a_process_alone(tmp_path: Path) -> None:
    """A library that a test has loaded must not make a benchmark beside it look smaller."""
    file = tmp_path / "library"
    file.write_bytes(b"x" * BIG)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        assert sum(mapped[:: mmap.PAGESIZE])
        assert measure([sys.executable, "-c", MAPPED, str(file)]).peak_rss_bytes > BIG


def test_a_command_that_fails_says_what_it_wrote_to_standard_error() -> None:
    with pytest.raises(RunFailed, match=r"status 3:\nno such shelf"):
        measure(
            [sys.executable, "-c", "import sys; print('no such shelf', file=sys.stderr); exit(3)"]
        )


def test_each_repeat_gets_a_new_folder_and_the_median_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([5.0, 1.0, 3.0])
    seen: list[Sequence[str]] = []

    def fake(command: Sequence[str]) -> Measurement:
        seen.append(command)
        return Measurement(next(seconds), 0.0, 0, {})

    monkeypatch.setattr("benchmarks.measure.measure", fake)
    assert measure_median(lambda folder: [str(folder)], tmp_path, 3).seconds == 3
    assert len({word for command in seen for word in command}) == 3


@pytest.mark.parametrize("text", ["", "plain words", '{"a": 1}\nafter', "[1]"])
def test_without_an_object_in_the_last_line_there_are_no_figures(text: str) -> None:
    assert last_json(text) == {}
