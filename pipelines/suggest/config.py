"""Suggest a config for category files, and try it on them."""

from __future__ import annotations

import contextlib
import itertools
import os
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from configs.errors import UsageError
from configs.loading import parse_settings
from configs.settings import Settings
from pipelines import listing, storage
from pipelines.category_files import find_category_files, first_records, read_category_file
from pipelines.rejects import MOST_OFTEN, most_frequent
from pipelines.suggest.roles import Roles, roles_of
from pipelines.suggest.samples import Sample, sample_of, spread_over
from pipelines.suggest.trees import FoundTree, parent_table, tree_of
from pipelines.unpacking import plain_name
from transforms.categories import category_of_file, level_name
from transforms.csv_records import RejectedRow
from transforms.labels import BETWEEN_LABELS

_TRIED_RECORDS = 2000
_TRIED_FILES = 8
_SHOWN = 5
_NO_CATALOGUE = (".md", ".pdf", ".png", ".jpg", ".jpeg", ".gif", ".yaml", ".yml", ".html", ".py")


@dataclass
class Trial:
    """What a config reads of some records: titles with their categories, and rejects."""

    titles: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    rejects: list[RejectedRow] = field(default_factory=list)


def suggest_config(input_root: str, out: str) -> dict[str, Any]:
    """Write a config for the category files below a folder; return what it says, and reads.

    Raises `UsageError` where there is no file, no title can be told, or `out` is there already.
    """
    if storage.exists(out):
        raise UsageError(f"--out {out}: is there already; name another file, or remove it")
    files, sample, tree = _look(input_root)
    document = _document(input_root, files, sample, tree)
    settings = parse_settings(document, out)
    trial = _try(input_root, settings)
    storage.make_folder(posixpath.dirname(out) or ".", "--out")
    storage.write_bytes(out, _as_yaml(document, files).encode())
    figures = _figures(document, settings, trial)
    return {"input": input_root, "files": len(files), **figures, "config": out}


def _look(root: str) -> tuple[list[listing.FileInfo], Sample, FoundTree | None]:
    """Return the files of the catalogue, some records, and the tree whose ids these hold, if so."""
    found = [file for file in listing.list_files(root) if _may_be_one(file.relative)]
    if not found:
        raise UsageError(f"--input {root}: no file there; name the folder of the category files")
    if (table := parent_table(found)) is not None:
        files = _most_alike([file for file in found if file != table.file])
        # a table of products may name parents too, of variants: but it is the largest
        if sum(file.size for file in files) > table.file.size:
            with contextlib.suppress(UsageError):  # what is there beside it is no catalogue
                sample = sample_of(files)
                if (tree := tree_of(root, table, sample)) is not None:
                    return files, sample, tree
    files = _most_alike(found)
    return files, sample_of(files), None


def _most_alike(found: Sequence[listing.FileInfo]) -> list[listing.FileInfo]:
    """Return the files that have the ending of most bytes."""
    sizes: Counter[str] = Counter()
    for file in found:
        sizes[_ending(file.relative)] += file.size
    most = sizes.most_common(1)
    return [file for file in found if _ending(file.relative) == most[0][0]]


def _may_be_one(name: str) -> bool:
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and not name.lower().endswith(_NO_CATALOGUE)


def _ending(name: str) -> str:
    """Return a file's ending, that of its compression with it: `.csv.gz`."""
    stem = plain_name(name)
    packed = name[len(stem) :]
    return os.path.splitext(stem)[1] + packed


def _document(
    root: str, files: Sequence[listing.FileInfo], sample: Sample, tree: FoundTree | None
) -> dict[str, Any]:
    of_tree = (tree.column,) if tree else ()
    roles = roles_of({k: v for k, v in sample.columns.items() if k not in of_tree})
    if roles is None:
        raise UsageError(
            f"--input {root}: none of the columns {list(sample.columns)} looks like a title; "
            "write the config by hand (docs/catalogues.md)"
        )
    source = {"files": f"**/*{_ending(files[0].relative)}", **sample.source}
    source["columns"] = {"title": [roles.title]}
    if tree:
        categories, values = tree.section, tree.paths(sample.columns[tree.column])
    else:
        categories, values = _categories(files, sample, roles)
    document: dict[str, Any] = {"name": _name(root), "source": source, "categories": categories}
    if levels := _levels(values, categories["separator"]):
        categories["levels"] = levels
    if not any(categories["separator"] in value for value in values):
        document["objectives"] = {"rule_based": False}  # there is no tree
    dump = {"id": roles.id or "id", "title": roles.title}
    alike = ("items", "encoding", "delimiter", "quoting")
    dump |= {key: sample.source[key] for key in alike if key in sample.source}
    return {**document, "dump": dump}


