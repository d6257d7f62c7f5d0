"""Write what preprocessing counted, as files a person or a spreadsheet can open."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
from isal import igzip, igzip_lib

from configs.artifacts import SPLITS
from configs.errors import UsageError
from configs.settings import Settings
from pipelines import storage
from pipelines.rejects import most_frequent
from pipelines.run_files import naming_file, read_document
from transforms.categories import Taxonomy, level_name
from transforms.csv_records import EMPTY_TITLE
from transforms.gzip_bytes import gzip_bytes
from transforms.seen_ngrams import SeenNgrams, bytes_of

COUNTS, TAXONOMY = "counts.json", "taxonomy.json"
SEEN_NGRAMS = "ngrams_seen.gz"
_MAKES = "preprocess"


def write_statistics(
    counts: Counter, taxonomy: Taxonomy, vocabulary: pa.RecordBatch, *, folder: str, level: str
) -> None:
    """Write `counts.json`, `taxonomy.json` and the tables of `stats/`."""
    check_nothing_is_lost(counts)
    _write_json(f"{folder}/{COUNTS}", figures_of(counts))
    _write_json(f"{folder}/{TAXONOMY}", taxonomy.to_json())
    _write_csv(
        f"{folder}/categories.csv",
        ["level", "name", "records", "titles"],
        _category_rows(counts, taxonomy),
    )
    _write_csv(f"{folder}/labels.csv", ["label", *SPLITS], _label_rows(counts, taxonomy, level))
    words = sorted((int(key[1]), n) for key, n in counts.items() if key[0] == "words")
    _write_csv(f"{folder}/words_per_title.csv", ["words", "titles"], words)
    pairs = sorted((-n, key[1], key[2]) for key, n in counts.items() if key[0] == "conflict")
    _write_csv(
        f"{folder}/conflicts.csv", ["first", "second", "titles"], [(a, b, -n) for n, a, b in pairs]
    )
    reasons = sorted((key[1], n) for key, n in counts.items() if key[0] == "rejected")
    _write_csv(f"{folder}/rejected.csv", ["reason", "records"], reasons)
    tokens = [t.decode("utf-8", "replace") for t in vocabulary.column("token").to_pylist()]
    _write_csv(
        f"{folder}/vocabulary.csv",
        ["token", "count"],
        zip(tokens, vocabulary.column("count").to_pylist(), strict=True),
    )


def check_nothing_is_lost(counts: Counter) -> None:
    """Raise `RuntimeError` unless every record that was read came through every step.

    A record that was read is a trusted one or an empty title; a distinct title is labelled once.
    """
    empty = counts[("rejected", EMPTY_TITLE)]
    for what, before, after in (
        ("records", counts[("read",)], counts[("records",)] + empty),
        ("titles", counts[("titles",)], counts[("labelled",)]),
    ):
        if before != after:
            raise RuntimeError(f"preprocess lost {what}: {before} went in, {after} came out")


def figures_of(counts: Counter) -> dict[str, Any]:
    """Return the figures of the stage: they add up, record for record.

    `records = examples + rejected + duplicates + dropped_conflicts + unlabelled`, where
    `duplicates` are repeats of a cleaned title, less those that `conflicts: all` keeps. Where that
    makes several examples of one record, its categories beyond the first, `further_labels`, come
    in as well: they are added to the records.
    """
    rejected = sum(n for key, n in counts.items() if key[0] == "rejected")
    examples = {split: counts[("exclusive", split)] for split in SPLITS}
    records = counts[("records",)] + rejected
    left_out = counts[("dropped",)] + counts[("unlabelled",)]
    further = counts[("further_labels",)] if counts[("further_examples",)] else 0
    return {
        "records": records,
        "rejected": rejected,
        "titles": counts[("titles",)],
        "further_labels": further,
        "duplicates": records + further - rejected - sum(examples.values()) - left_out,
        "dropped_conflicts": counts[("dropped",)],
        "unlabelled": counts[("unlabelled",)],
        "examples": sum(examples.values()),
        "examples_by_split": examples,
        "rule_based_by_split": {split: counts[("rule_based", split)] for split in SPLITS},
        "conflicting_titles": counts[("conflicting",)],
        "repeats_in_other_categories": counts[("repeats_elsewhere",)],
        "empty_files": counts[("empty_files",)],
    }


def read_figures(folder: str) -> dict[str, Any]:
    """Return the figures that were written to a `stats` folder."""
    return read_document(f"{folder}/{COUNTS}", _MAKES, ("records", "examples_by_split"))


def read_taxonomy(folder: str) -> Taxonomy:
    """Return the tree of categories from a `stats` folder."""
    with naming_file(path := f"{folder}/{TAXONOMY}", _MAKES):
        return Taxonomy.from_json(json.loads(storage.read_bytes(path)))


def write_seen_ngrams(bits: bytes, *, folder: str) -> None:
    """Write which n-gram buckets occur in training, and which again, a bit each."""
    storage.write_bytes(f"{folder}/{SEEN_NGRAMS}", gzip_bytes(bits, 1))


def why_no_example(folder: str, level: str) -> str:
    """Return what kept most records of a `stats` folder without examples from being one."""
    figures, reasons = read_figures(folder), read_reasons(folder)
    if not figures["records"]:
        return "no file has more than a header; is source.encoding right?"
    often = most_frequent(reasons) if reasons else ""
    if often and reasons[often] >= figures["records"] - figures["rejected"]:
        return f"most often: {often}"
    if figures["dropped_conflicts"] >= figures["unlabelled"]:
        return "most titles stand in several categories, and objectives.exclusive.conflicts is drop"
    return (
        f"most often: no category at the level {level}; are categories.levels.{level} and "
        "categories.separator right?"
    )


def read_reasons(folder: str) -> dict[str, int]:
    """Return how many records were rejected for each reason, from a `stats` folder."""
    return {row["reason"]: int(row["records"]) for row in read_table(folder, "rejected")}


def read_seen_ngrams(folder: str, buckets: int) -> SeenNgrams:
    """Return the n-gram buckets that occur in training, from a `stats` folder."""
    path = f"{folder}/{SEEN_NGRAMS}"
    corrupt: Any = igzip_lib.IsalError  # the stub takes the class for an instance
    with naming_file(path, _MAKES, EOFError, corrupt):
        bits = igzip.decompress(storage.read_bytes(path))
    if bits and len(bits) != bytes_of(buckets):
        raise UsageError(
            f"{path}: not of this version of Aisle; run `aisle preprocess` again, with --force"
        )
    return SeenNgrams(bits, buckets)


def read_label_counts(folder: str) -> dict[str, dict[str, int]]:
    """Return the number of examples by label and split, from a `stats` folder."""
    with naming_file(f"{folder}/labels.csv", _MAKES):
        rows = read_table(folder, "labels")
        return {row["label"]: {split: int(row[split]) for split in SPLITS} for row in rows}


def read_table(folder: str, name: str) -> list[dict[str, str]]:
    """Return the rows of a table of a `stats` folder, by their headings."""
    with naming_file(path := f"{folder}/{name}.csv", _MAKES):
        text = storage.read_bytes(path).decode()
        return list(csv.DictReader(io.StringIO(text, newline="")))


def level_rules(settings: Settings) -> dict[str, tuple[int, int]]:
    """Return the rules of the levels as a `Taxonomy` has them."""
    levels = settings.categories.levels.items()
    return {level: (rule.part, rule.min_parts) for level, rule in levels}


def _category_rows(counts: Counter, taxonomy: Taxonomy) -> Iterable[Sequence[Any]]:
    """Yield a row for each name at each level: its records and its distinct titles.

    A title that stands in two categories of one level is a title of each.
    """
    for level in taxonomy.levels:
        titles = {name: counts[("level_titles", level, name)] for name in taxonomy.levels[level]}
        rows = {name: [0, of_name] for name, of_name in titles.items()}
        for category in taxonomy.categories:
            name = category if level == "full" else _name_at(category, taxonomy, level)
            if name is not None:
                rows[name][0] += counts[("category_records", category)]
        yield from ((level, name, *row) for name, row in rows.items())


def _name_at(category: str, taxonomy: Taxonomy, level: str) -> str | None:
    return level_name(category, taxonomy.separator, *taxonomy.level_rules[level])


def _label_rows(counts: Counter, taxonomy: Taxonomy, level: str) -> Iterable[Sequence[Any]]:
    for name in taxonomy.levels[level]:
        yield (name, *(counts[("label", split, name)] for split in SPLITS))


def _write_csv(path: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    storage.write_bytes(path, text.getvalue().encode())


def _write_json(path: str, document: Any) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    storage.write_bytes(path, text.encode())
