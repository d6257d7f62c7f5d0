"""The model of cost: its arithmetic, that it follows what was measured, what it refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cost
from configs.errors import UsageError


def run_of(records: int, cpu_seconds: float) -> dict[str, Any]:
    return {"records": records, "engines": {"flink": {"cpu_seconds": cpu_seconds}}}


def growth_of(bytes_a_piece: float) -> dict[str, Any]:
    """Return a growth of 100 bytes a title and so many a piece; tokens grow with the root."""
    crossing = [
        {
            "titles_a_piece": piece,
            "bytes_a_title": 100 + bytes_a_piece / piece,
            "cpu_microseconds_a_title": 1 + 50 / piece,
        }
        for piece in (1000, 100, 1)
    ]
    tokens = [
        {"titles": titles, "distinct_tokens": math.isqrt(titles), "bytes": math.isqrt(titles) * 20}
        for titles in (10_000, 1_000_000)
    ]
    return {"crossing": crossing, "tokens": tokens, "input_bytes_a_title": 89.1}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Give the words of a run: 20 CPU s to start, 30 for a million titles, 1,000 bytes a piece."""
    written = {"cut": run_of(1_000_000, 50), "all": run_of(3_000_000, 110), "g": growth_of(1000)}
    for name, figures in written.items():
        (tmp_path / name).write_text(f"a table\n{json.dumps(figures)}\n")
    engines = ["--engines", str(tmp_path / "cut"), str(tmp_path / "all")]
    return [*engines, "--growth", str(tmp_path / "g")]


def sizes(files: list[str], capsys: pytest.CaptureFixture[str], *words: str) -> list[dict]:
    assert cost.main([*files, *words, "--json"]) == 0
    found: list[dict] = json.loads(capsys.readouterr().out.splitlines()[-1])["sizes"]
    return found


def test_what_was_measured_comes_out(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    small = ("--sizes", "3000000", "--start-seconds", "0", "--utilisation", "1", "--hours", "1")
    (found,) = sizes(files, capsys, *small)
    assert found["vcpu_hours"] == round(110 / 3600, 2)
    assert found["machines"] == 1
    assert found["minutes"] == round(110 / 4 / 60, 1)
    assert found["parts"] == 32
    assert found["titles_a_piece"] == 1024
    assert found["shuffle_gb"] == round(3e6 * (100 + 1000 / 1024) / 1e9, 1)
    assert found["tokens"] == pytest.approx(math.sqrt(3e6), abs=1)


def test_cost_is_that_of_machines_memory_disk_and_shuffle(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "--sizes",
        "300000000",
        "--start-seconds",
        "3600",
        "--utilisation",
        "1",
        "--hours",
        "9",
    ]
    prices = ["--dataflow-vcpu=1", "--dataflow-gb=0.1", "--dataflow-disk=0.01", "--flink-machine=7"]
    (free,) = sizes(files, capsys, *words, *prices, "--dataflow-shuffle=0")
    (found,) = sizes(files, capsys, *words, *prices, "--dataflow-shuffle=1")
    hours = found["minutes"] / 60
    assert found["machines"] == 1
    assert found["dataflow"] - free["dataflow"] == pytest.approx(2 * found["shuffle_gb"], abs=0.2)
    assert free["dataflow"] == pytest.approx(hours * (4 * 1 + 16 * 0.1 + 50 * 0.01), rel=0.01)
    assert found["flink"] == pytest.approx(2 * hours * 7, rel=0.01)


def test_more_parts_make_smaller_pieces_that_cost_more(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    few, many = sizes(files, capsys, "--sizes", "30000000", "3000000000")
    assert few["titles_a_piece"] == pytest.approx(131_072 / 256, abs=0.1)
    assert 4 < many["titles_a_piece"] < 4.2
    assert many["shuffle_gb"] > 100 * 3 * few["shuffle_gb"]
    assert many["vcpu_hours"] > 100 * 1.3 * few["vcpu_hours"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--hours", "0"], "--hours 0: must be more than 0"),
        (["--sizes", "-3"], "--sizes .*must not be negative"),
        (["--engine", "spark"], "no figures of spark"),
        (["--growth", "nowhere"], "nowhere: no such file"),
        (["--growth", __file__], "its last line is no JSON object"),
    ],
)
def test_wrong_words_are_named(files: list[str], words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        cost.main([*files, *words])