def _categories(
    files: Sequence[listing.FileInfo], sample: Sample, roles: Roles
) -> tuple[dict[str, Any], list[str]]:
    """Return the section `categories`, and the categories of the sample."""
    if roles.categories:
        found = {"source": "columns", "columns": roles.categories, "separator": roles.separator}
        if roles.label_separator:
            found["label_separator"] = roles.label_separator
        rows = zip(*(sample.columns[name] for name in roles.categories), strict=True)
        values = [
            roles.separator.join(str(v[0] if isinstance(v, list) and v else v or "") for v in row)
            for row in rows
        ]
        return found, [value for value in values if value.strip(f" {roles.separator}")]
    names = [plain_name(file.relative) for file in files]
    folders = {os.path.dirname(name) for name in names}
    if len(folders) > 1 and "" not in folders:
        return {"source": "folders", "separator": "/"}, sorted(folders)
    stems = [os.path.splitext(os.path.basename(name))[0] for name in names]
    if len(stems) == 1:
        raise UsageError(
            f"no column of {files[0].path} looks like a category; its columns are "
            f"{list(sample.columns)}: write the config by hand (docs/catalogues.md)"
        )
    separator, prefix = _parts_of_names(stems)
    found = {"source": "file_name", "separator": separator}
    if prefix:
        found["prefix"] = prefix
    values = [
        category_of_file(name, rename=[], prefix=prefix, separator=separator) for name in names
    ]
    return found, values


def _parts_of_names(stems: Sequence[str]) -> tuple[str, str]:
    """Return the separator of the files' names, and what all of them begin with."""
    for mark in (">", "__", "_", "-"):
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


def _levels(values: Sequence[str], separator: str) -> dict[str, Any]:
    """Return where `main` is the second part, because the first is the same everywhere."""
    tops = {value.split(separator)[0].strip() for value in values}
    deep = sum(separator in value for value in values)
    if len(tops) > 1 or deep < len(values) / 2:
        return {}
    return {"main": {"part": 1, "min_parts": 2}, "bottom": {"part": -1, "min_parts": 2}}


def _name(root: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", os.path.basename(root.rstrip("/"))).strip("_.-")
    return name or "catalogue"


def _try(root: str, settings: Settings) -> Trial:
    """Read some records as preprocessing will, of files spread over all."""
    trial = Trial()
    some = spread_over(find_category_files(root, settings)[0], _TRIED_FILES)
    for file in some:
        share = _TRIED_RECORDS // len(some)
        read = read_category_file(file, settings.source, settings.categories)
        for batch, rejects in first_records(read, share):
            trial.titles += batch.column("title").to_pylist()
            trial.categories += batch.column("category").to_pylist()
            trial.rejects += rejects
    return trial


def _figures(document: dict[str, Any], settings: Settings, trial: Trial) -> dict[str, Any]:
    rules = settings.categories
    main = rules.levels["main"]
    labels = [c.split(BETWEEN_LABELS)[0] for c in trial.categories]
    names = {level_name(c, rules.separator, main.part, main.min_parts) for c in labels}
    spread = range(0, len(labels), max(1, len(labels) // _SHOWN))
    reasons = Counter(bad.reason for bad in trial.rejects)
    of_files = {"file_name": "the file's name", "folders": "the folder"}
    in_tree = f" in {rules.tree.files}" if rules.tree else ""
    return {
        "format": document["source"].get("format", "table"),
        "encoding": settings.source.encoding,
        "title": settings.source.columns.title[0],
        "category": of_files.get(rules.source) or " + ".join(rules.columns) + in_tree,
        "records_tried": len(trial.titles) + len(trial.rejects),
        "rejected": len(trial.rejects),
        **({MOST_OFTEN: most_frequent(reasons)} if reasons else {}),
        "main_classes_in_these": len(names - {None}),
        "categories_in_these": len(set(labels)),
        "samples": [[trial.titles[n], labels[n]] for n in itertools.islice(spread, _SHOWN)],
    }


def _as_yaml(document: dict[str, Any], files: Sequence[listing.FileInfo]) -> str:
    head = (
        f"# Suggested by `aisle suggest-config` from {len(files)} files; look at each line.\n"
        "# Every key that may stand here is declared, with its default, in configs/settings.py;\n"
        "# docs/catalogues.md says what they do.\n"
    )
    return head + yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, default_flow_style=None
    )
