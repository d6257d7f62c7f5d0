"""Look at the examples before anything is trained: one page from `stats/` and the shards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from configs.artifacts import SPLITS, RunArtifacts
from configs.settings import Settings
from pipelines import storage
from pipelines.made_with import check_made_with
from pipelines.progress import counting
from pipelines.stage import require_manifest
from pipelines.statistics import read_figures, read_label_counts, read_table, read_taxonomy
from trainer.breakdowns import words_of
from trainer.dataset import CATEGORIES, TITLE, read_examples, shard_files
from trainer.exploration_page import render_exploration
from transforms.categories import Taxonomy

PAGE, JSON = "exploration.html", "exploration.json"
SAMPLES, SHARED_SAMPLES, SAMPLED_PAIRS = 5, 2, 100
_BATCH = 8192


def explore(settings: Settings, artifacts: RunArtifacts, folder: str, rows: int) -> dict[str, Any]:
    """Write `exploration.html` and `exploration.json` to a folder; return what a table shows.

    rows: how many titles of the train part are read for samples and words by category. Raises
    `UsageError` where preprocessing is not finished, or was done with other settings.
    """
    require_manifest(artifacts.tfrecords, "preprocess")
    check_made_with(settings, artifacts)
    storage.make_folder(folder, "--out")
    found = describe(settings, artifacts, rows)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    storage.write_bytes(f"{folder}/{JSON}", text.encode())
    storage.write_bytes(f"{folder}/{PAGE}", render_exploration(found).encode())
    levels = {f"{level}: categories": len(of) for level, of in found["levels"].items()}
    shown = ("records", "titles", "duplicates", "conflicting_titles", "rejected")
    counts = {key: found["counts"][key] for key in shown}
    return {**counts, **levels, "page": f"{folder}/{PAGE}"}


def describe(settings: Settings, artifacts: RunArtifacts, rows: int) -> dict[str, Any]:
    """Return all that the page shows, as plain JSON.

    `levels`: for each level a row a category, the largest first: `records` and distinct `titles`.
    `words`: pairs of words and titles. `conflicts`: pairs of classes that share titles. `sampled`:
    see `Sample.figures`. The classes are those of `level`.
    """
    level = settings.objectives.exclusive.level
    conflicts = [
        {"first": row["first"], "second": row["second"], "titles": int(row["titles"])}
        for row in _table(artifacts, "conflicts")
    ]
    return {
        "name": settings.name,
        "run_id": artifacts.run_id,
        "level": level,
        "token_length": settings.features.tokens.length,
        "counts": read_figures(artifacts.stats),
        "levels": _levels(artifacts),
        "labels": [
            {"name": name, **{split: counts[split] for split in SPLITS}}
            for name, counts in read_label_counts(artifacts.stats).items()
        ],
        "words": _counted(artifacts, "words_per_title"),
        "conflicts": conflicts,
        "rejected": _counted(artifacts, "rejected"),
        "tokens": _first_tokens(artifacts),
        "sampled": _read_sample(artifacts, level, rows).figures(),
    }


def _read_sample(artifacts: RunArtifacts, level: str, rows: int) -> Sample:
    """Read the first titles of the train part; the shards are in chance order."""
    pairs = [(row["first"], row["second"]) for row in _table(artifacts, "conflicts")]
    sample = Sample(read_taxonomy(artifacts.stats), level, pairs)
    files = shard_files(artifacts, "train")
    total = min(rows, read_figures(artifacts.stats)["examples_by_split"]["train"])
    with counting("explore", "titles", total) as progress:
        for batch in read_examples(files, (TITLE, CATEGORIES), batch_size=_BATCH, rows=rows):
            categories = batch[CATEGORIES]
            titles = batch[TITLE].numpy().tolist()
            sample.add(titles, categories.values.numpy(), categories.row_lengths().numpy())
            progress(len(titles))
    return sample


class Sample:
    """What the first titles say of each class: words per title, some titles, shared titles."""

    def __init__(self, taxonomy: Taxonomy, level: str, pairs: Sequence[tuple[str, str]]) -> None:
        self._names = taxonomy.levels[level]
        self._class_of = taxonomy.labels_at(level)
        number = {name: i for i, name in enumerate(self._names)}
        chosen = pairs[:SAMPLED_PAIRS]
        self._shared: dict[tuple[int, int], list[str]] = {
            (min(a, b), max(a, b)): [] for a, b in ((number[a], number[b]) for a, b in chosen)
        }
        self._titles: list[list[str]] = [[] for _ in self._names]
        self._words: list[np.ndarray] = []
        self._classes: list[np.ndarray] = []
        self.rows = 0

    def add(self, titles: Sequence[bytes], categories: np.ndarray, lengths: np.ndarray) -> None:
        """Take titles, and of each the next `lengths[i]` ids of its categories."""
        self.rows += len(titles)
        row = np.repeat(np.arange(len(titles)), lengths)
        classes = self._class_of[categories]
        stands = np.unique(np.stack([row, classes], axis=1)[classes >= 0], axis=0)
        self._words.append(words_of(titles)[stands[:, 0]])
        self._classes.append(stands[:, 1])
        for place, number in stands.tolist():
            if len(self._titles[number]) < SAMPLES:
                self._titles[number].append(titles[place].decode("utf-8", "replace"))
        self._add_shared(titles, stands)

    def _add_shared(self, titles: Sequence[bytes], stands: np.ndarray) -> None:
        """Keep titles of the pairs of classes; `stands` are rows and classes, sorted."""
        ends = np.flatnonzero(np.diff(stands[:, 0], append=-1)) + 1
        starts = np.concatenate([[0], ends[:-1]])
        for begin, end in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True):
            for pair in _pairs(stands[begin:end, 1].tolist()):
                kept = self._shared.get(pair)
                if kept is not None and len(kept) < SHARED_SAMPLES:
                    kept.append(titles[stands[begin, 0]].decode("utf-8", "replace"))

    def figures(self) -> dict[str, Any]:
        """Return `rows` read, `classes`: words per title and titles of each, and `shared`."""
        words, classes = np.concatenate(self._words), np.concatenate(self._classes)
        order = np.argsort(classes, kind="stable")
        ends = np.cumsum(np.bincount(classes, minlength=len(self._names)))
        of_class = np.split(words[order], ends[:-1])
        return {
            "rows": self.rows,
            "all": five_numbers(words),
            "classes": [
                {"name": name, "titles": titles, "words": five_numbers(counts)}
                for name, titles, counts in zip(self._names, self._titles, of_class, strict=True)
            ],
            "shared": [
                {"first": self._names[a], "second": self._names[b], "titles": titles}
                for (a, b), titles in self._shared.items()
                if titles
            ],
        }


def five_numbers(values: np.ndarray) -> dict[str, float] | None:
    """Return what a box plot shows of values [n], None of none.

    Quartiles; whiskers at the 2nd and 98th percentile, as titles have no outliers but a long tail.
    """
    if not len(values):
        return None
    low, first, median, third, high = np.percentile(values, [2, 25, 50, 75, 98]).tolist()
    return {
        "n": len(values),
        "low": low,
        "q1": first,
        "median": median,
        "q3": third,
        "high": high,
        "longest": int(values.max()),
    }


def _pairs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    return ((a, b) for i, a in enumerate(numbers) for b in numbers[i + 1 :])


def _levels(artifacts: RunArtifacts) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in _table(artifacts, "categories"):
        of_name = {
            "name": row["name"],
            "records": int(row["records"]),
            "titles": int(row["titles"]),
        }
        found.setdefault(row["level"], []).append(of_name)
    for rows in found.values():
        rows.sort(key=lambda row: (-row["titles"], row["name"]))
    return found


def _first_tokens(artifacts: RunArtifacts, first: int = 30) -> list[list[Any]]:
    """Return the most frequent tokens and their counts."""
    return sorted(_counted(artifacts, "vocabulary"), key=lambda row: -row[1])[:first]


def _counted(artifacts: RunArtifacts, name: str) -> list[list[Any]]:
    """Return a table of something and its count; what is a number in both, as numbers."""
    rows = (list(row.values()) for row in _table(artifacts, name))
    numbered = name == "words_per_title"
    return [[int(what) if numbered else what, int(count)] for what, count in rows]


def _table(artifacts: RunArtifacts, name: str) -> Iterator[Mapping[str, str]]:
    return iter(read_table(artifacts.stats, name))
