"""The door for the tree of categories: a table beside the category files, read and checked."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from configs.categories import CategorySettings
from configs.errors import UsageError
from configs.source import SourceSettings
from pipelines import listing
from pipelines.side_tables import SideFile, find_side_files, names_of, read_side_table
from transforms.category_trees import CategoryTree, UnclearTree, make_tree

_WHERE = "categories.tree"


def find_tree_files(
    root: str, categories: CategorySettings, source: SourceSettings
) -> tuple[tuple[SideFile, ...], list[listing.FileInfo]]:
    """Return the files of the tree, for messages and as they are; none where no tree is set.

    The tree is read once. Raises `UsageError` where there is no such file, a column is missing, a
    row cannot be read, or the table is no tree.
    """
    if categories.tree is None:
        return (), []
    files, infos = find_side_files(root, categories.tree.files, _WHERE)
    load_tree(files, categories, source)
    return files, infos


def load_tree(
    files: Sequence[SideFile], categories: CategorySettings, source: SourceSettings
) -> CategoryTree | None:
    """Return the tree, which is kept in memory for as long as the process lives; None for no files.

    Raises `UsageError` for a table that is no tree.
    """
    if not files:
        return None
    return _load_tree(tuple(files), categories.model_dump_json(), source.model_dump_json())


@functools.lru_cache(maxsize=4)
def _load_tree(files: tuple[SideFile, ...], categories: str, source: str) -> CategoryTree:
    rules = CategorySettings.model_validate_json(categories)
    assert rules.tree is not None
    columns = read_side_table(
        files,
        {"ids": rules.tree.id, "parents": rules.tree.parent, "names": rules.tree.name},
        SourceSettings.model_validate_json(source),
        _WHERE,
        "id, parent or name",
    )
    name = names_of(files)
    try:
        return make_tree(name, **columns, roots=rules.tree.roots, separator=rules.separator)
    except UnclearTree as problem:
        raise UsageError(f"{_WHERE} {name}: {problem}") from problem
