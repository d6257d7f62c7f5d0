"""The benchmark of a training's memory: what it compares, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import train_memory
from benchmarks.measure import Measurement
from configs.errors import UsageError


def row(titles: int, peak: int) -> dict[str, int]:
    counts = {"titles": 2 * titles, "examples_by_split": {"train": titles}}
    return train_memory.as_row(counts, Measurement(1.0, 2.0, peak, {}))


def test_the_ratio_is_that_of_the_most_titles_to_the_fewest() -> None:
    figures = train_memory.summarise([row(700, 120), row(100, 100), row(300, 150)])
    assert (figures["memory_ratio"], figures["titles_ratio"]) == (1.2, 7.0)
    assert [size["training_titles"] for size in figures["sizes"]] == [100, 300, 700]


def test_a_finished_run_is_trained_on_through_links(tmp_path: Path) -> None:
    run = tmp_path / "given"
    for name in ("tfrecords", "transform_fn", "stats", "exports"):
        (run / name).mkdir(parents=True)
        (run / name / "file").write_text(name)
    run_id = train_memory.linked_run(run, tmp_path / "scratch", "given-0")
    made = tmp_path / "scratch" / "runs" / run_id
    assert sorted(path.name for path in made.iterdir()) == ["stats", "tfrecords", "transform_fn"]
    assert (made / "stats" / "file").read_text() == "stats"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rows", "100"], "two sizes or more"),
        (["--rows", "100", "200"], "--input None"),
        (["--rows", "100", "200", "--input", "/no/such"], "--input /no/such"),
        (["--run", "/no/such", "--run", "/no/other"], "--run /no/such: not preprocessed"),
    ],
)
def test_what_cannot_be_compared_is_refused(options: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        train_memory.main(options)
