"""Try a suggested config on some records, and say what it reads of them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from configs.settings import Settings
from pipelines.category_files import (
    CategoryFile,
    find_category_files,
    first_records,
    read_category_file,
)
from pipelines.file_parts import FilePart
from pipelines.labelled_records import table_format
from pipelines.rejects import MOST_OFTEN, most_frequent
from pipelines.suggest.further import PLACES, further_pieces, plain_lines, sampled
from pipelines.suggest.samples import spread_over
from transforms.categories import level_name
from transforms.csv_records import RejectedRow
from transforms.labels import BETWEEN_LABELS

NOTHING_READ = "nothing_read"
_TRIED_RECORDS = 2000
_SHOWN = 5
_SOME = 50  # records, of which it can be said


@dataclass
class Trial:
    """What a config reads of some records: titles with their categories, and rejects."""

    titles: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    rejects: list[RejectedRow] = field(default_factory=list)


def try_config(root: str, settings: Settings) -> Trial:
    """Read some records as preprocessing will, of files spread over all."""
    trial = Trial()
    some = _and_further(spread_over(find_category_files(root, settings)[0], PLACES), settings)
    for file in some:
        share = _TRIED_RECORDS // len(some)
        read = read_category_file(file, settings.source, settings.categories)
        for batch, rejects in first_records(read, share):
            trial.titles += batch.column("title").to_pylist()
            trial.categories += batch.column("category").to_pylist()
            trial.rejects += rejects
    return trial


def _and_further(files: list[CategoryFile], settings: Settings) -> list[CategoryFile]:
    """Return the files, and of large ones what stands further on."""
    source = settings.source
    forms = {"table": sampled(table_format(source)), "jsonl": plain_lines(source.encoding)}
    if source.format not in forms:
        return files
    begins: dict[CategoryFile, list[int]] = {file: [0] for file in files}
    for file, piece in further_pieces(files, forms[source.format]):
        begins[file].append(piece.begin)
    return [
        replace(file, part=FilePart(begin, end))
        for file, places in begins.items()
        for begin, end in itertools.zip_longest(places, places[1:])
    ]


def trial_figures(document: Mapping[str, Any], settings: Settings, trial: Trial) -> dict[str, Any]:
    rules = settings.categories
    main = rules.levels["main"]
    every = [category.split(BETWEEN_LABELS) for category in trial.categories]
    labels = [some[0] for some in every]
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
        **({} if trial.titles else {NOTHING_READ: _why_nothing(document, reasons)}),
        "main_classes_in_these": len(names - {None}),
        "categories_in_these": len(set(labels)),
        **_lonely(labels),
        **_alike(itertools.chain(*every), rules.separator),
        "samples": [[trial.titles[n], labels[n]] for n in itertools.islice(spread, _SHOWN)],
    }


def _why_nothing(document: Mapping[str, Any], reasons: Counter[str]) -> str:
    """Say in one line what is wrong with a config that reads no record."""
    if not reasons:
        return f"no record was read: source.files {document['source']['files']!r} finds none"
    return f"all {reasons.total()} records that were tried are rejected, most as: " + (
        most_frequent(reasons)
    )


def _lonely(labels: Sequence[str]) -> dict[str, str]:
    """Say how many categories have one record alone, where most do: what is learned of those?"""
    counts = Counter(labels)
    once = sum(count == 1 for count in counts.values())
    most = len(labels) >= _SOME and once > len(labels) / 2
    return {"categories_of_one_record": f"{once} of {len(counts)}"} if most else {}


def _alike(labels: Iterable[str], separator: str) -> dict[str, str]:
    """Say how many categories, or those above them, differ from others in case alone.

    They would be learned as classes of their own: `Women>Shoes` and `WOMEN>Shoes`.
    """
    spelled: dict[str, set[str]] = {}
    for label in {*labels}:
        *above, name = ["", *label.split(separator)]
        while above:
            place = separator.join([*above, name]).removeprefix(separator).casefold()
            spelled.setdefault(place, set()).add(name)
            *above, name = above
    several = {place: names for place, names in sorted(spelled.items()) if len(names) > 1}
    if not several:
        return {}
    one, other = sorted(next(iter(several.values())), reverse=True)[:2]
    return {"categories_alike": f"{len(several)}, for example {one!r} and {other!r}"}
