"""Catalogues for `aisle suggest-config`: products on shelves, and what a suggested config reads."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from configs.loading import load_settings
from configs.settings import Settings
from pipelines.category_files import find_category_files, read_category_file
from pipelines.suggest.config import suggest_config
from transforms.labels import BETWEEN_LABELS

SHELVES = (
    ("Men", "Shoes"),
    ("Men", "Tops"),
    ("Women", "Dresses"),
    ("Women", "Bags"),
    ("Home", "Lamps"),
    ("Home", "Pans"),
)
Record = tuple[str, list[str]]


class Product(NamedTuple):
    """A product: `p7`, `Acme Shoes number 7 black`, `(Men, Shoes)`."""

    id: str
    title: str
    path: tuple[str, str]


def products(count: int = 90) -> list[Product]:
    colours = itertools.cycle(("black", "white", "red", "blue"))
    shelves = itertools.cycle(SHELVES)
    return [
        Product(f"p{n}", f"Acme {path[1]} number {n} {colour}", path)
        for n, path, colour in zip(range(count), shelves, colours, strict=False)
    ]


def records(separator: str = ">") -> list[Record]:
    """Return the titles and categories of the products, as a config should read them."""
    return [(each.title, [separator.join(each.path)]) for each in products()]


def table(rows: Sequence[Sequence[Any]], **form: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", **form).writerows(rows)
    return text.getvalue()


def named(*header: str, separator: str = " > ") -> list[list[str]]:
    """Return rows of id, title and category below a header."""
    rows = [[each.id, each.title, separator.join(each.path)] for each in products()]
    return [list(header or ("id", "title", "category")), *rows]


def suggested(root: Path) -> Settings:
    out = root.parent / f"{root.name}.yaml"
    suggest_config(str(root), str(out))
    return load_settings(out)


def read(root: Path, settings: Settings) -> tuple[list[Record], list[str]]:
    """Return titles with their categories, and the reasons of rejects."""
    found: list[Record] = []
    reasons: list[str] = []
    for file in find_category_files(str(root), settings)[0]:
        for batch, rejects in read_category_file(file, settings.source, settings.categories):
            titles, categories = (batch.column(n).to_pylist() for n in ("title", "category"))
            found += [
                (title, category.split(BETWEEN_LABELS))
                for title, category in zip(titles, categories, strict=True)
            ]
            reasons += [bad.reason for bad in rejects]
    return found, reasons
