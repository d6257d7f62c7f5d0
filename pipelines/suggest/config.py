"""Suggest a config for category files, and try it on them."""

from __future__ import annotations

import contextlib
import copy
import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from configs.errors import UsageError
from configs.loading import parse_settings
from pipelines import listing, storage
from pipelines.dumps import DELIMITERS, ENDINGS
from pipelines.suggest.category_rules import categories_of, levels_of, name_what_is_above
from pipelines.suggest.files import (
    ending_of,
    files_below,
    found_by,
    most_alike,
    pattern_of,
    shown,
    some_of,
)
from pipelines.suggest.paths import texts_of
from pipelines.suggest.roles import roles_of
from pipelines.suggest.samples import Sample, sample_of
from pipelines.suggest.trees import FoundTree, ParentTable, parent_tables, tree_of
from pipelines.suggest.trial import trial_figures, try_config
from pipelines.unpacking import plain_name

_NO_LETTER = re.compile(r"[\ud800-\udfff]|\\uD[89A-F]")  # as YAML writes them


@dataclass(frozen=True)
class _Seen:
    """The files of the catalogue, which were left out, some records, and the tree of their ids.

    `others` are all other files there that are no table of the tree.
    """

    files: list[listing.FileInfo]
    left_out: str
    sample: Sample
    others: list[listing.FileInfo]
    tree: FoundTree | None = None


def suggest_config(input_root: str, out: str) -> dict[str, Any]:
    """Write a config for the category files below a folder; return what it says, and reads.

    Where it reads nothing, it is written too, and `nothing_read` says why it must be mended.
    Raises `UsageError` where there is no file, no title can be told, or `out` is there already.
    """
    if storage.exists(out):
        raise UsageError(f"--out {out}: is there already; name another file, or remove it")
    seen = _look(input_root)
    document = _document(input_root, seen)
    _check_letters(input_root, document)
    settings = parse_settings(document, out)
    trial = try_config(input_root, settings)
    storage.make_folder(posixpath.dirname(out) or ".", "--out")
    storage.write_bytes(out, _as_yaml(document, seen.files).encode())
    figures = trial_figures(document, settings, trial)
    aside = {"files_left_out": seen.left_out} if seen.left_out else {}
    if too := found_by(settings.source.files, seen.others):
        aside["files_that_are_read_too"] = some_of(too)
    return {"input": input_root, "files": len(seen.files), **aside, **figures, "config": out}


def _look(root: str) -> _Seen:
    found = files_below(root)
    for table in parent_tables(found):
        if (seen := _beside_tree(root, found, table)) is not None:
            return seen
    files, left_out = most_alike(found)
    sample = sample_of(files)
    if (alone := sample.source.get("files")) is not None:  # a table among others
        left_out = [*left_out, *(file for file in files if file.relative != alone)]
    return _Seen(files, some_of(left_out), sample, _others(root, files))


def _beside_tree(root: str, found: Sequence[listing.FileInfo], table: ParentTable) -> _Seen | None:
    """Return the catalogue that is there beside a table, if that is the tree of its ids."""
    files, left_out = most_alike([file for file in found if file != table.file])
    # a table of products may name parents too, of variants: but it is the largest
    if sum(file.size for file in files) <= table.file.size:
        return None
    with contextlib.suppress(UsageError):  # what is there beside it is no catalogue
        sample = sample_of(files)
        if (tree := tree_of(root, table, sample)) is not None:
            others = _others(root, [*files, table.file])
            return _Seen(files, some_of(left_out), sample, others, tree)
    return None


def _others(root: str, files: Sequence[listing.FileInfo]) -> list[listing.FileInfo]:
    there = listing.without_marks(listing.list_files(root), root)
    return [file for file in there if file not in {*files}]


def _document(root: str, seen: _Seen) -> dict[str, Any]:
    files, sample, tree = seen.files, seen.sample, seen.tree
    if not any(map(texts_of, sample.columns.values())):
        raise UsageError(
            f"--input {root}: {files[0].relative} holds a header alone, or nothing; name the "
            "folder of the category files"
        )
    of_tree = (tree.column,) if tree else ()
    roles = roles_of({k: v for k, v in sample.columns.items() if k not in of_tree})
    if roles is None:
        raise UsageError(
            f"--input {root}: none of the columns {shown(sample.columns)} looks like a title; "
            "write the config by hand (docs/catalogues.md)"
        )
    source = {"files": pattern_of(files, seen.others), **sample.source}
    source["columns"] = {"title": [roles.title]}
    if tree:
        categories, values = tree.section, tree.paths(sample.columns[tree.column])
    else:
        categories, values = categories_of(files, sample, roles)
    document: dict[str, Any] = {"name": _name(root), "source": source, "categories": categories}
    if levels := levels_of(values, categories["separator"]):
        categories["levels"] = levels
    if not any(categories["separator"] in value for value in values):
        document["objectives"] = {"rule_based": False}  # there is no tree
    elif not tree and name_what_is_above(sample, roles):
        document["objectives"] = {"exclusive": {"conflicts": "deepest"}}
    dump = {"id": roles.id or "id", "title": roles.title}
    return {**document, "dump": dump | _dump_form(files[0].relative, sample.source)}


def _check_letters(root: str, document: Mapping[str, Any]) -> None:
    """Raise `UsageError` where a header, or the name of a file, has bytes that are no character."""
    text = yaml.safe_dump(document, allow_unicode=True)
    odd = next((line for line in text.splitlines() if _NO_LETTER.search(line)), None)
    if odd is not None:
        where = odd.strip(" -").encode("ascii", "backslashreplace").decode()
        raise UsageError(
            f"--input {root}: a header or a file's name has bytes that are no character in "
            f"{document['source'].get('encoding', 'utf-8')}, at {where}; mend it, or put files of "
            "one encoding in a folder of their own"
        )


def _dump_form(name: str, source: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a dump is written, if it is as the category files are."""
    alike = ("items", "encoding", "quoting", "escape", "header", "skip_lines")
    found = {key: copy.copy(source[key]) for key in alike if key in source}
    form = source.get("format", "csv")
    known = ENDINGS.get(ending_of(plain_name(name)).lower())
    if known is None:
        found["format"] = form
    delimiter = source.get("delimiter", ",")
    if form == "csv" and delimiter != DELIMITERS.get(known or "csv"):
        found["delimiter"] = delimiter
    return found


def _name(root: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", os.path.basename(root.rstrip("/"))).strip("_.-")
    return name or "catalogue"


def _as_yaml(document: dict[str, Any], files: Sequence[listing.FileInfo]) -> str:
    head = (
        f"# Suggested by `aisle suggest-config` from {len(files)} files; look at each line.\n"
        "# Every key that may stand here is declared, with its default, in configs/;\n"
        "# docs/catalogues.md says what they do.\n"
    )
    return head + yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, default_flow_style=None
    )
