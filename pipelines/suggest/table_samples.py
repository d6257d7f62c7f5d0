"""Read some records of files of delimited text, by the layout that most of it has."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipelines import listing
from pipelines.suggest.further import further_pieces, sampled
from pipelines.suggest.text_form import Layout, has_header, layout_of, names_columns, names_units
from pipelines.tables import TableFormat
from pipelines.text_files import open_text

START_BYTES = 1 << 18  # of each file
ROWS = 2000


def table_sample(
    files: Sequence[listing.FileInfo], texts: Sequence[str], source: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return `source` with how the files are written, and the columns of their values."""
    layouts = {
        file.relative: layout_of(_whole_lines(text))
        for file, text in zip(files, texts, strict=True)
        if text.strip()
    }
    alike = _alike(files, layouts)
    first = next(iter(alike.values()))
    found = {**source, **_written(first)}
    if 1 == len(alike) < len(layouts):  # a table among others, which say other things
        found["files"] = next(iter(alike))
    names, header = _header(alike.values())
    groups = [each.rows[_before(each, header) :] for each in alike.values()]
    groups += _further([file for file in files if file.relative in alike], first, found)
    records = [row for row in in_turns(groups, ROWS) if len(row) == len(names)]
    columns = zip(*records, strict=True) if records else [[] for _ in names]
    by_name: dict[str, list[Any]] = {}
    for name, values in zip(names, columns, strict=True):
        by_name.setdefault(name, list(values))  # as it is read: the first of a name
    return found | header, by_name


def _further(
    files: Sequence[listing.FileInfo], layout: Layout, source: Mapping[str, Any]
) -> list[list[list[str]]]:
    """Return records from further on in large files."""
    encoding = source.get("encoding", "utf-8")
    form = TableFormat(layout.delimiter, encoding, quoted=layout.quoted, escape=layout.escape)
    found = []
    for file, piece in further_pieces(files, sampled(form)):
        with open_text(file.path, encoding, piece) as (text, _):
            found.append(layout.rows_of(text.readlines()[:-1]))
    return found


def _written(layout: Layout) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if layout.delimiter != ",":
        found["delimiter"] = layout.delimiter
    if not layout.quoted:
        found["quoting"] = "none"
    if layout.escape:
        found["escape"] = layout.escape
    return found


def _header(layouts: Iterable[Layout]) -> tuple[list[str], dict[str, Any]]:
    """Return the names of the columns, and what the config has to say of them."""
    every = list(layouts)
    first = every[0]
    skip = first.before_header or _odd_lines(first)
    rows = first.rows[skip:]
    names = [name.strip() for name in rows[0]]
    if len(names) != first.width:  # as many files of two columns have a first line that names one
        names += [f"column_{number}" for number in range(len(names) + 1, first.width + 1)]
        return names, {"header": list(names), "skip_lines": skip + 1}
    if len(rows) > 1 and names_units(rows[1]):
        return names, {"header": list(names), "skip_lines": skip + 2}
    if has_header(rows, [each.rows[skip] for each in every if len(each.rows) > skip]):
        return names, {"skip_lines": skip} if skip else {}
    names = [f"column_{number}" for number in range(1, first.width + 1)]
    return names, {"header": names, **({"skip_lines": skip} if skip else {})}


def _odd_lines(layout: Layout) -> int:
    """Return how many lines stand before a header that has as many columns as most records."""
    place = next(n for n, row in enumerate(layout.rows) if len(row) == layout.width)
    rows = layout.rows[place:]
    return place if place and has_header(rows, rows[:1]) else 0


def _before(layout: Layout, header: Mapping[str, Any]) -> int:
    """Return how many lines stand before a file's records."""
    skip: int = header.get("skip_lines", 0)
    return skip if "header" in header else skip + 1


def _alike(files: Sequence[listing.FileInfo], layouts: Mapping[str, Layout]) -> dict[str, Layout]:
    """Return the layouts that are like that of most bytes: in delimiter, quoting and columns.

    Files without a header are alike by how many columns they have.
    """
    firsts = {name: each.rows[each.before_header] for name, each in layouts.items()}
    kinds: dict[str, tuple] = {
        name: (each.delimiter, each.quoted, each.width, *map(str.casefold, firsts[name]))
        for name, each in layouts.items()
    }
    no_names = not any(map(names_columns, firsts.values()))
    if no_names and len(set(kinds.values())) > len(layouts) / 2:
        kinds = {name: kind[:3] for name, kind in kinds.items()}
    sizes: Counter[tuple] = Counter()
    for file in files:
        if file.relative in kinds:
            sizes[kinds[file.relative]] += file.size
    most = sizes.most_common(1)[0][0]
    return {name: layout for name, layout in layouts.items() if kinds[name] == most}


def _whole_lines(text: str) -> str:
    """Leave out a last line that was cut."""
    end = max(text.rfind("\n"), text.rfind("\r"))
    return text[: end + 1] if len(text) == START_BYTES and end >= 0 else text


def in_turns(groups: Iterable[Iterable[Any]], count: int) -> list[Any]:
    """Return the first of each group, then the second, up to `count`."""
    turns = itertools.zip_longest(*groups)
    return list(itertools.islice((v for turn in turns for v in turn if v is not None), count))
