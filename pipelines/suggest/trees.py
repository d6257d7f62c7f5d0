"""Find among files a table that is a tree of categories, and the column that holds its ids."""

from __future__ import annotations

import contextlib
import glob
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from configs.categories import CategorySettings, TreeSettings
from configs.errors import UsageError
from configs.source import SourceSettings
from pipelines import listing
from pipelines.category_tree import find_tree_files, load_tree
from pipelines.suggest.encodings import encoding_of
from pipelines.suggest.names import CATEGORIES, LEVELS, PARENTS, TITLES, by_name, plain
from pipelines.suggest.paths import LABEL_SEPARATORS, counts_up, is_number, labels_in, texts_of
from pipelines.suggest.samples import Sample
from pipelines.suggest.text_form import layout_of
from pipelines.unpacking import open_unpacked, plain_name
from transforms.category_trees import CategoryTree, find_ids

_MOST_FILES = 30
_ENDINGS = (".csv", ".tsv", ".tab", ".txt")
_START_BYTES = 1 << 17
_SEPARATORS = (">", "|", "::")
_KNOWN = 0.9  # this share of the values of a column are ids of the tree, at least
_UNLIKE = 0.9  # this share of the ids of a table stands once, at least
_ABOVE = 0.5  # and this one of the parents that the table's beginning names
_NEARLY_ALL = 0.95  # where no header says that they are parents
_SURE = 2.0  # of a column's name, by which alone it is what it says
_MOST_TRIED = 4
_NO_PARENT = {root.casefold() for root in TreeSettings.model_fields["roots"].default}
_Columns = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class ParentTable:
    """A file of which a column seems to name parents: the headers of that, the ids, the names."""

    file: listing.FileInfo
    columns: dict[str, str]


@dataclass(frozen=True)
class FoundTree:
    """A tree and the column of the records that holds its ids, as the section `categories`."""

    section: dict[str, Any]
    tree: CategoryTree

    @property
    def column(self) -> str:
        name: str = self.section["columns"][0]
        return name

    def paths(self, values: Sequence[Any]) -> list[str]:
        """Return the paths of the ids in a column."""
        ids = [*_ids(values, self.section.get("label_separator"))]
        found = self.tree.paths(pa.array(ids, pa.string()), self.section["separator"])
        return [path for path in found.to_pylist() if path]


def parent_tables(files: Sequence[listing.FileInfo]) -> list[ParentTable]:
    """Return those of a few texts that may be trees by their beginning, the surest first.

    A header that names parents says it; or, of tables smaller than half of all, the values do.
    """
    texts = [file for file in files if _may_be_table(file)]
    if len(files) < 2 or len(texts) > _MOST_FILES:
        return []
    every = sum(file.size for file in files)
    sure, maybe = [], []
    for file, text in _unlike(texts):
        columns = _columns_of(text)
        if found := _tree_columns(columns, [*filter(_names_parent, columns)], _ABOVE):
            sure.append(ParentTable(file, found))
        elif file.size < every / 2 and (found := _unnamed_tree(columns)):
            maybe.append(ParentTable(file, found))
    maybe.sort(key=lambda table: -_says_category(table))
    return [*sure, *maybe][:_MOST_TRIED]


def _unlike(files: Sequence[listing.FileInfo]) -> Iterator[tuple[listing.FileInfo, str]]:
    """Yield what files begin with whose first line is no other's, or names a parent.

    Files that begin alike are parts of one catalogue.
    """
    texts = {}
    for file in files:
        with contextlib.suppress(UsageError):
            texts[file] = _beginning(file)
    firsts = {file: text.partition("\n")[0] for file, text in texts.items()}
    counts = Counter(firsts.values())
    for file, text in texts.items():
        alone = counts[firsts[file]] == 1 or _names_parent(firsts[file])
        if alone and text.strip() and "\0" not in text:
            yield file, text


def _may_be_table(file: listing.FileInfo) -> bool:
    """Tell whether a file is called like delimited text, and is found by its name as a glob."""
    named = plain_name(file.relative).lower().endswith(_ENDINGS)
    return named and file.relative == glob.escape(file.relative)


def _says_category(table: ParentTable) -> float:
    return max(by_name(name, CATEGORIES) for name in (table.file.relative, *table.columns.values()))


