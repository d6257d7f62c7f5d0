"""The model of cost: its arithmetic, that it follows what was measured, what it refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cost
from configs.errors import UsageError

ALONE = ("--start-seconds", "0", "--utilisation", "1")


def stages_of(**rates: tuple[float, float]) -> dict[str, Any]:
    """Return figures of stages, each with its seconds at the start and a million records."""
    stages = [
        {
            "stage": name.replace("_", " "),
            "fixed_seconds": fixed,
            "seconds_a_million": slope,
        }
        for name, (fixed, slope) in rates.items()
    ]
    run = {"records": 3_000_000, "bytes_a_record": 200, "peak_rss_bytes": 2_000_000_000}
    return {"sizes": [run], "stages": stages}


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
    """Give the words of a run: 20 CPU s alone, 36 to clean a million titles; 1 kB a piece."""
    stages = {
        "preprocess": stages_of(imports=(20, 0), clean=(0, 36), cut_into_parts=(0, 0)),
        "predict": stages_of(imports=(10, 0), read=(0, 6), model=(5, 30)),
    }
    for name, figures in {"stages": stages, "growth": growth_of(1000)}.items():
        (tmp_path / name).write_text(f"a table\n{json.dumps(figures)}\n")
    return [word for name in ("stages", "growth") for word in (f"--{name}", str(tmp_path / name))]


def sizes(files: list[str], capsys: pytest.CaptureFixture[str], *words: str) -> list[dict]:
    assert cost.main([*files, *words, "--json"]) == 0
    found: list[dict] = json.loads(capsys.readouterr().out.splitlines()[-1])["sizes"]
    return found


def test_what_was_measured_comes_out(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = sizes(files, capsys, "--sizes", "3000000", *ALONE, "--hours", "1")
    job = found["preprocess"]
    assert job["stages"] == {
        "imports": round(20 / 3600, 6),
        "clean": round(3 * 36 / 3600, 6),
        "cut into parts": 0,
    }
    assert job["vcpu_hours"] == round(128 / 3600, 3)
    assert job["largest"] == "clean"
    assert job["machines"] == 1
    assert job["minutes"] == round((20 + 108 / 4) / 60, 1)
    assert found["predict"]["minutes"] == round((10 + 113 / 4) / 60, 1)
    assert found["parts"] == 32
    assert found["titles_a_piece"] == 1024
    assert found["shuffle_gb"] == round(3e6 * (100 + 1000 / 1024) / 1e9, 1)
    assert found["between_gb"] == round(3e6 * 200 / 1e9, 1)
    assert found["tokens"] == pytest.approx(math.sqrt(3e6), abs=1)


def test_what_is_done_alone_is_not_shared_by_machines(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--sizes", "300000000", *ALONE, "--hours")
    (slow,), (fast,) = sizes(files, capsys, *words, "1"), sizes(files, capsys, *words, "0.1")
    assert fast["preprocess"]["machines"] == 8
    seconds = fast["preprocess"]["vcpu_hours"] * 3600
    alone = fast["preprocess"]["minutes"] * 60 - (seconds - 20) / 8 / 4
    assert alone == pytest.approx(20, abs=4)
    assert slow["preprocess"]["vcpu_hours"] == fast["preprocess"]["vcpu_hours"]


def test_a_worker_holds_what_it_did_and_the_tokens_that_are_more(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    few, many = sizes(files, capsys, "--sizes", "3000000", str(10**15))
    assert few["worker_gb"] == 2
    more = (math.sqrt(10**15) - math.sqrt(3e6)) * 20 / 1e9
    assert many["worker_gb"] == pytest.approx(2 + 3 * more, abs=0.01)
    a_part = math.sqrt(10**15 / many["parts"]) * 20 / 1e9
    assert many["merged_gb"] == pytest.approx(many["parts"] * a_part, rel=0.01)


def test_an_engine_takes_more(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--sizes", "100000000", "--engine-seconds")
    (own,), (more,) = sizes(files, capsys, *words, "0"), sizes(files, capsys, *words, "36")
    added = more["preprocess"]["vcpu_hours"] - own["preprocess"]["vcpu_hours"]
    assert added == pytest.approx(1, abs=0.01)
    assert more["predict"] == own["predict"]


def test_cost_is_that_of_machines_memory_disk_and_shuffle(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--sizes", "300000000", "--start-seconds", "3600", "--utilisation", "1", "--hours=9"]
    prices = ["--dataflow-vcpu=1", "--dataflow-gb=0.1", "--dataflow-disk=0.01", "--flink-machine=7"]
    (free,) = sizes(files, capsys, *words, *prices, "--dataflow-shuffle=0")
    (found,) = sizes(files, capsys, *words, *prices, "--dataflow-shuffle=1")
    for command, crossing in (("preprocess", found["shuffle_gb"]), ("predict", 3e8 * 200 / 1e9)):
        job, unbilled = found[command], free[command]["dataflow"]
        hours = job["minutes"] / 60
        assert job["machines"] == 1
        assert job["dataflow"] - unbilled == pytest.approx(2 * crossing, abs=0.2)
        assert unbilled == pytest.approx(hours * (4 * 1 + 16 * 0.1 + 50 * 0.01), rel=0.01)
        assert job["flink"] == pytest.approx(2 * hours * 7, rel=0.01)


def test_more_parts_make_smaller_pieces_that_cost_more(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    few, many = sizes(files, capsys, "--sizes", "30000000", "3000000000")
    assert few["titles_a_piece"] == pytest.approx(131_072 / 256, abs=0.1)
    assert 4 < many["titles_a_piece"] < 4.2
    assert many["shuffle_gb"] > 100 * 3 * few["shuffle_gb"]
    assert many["between_gb"] - 100 * few["between_gb"] > 100
    cut = many["preprocess"]["stages"]["cut into parts"]
    assert cut == pytest.approx(
        3e9 * 50 * (1 / many["titles_a_piece"] - 1 / 1024) / 3.6e9, rel=0.02
    )


def test_larger_batches_make_larger_pieces(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--sizes", "3000000000")
    (own,) = sizes(files, capsys, *words)
    (larger,) = sizes(files, capsys, *words, "--batch-rows", str(100 * 32_768))
    assert larger["titles_a_piece"] == 100
    assert larger["shuffle_gb"] < own["shuffle_gb"]
    assert larger["preprocess"]["vcpu_hours"] < own["preprocess"]["vcpu_hours"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--hours", "0"], "--hours 0: must be more than 0"),
        (["--sizes", "0"], "--sizes 0: must be more than 0"),
        (["--batch-rows", "0"], "--batch-rows 0: must be more than 0"),
        (["--sizes", "-3"], "--sizes .*must not be negative"),
        (["--growth", "nowhere"], "nowhere: no such file"),
        (["--growth", __file__], "its last line is no JSON object"),
    ],
)
def test_wrong_words_are_named(files: list[str], words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        cost.main([*files, *words])


@pytest.mark.parametrize("option", ["stages", "growth"])
def test_the_figures_of_another_benchmark_are_refused(files: list[str], option: str) -> None:
    other = files[3] if option == "stages" else files[1]
    with pytest.raises(UsageError, match=rf"not what benchmarks/{option}.py prints"):
        cost.main([*files, f"--{option}", other])
