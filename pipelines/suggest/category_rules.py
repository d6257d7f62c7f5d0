"""The section `categories` of a suggested config: from columns, folders or the names of files."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from typing import Any

from configs.errors import UsageError
from pipelines import listing
from pipelines.suggest.files import shown
from pipelines.suggest.names import CATEGORIES, by_name
from pipelines.suggest.paths import labels_in, texts_of
from pipelines.suggest.roles import Roles
from pipelines.suggest.samples import Sample
from pipelines.unpacking import plain_name
from transforms.categories import category_of_file

_SURE = 2.0  # of a column's name, by which alone it is the category
_FILE_MARKS = (">", "__", " - ", "_", "-")
_BEHIND = re.compile(r"[ _.-].*$", re.DOTALL)
_SOME, _OFTEN = 3, 0.1


def categories_of(
    files: Sequence[listing.FileInfo], sample: Sample, roles: Roles
) -> tuple[dict[str, Any], list[str]]:
    """Return the section `categories`, and the categories of the sample."""
    if roles.categories:
        return _of_columns(roles), _values(roles, sample)
    names = [plain_name(file.relative) for file in files]
    folders = {os.path.dirname(name) for name in names}
    if len(folders) > 1 and "" not in folders:
        return {"source": "folders", "separator": "/"}, sorted(folders)
    if len(names) == 1:
        raise UsageError(f"--input {files[0].path}: {_why_no_category(sample)}")
    return _of_names(names)


def name_what_is_above(sample: Sample, roles: Roles) -> bool:
    """Tell whether many records stand in a category and in one above it: `Men, Men > Shoes`."""
    if len(roles.categories) != 1:
        return False
    every = [_paths(value, roles) for value in sample.columns[roles.categories[0]]]
    above = sum(any(_is_above(a, b) for a in paths for b in paths) for paths in every)
    return above > _OFTEN * len(every)


def _is_above(path: list[str], other: list[str]) -> bool:
    return path != other and any(path) and other[: len(path)] == path


def _paths(value: Any, roles: Roles) -> list[list[str]]:
    labels = (roles.written(label).split(roles.separator) for label in _labels(value, roles))
    return [[part.strip() for part in parts] for parts in labels]


def levels_of(values: Sequence[str], separator: str) -> dict[str, Any]:
    """Return which part is `main`, where all categories begin alike: `Shop > Toys > Games`."""
    paths = [[part.strip() for part in value.split(separator)] for value in values]
    shared = len(_common(paths))
    deep = sum(len(path) > shared for path in paths)
    if not shared or deep < len(values) / 2:
        return {}
    least = shared + 1
    return {
        "main": {"part": shared, "min_parts": least},
        "bottom": {"part": -1, "min_parts": least},
    }


def _why_no_category(sample: Sample) -> str:
    """Say why no column is the category of records, and what to do."""
    if len(next(iter(sample.columns.values()), [])) == 1:
        return "holds one record alone; expected a list of records, or one on each line"
    for name, values in sample.columns.items():
        if by_name(name, CATEGORIES) >= _SURE and len(found := set(texts_of(values))) == 1:
            return (
                f"its column {name} holds {found.pop()!r} alone; a model learns to tell two "
                "categories or more: name the folder of them all"
            )
    return (
        f"no column looks like a category; its columns are {shown(sample.columns)}: "
        "write the config by hand (docs/catalogues.md)"
    )


def _of_columns(roles: Roles) -> dict[str, Any]:
    """Return the section `categories` for columns."""
    found: dict[str, Any] = {
        "source": "columns",
        "columns": roles.categories,
        "separator": roles.separator,
    }
    if roles.label_separator:
        found["label_separator"] = roles.label_separator
    if roles.lists_are_paths:
        found["lists"] = "path"
    if roles.rename:
        found["rename"] = _rules(roles.rename)
    if roles.replace:
        found["replace"] = _rules(roles.replace)
    return found


def _rules(pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"find": find, "replace": replacement} for find, replacement in pairs]


def _values(roles: Roles, sample: Sample) -> list[str]:
    """Return the categories of the sample."""
    rows = zip(*(sample.columns[name] for name in roles.categories), strict=True)
    if len(roles.categories) > 1:
        raw = [roles.separator.join(texts_of(row)) for row in rows]
    else:
        raw = [label for (value,) in rows for label in _labels(value, roles)]
    return [value for text in raw if (value := roles.written(text)).strip(f" {roles.separator}")]


def _labels(value: Any, roles: Roles) -> list[str]:
    if isinstance(value, list) and roles.lists_are_paths:
        several = value if any(isinstance(each, list) for each in value) else [value]
        return [roles.separator.join(texts_of([path])) for path in several]
    if isinstance(value, list):
        return value
    return labels_in(value or "", roles.label_separator) if roles.label_separator else [value or ""]


def _of_names(names: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the section for files that are called like categories, and these."""
    stems = [os.path.splitext(os.path.basename(name))[0] for name in names]
    behind = _common_end(stems)
    separator, prefix = _parts_of_names([stem.removesuffix(behind) for stem in stems])
    found: dict[str, Any] = {"source": "file_name", "separator": separator}
    rename = [(behind, "")] if behind else []
    if rename:
        found["rename"] = _rules(rename)
    if prefix:
        found["prefix"] = prefix
    return found, [
        category_of_file(name, rename=rename, prefix=prefix, separator=separator) for name in names
    ]


def _common_end(stems: Sequence[str]) -> str:
    """Return what all of several names end with, from a mark on: `_2026-11-30`."""
    alike = "".join(reversed(_common([stem[::-1] for stem in stems])))
    found = _BEHIND.search(alike)
    return found[0] if found and len(stems) >= _SOME else ""


def _common(paths: Sequence[Sequence[str]]) -> list[str]:
    """Return what all of several begin with."""
    each = (set(parts) for parts in zip(*paths, strict=False))
    return [parts.pop() for parts in itertools.takewhile(lambda parts: len(parts) == 1, each)]


def _parts_of_names(stems: Sequence[str]) -> tuple[str, str]:
    """Return the separator of the files' names, and what all of them begin with."""
    for mark in _FILE_MARKS:
        pieces = [stem.split(mark) for stem in stems]
        if sum(len(parts) > 1 for parts in pieces) < len(stems) / 2:
            continue
        firsts = {parts[0] for parts in pieces}
        prefix = f"{pieces[0][0]}{mark}" if len(firsts) == 1 else ""
        tops = {parts[1 if prefix else 0] for parts in pieces if len(parts) > bool(prefix)}
        if len(tops) <= 0.7 * len(stems):
            return mark, prefix
        if prefix:
            return ">", prefix
    return ">", ""