def tree_of(root: str, table: ParentTable, sample: Sample) -> FoundTree | None:
    """Return the tree that a table is, where a column of the sample is of its ids.

    It is read as preprocessing will read it. None for a table that would be refused.
    """
    written = ("delimiter", "encoding", "quoting")
    source = SourceSettings(**{key: sample.source[key] for key in written if key in sample.source})
    where = {"files": table.file.relative, **table.columns}
    for separator in _SEPARATORS:
        section = {"source": "columns", "columns": ["id"], "separator": separator, "tree": where}
        settings = CategorySettings.model_validate(section)
        try:
            files, _ = find_tree_files(root, settings, source)
        except UsageError:  # a name may hold the separator: another may do
            continue
        tree = load_tree(files, settings, source)
        assert tree is not None
        return _used(section, tree, sample.columns)
    return None


def _used(
    section: dict[str, Any], tree: CategoryTree, columns: Mapping[str, Sequence[Any]]
) -> FoundTree | None:
    """Return the tree with the column, called like a category, that has its ids."""
    named = [name for name in columns if _may_be_category(name)]
    for name in sorted(named, key=lambda name: -by_name(name, CATEGORIES)):
        for mark in (None, *LABEL_SEPARATORS):
            ids = [*_ids(columns[name], mark)]
            known = find_ids(pa.array(ids, pa.string()), tree.ids) >= 0
            if len(set(ids)) > 1 and known.mean() >= _KNOWN:
                several = {"label_separator": mark} if mark else {}
                return FoundTree({**section, "columns": [name], **several}, tree)
    return None


def _may_be_category(name: str) -> bool:
    return by_name(name, CATEGORIES) >= 1 or plain(name).startswith("cat")


def _ids(values: Sequence[Any], mark: str | None) -> Iterator[str]:
    for text in texts_of(values):
        yield from (t.strip() for t in (labels_in(text, mark) if mark else [text]) if t.strip())


def _beginning(file: listing.FileInfo) -> str:
    """Return what a file begins with, but for a last line that was cut."""
    with open_unpacked(file.path) as raw:
        start = raw.read(_START_BYTES)
    text = start.decode(encoding_of([start]), "replace").removeprefix("\ufeff")
    whole = text[: text.rfind("\n") + 1] if len(start) == _START_BYTES else ""
    return whole or text


def _columns_of(text: str) -> _Columns:
    """Return the columns of delimited text by their headers; none where it is no such table."""
    layout = layout_of(text)
    if len(layout.rows[0]) != layout.width:
        return {}
    names, *rows = ([each.strip() for each in row] for row in layout.rows)
    whole = [row for row in rows if len(row) == layout.width]
    return dict(zip(names, zip(*whole, strict=True), strict=True)) if whole else {}


def _tree_columns(columns: _Columns, parents: Sequence[str], least: float) -> dict[str, str] | None:
    """Return which columns are the id, the parent and the name of a tree; None where none are.

    The parent is the first of `parents` of whose values that share, at least, are ids.
    """
    for parent in parents:
        others = {name: values for name, values in columns.items() if name != parent}
        above = pa.array(_parents_in(columns[parent]), pa.string())
        shares = {
            name: (find_ids(above, pa.array(values)) >= 0).mean()
            for name, values in others.items()
            if len(above) and len(set(values)) >= _UNLIKE * len(values)
        }
        best = max(shares, key=lambda name: shares[name], default=None)
        if best is not None and shares[best] >= least:
            names = {name: values for name, values in others.items() if name != best} or others
            name = max(names, key=lambda name: _like_a_name(name, names[name]))
            return {"id": best, "parent": parent, "name": name}
    return None


def _unnamed_tree(columns: _Columns) -> dict[str, str] | None:
    """Return the columns of a tree by values: nearly all parents are ids, and some row has none.

    What numbers the rows is no parent, nor a level, nor what is the same in all that have one.
    """
    parents = {
        name: len(above)
        for name, values in columns.items()
        if 1 < len(above := _parents_in(values)) < len({*values, *above}) and not counts_up(values)
    }
    named = {name for name in parents if plain(name) in LEVELS or by_name(name, TITLES) >= _SURE}
    order = sorted(parents.keys() - named, key=lambda name: (-parents[name], name))
    return _tree_columns(columns, order, _NEARLY_ALL)


def _parents_in(values: Sequence[str]) -> list[str]:
    """Return the distinct ids that a column of parents names: not what stands for none."""
    return sorted({text for text in values if text and text.casefold() not in _NO_PARENT})


def _names_parent(header: str) -> bool:
    return any(word in plain(header) for word in PARENTS)


def _like_a_name(name: str, values: Sequence[str]) -> tuple[float, float]:
    numbers = sum(map(is_number, values)) / len(values)
    return max(by_name(name, TITLES), by_name(name, CATEGORIES)), -numbers
