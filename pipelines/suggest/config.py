"""Suggest a config for category files, and try it on them."""

from __future__ import annotations

import copy
import itertools
import os
import posixpath
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from configs.errors import UsageError
from configs.loading import parse_settings
from configs.settings import Settings
from pipelines import storage
from pipelines.category_files import find_category_files, first_records, read_category_file
from pipelines.dumps import DELIMITERS, ENDINGS
from pipelines.rejects import most_frequent
from pipelines.suggest.category_rules import categories_of, levels_of, name_what_is_above
from pipelines.suggest.files import catalogue_files, ending_of, pattern_of, shown
from pipelines.suggest.paths import texts_of
from pipelines.suggest.roles import roles_of
from pipelines.suggest.samples import Sample, sample_of, spread_over
from pipelines.unpacking import plain_name
from transforms.categories import level_name
from transforms.csv_records import RejectedRow
from transforms.labels import BETWEEN_LABELS

_TRIED_RECORDS = 2000
_TRIED_FILES = 8
_SHOWN = 5


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
    files, left_out = catalogue_files(input_root)
    sample = sample_of(files)
    document = _document(input_root, files, sample)
    settings = parse_settings(document, out)
    trial = _try(input_root, settings)
    storage.make_folder(posixpath.dirname(out) or ".", "--out")
    storage.write_bytes(out, _as_yaml(document, files).encode())
    figures = _figures(document, settings, trial)
    aside = {"files_left_out": left_out} if left_out else {}
    return {"input": input_root, "files": len(files), **aside, **figures, "config": out}


def _document(root: str, files: Sequence[storage.FileInfo], sample: Sample) -> dict[str, Any]:
    if not any(map(texts_of, sample.columns.values())):
        raise UsageError(
            f"--input {root}: {files[0].relative} holds a header alone, or nothing; name the "
            "folder of the category files"
        )
    roles = roles_of(sample.columns)
    if roles is None:
        raise UsageError(
            f"--input {root}: none of the columns {shown(sample.columns)} looks like a title; "
            "write the config by hand (docs/catalogues.md)"
        )
    source = {"files": pattern_of(files), **sample.source}
    source["columns"] = {"title": [roles.title]}
    categories, values = categories_of(files, sample, roles)
    document: dict[str, Any] = {"name": _name(root), "source": source, "categories": categories}
    if levels := levels_of(values, categories["separator"]):
        categories["levels"] = levels
    if not any(categories["separator"] in value for value in values):
        document["objectives"] = {"rule_based": False}  # there is no tree
    elif name_what_is_above(sample, roles):
        document["objectives"] = {"exclusive": {"conflicts": "deepest"}}
    dump = {"id": roles.id or "id", "title": roles.title}
    return {**document, "dump": dump | _dump_form(files[0].relative, sample.source)}


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
    return {
        "format": document["source"].get("format", "table"),
        "encoding": settings.source.encoding,
        "title": settings.source.columns.title[0],
        "category": of_files.get(rules.source) or " + ".join(rules.columns),
        "records_tried": len(trial.titles) + len(trial.rejects),
        "rejected": len(trial.rejects),
        **({"most_often_because": most_frequent(reasons)} if reasons else {}),
        "main_classes_in_these": len(names - {None}),
        "categories_in_these": len(set(labels)),
        "samples": [[trial.titles[n], labels[n]] for n in itertools.islice(spread, _SHOWN)],
    }


def _as_yaml(document: dict[str, Any], files: Sequence[storage.FileInfo]) -> str:
    head = (
        f"# Suggested by `aisle suggest-config` from {len(files)} files; look at each line.\n"
        "# Every key that may stand here is declared, with its default, in configs/settings.py;\n"
        "# docs/catalogues.md says what they do.\n"
    )
    return head + yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, default_flow_style=None
    )
