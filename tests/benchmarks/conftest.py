"""A small catalogue with the dirt that matters to the benchmarks: quotes, line breaks, repeats."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # benchmarks/ is not installed

WORDS = ["steel", "Watch", "a", "X", "men's", "50-inch", "TV/radio", "blue | red", 'size 6"', "é"]


def title(number: int) -> str:
    """Return a title; every third repeats an earlier one, every fifth spans lines."""
    number -= 5 if number % 3 == 0 and number > 5 else 0
    words = [WORDS[(number * step) % len(WORDS)] for step in (1, 3, 7)]
    text = " - ".join([f"Item {number // 2}", *words])
    return f"{text}\r\nsecond line, \n\n third" if number % 5 == 0 else text


def as_csv(text: str) -> str:
    quoted = text.replace('"', '""')
    return f'"{quoted}"' if any(mark in text for mark in ',"\r\n') else text


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Seven files of 1 to 90 records in two folders, 210 records in all."""
    root = tmp_path / "catalogue"
    for index, size in enumerate((1, 90, 30, 2, 40, 7, 40)):
        folder = root / f"folder{index % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [as_csv(title(index * 17 + number)) for number in range(size)]
        text = "\n".join(["ad", *rows]) + "\n"
        name = f"shop_main{index % 3}_bottom{index}.csv"
        (folder / name).write_bytes(text.encode())
    return root


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.yaml"
    levels = {"main": {"part": 0}, "bottom": {"part": -1}}
    categories = {"prefix": "shop_", "separator": "_", "levels": levels}
    path.write_text(yaml.safe_dump({"name": "small", "categories": categories}))
    return path
