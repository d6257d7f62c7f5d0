"""The category files as the contestants see them: paths, records and labels; nothing of Aisle's.

The contestants are written for one layout, files of one column with a header; which category a
file name means is still read from the YAML file, so that all of them follow the same rules.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import yaml

ENCODING = "utf-8"


def category_files(root: Path) -> list[Path]:
    """Return the CSV files below `root` in path order, which decides what stands first."""
    return sorted(root.rglob("*.csv"), key=lambda path: path.relative_to(root).as_posix())


def open_lines(path: Path, mode: str = "r", errors: str = "surrogateescape") -> IO[str]:
    """Open a file such that line ends stay as they are, as the csv module wants it."""
    return open(path, mode, newline="", encoding=ENCODING, errors=errors)


def csv_rows(lines: Iterator[str]) -> Iterator[list[str]]:
    """Return the records in `lines`, header included; a field may be of any length."""
    csv.field_size_limit(sys.maxsize)
    return csv.reader(lines)


def titles(path: Path) -> Iterator[str]:
    """Yield the raw titles of a category file, in order; an empty line is an empty title."""
    with open_lines(path, errors="replace") as lines:
        rows = csv_rows(lines)
        next(rows, None)
        for row in rows:
            yield row[0] if row else ""


def clean_title(title: str) -> str:
    """Clean a title as the notebook does, in plain Python."""
    text = title.lower().replace("|", " ").replace("/", " ")
    text = text.replace(" - ", ", ").replace("-", " ").replace('"', "").strip()
    text = re.sub(r"\b[a-zA-Z]\b", "", text)
    return re.sub(r"\s+", " ", text)


def load_rules(config: Path) -> dict[str, Any]:
    """Return the section `categories` of the YAML file at `config`."""
    rules: dict[str, Any] = yaml.safe_load(config.read_text(encoding=ENCODING))["categories"]
    return rules


def main_category(file_name: str, rules: dict[str, Any]) -> str:
    """Return the main category that a file name means: `amazon_pets_dogs.csv` gives `pets`."""
    name = file_name.split(".")[0]
    for rule in rules.get("rename", []):
        name = name.replace(rule["find"], rule["replace"])
    parts = name.removeprefix(rules.get("prefix", "")).split(rules.get("separator", "_"))
    return str(parts[rules["levels"]["main"]["part"]])


def labelled_files(root: Path, config: Path) -> list[tuple[Path, str]]:
    """Return the category files below `root` in path order, each with its main category."""
    rules = load_rules(config)
    return [(path, main_category(path.name, rules)) for path in category_files(root)]
