"""A file of a finished run that is damaged or gone is one line: which, and what makes it anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from chain import Shop, one_line, write_dump
from tiny_shop import OpenShop

Harm = Callable[[Path], object]


@pytest.fixture(scope="module")
def evaluated(trained_shop: OpenShop) -> Shop:
    """A shop with a model that was evaluated and is the champion."""
    shop = trained_shop("damaged")
    assert shop("evaluate").status == 0
    return shop


@pytest.fixture
def harmed(evaluated: Shop) -> object:
    """Give what harms a file of the run; it is whole again after the test."""
    root = Path(evaluated.at().root)
    kept = root.with_name("kept")
    shutil.copytree(root, kept)
    yield lambda name, harm: harm(next(root.glob(name)))
    shutil.rmtree(root)
    kept.rename(root)


def gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def emptied(path: Path) -> None:
    path.write_bytes(b"{}")


def commands(shop: Shop, tmp_path: Path) -> dict[str, tuple[object, ...]]:
    dump = write_dump(tmp_path / "dump.csv", [("1", "bath towel")])
    model = next(Path(shop.at().root, "exports").iterdir()).name
    return {
        "train": ("train", "--force"),
        "evaluate": ("evaluate", "--force"),
        "predict": ("predict", "--dump", dump, "--dump-id", "d"),
        "report": ("report",),
        "compare": ("compare", "--model", model),
        "explore": ("explore",),
    }


@pytest.mark.parametrize(
    ("name", "harm", "told", "maker"),
    [
        ("exports/*/model/saved_model.pb", cut, "model: damaged", "train"),
        ("exports/*/model/saved_model.pb", gone, "model: damaged", "train"),
        ("exports/*/model/variables/*.data-*", cut, "model: damaged", "train"),
        ("exports/*/model.json", gone, "model.json: is missing", "train"),
        ("exports/*/model.json", emptied, "model.json: damaged", "train"),
        ("evaluation/*/metrics.json", cut, "metrics.json: damaged", "evaluate"),
        ("evaluation/*/metrics.json", emptied, "metrics.json: damaged", "evaluate"),
        ("transform_fn", gone, "transform_fn: is missing", "preprocess"),
        ("transform_fn/transform_fn/saved_model.pb", cut, "transform_fn: damaged", "preprocess"),
        ("stats/taxonomy.json", gone, "taxonomy.json: is missing", "preprocess"),
        ("stats/taxonomy.json", emptied, "taxonomy.json: damaged", "preprocess"),
        ("stats/counts.json", gone, "counts.json: is missing", "preprocess"),
        ("stats/made_with.json", cut, "made_with.json: damaged", "preprocess"),
        ("stats/ngrams_seen.gz", cut, "ngrams_seen.gz: damaged", "preprocess"),
        ("stats/labels.csv", gone, "labels.csv: is missing", "preprocess"),
        ("stats/labels.csv", cut, "labels.csv: damaged", "preprocess"),
    ],
)
def test_a_file_that_is_damaged_or_gone_is_named(
    evaluated: Shop,
    tmp_path: Path,
    harmed: Callable[[str, Harm], None],
    name: str,
    harm: Harm,
    told: str,
    maker: str,
) -> None:
    typed = commands(evaluated, tmp_path)
    harmed(name, harm)
    for command in _readers(name, maker):
        said = evaluated(*typed[command])
        one_line(said, told, f"make it anew: aisle {maker}", "--force")
        assert "while running" not in said.err


def _readers(name: str, maker: str) -> list[str]:
    if name.startswith("stats/labels"):
        return ["explore"]
    return {
        "preprocess": ["train"],
        "train": ["evaluate", "predict"],
        "evaluate": ["report", "compare"],
    }[maker]
