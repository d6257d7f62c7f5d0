"""How many records, titles, words and repeats a part has, by category; without TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from transforms.labels import BETWEEN_LABELS


def count_titles(rows: Iterable[pa.RecordBatch], titles: pa.RecordBatch) -> Counter:
    """Count records and titles per category, words per title, and repeats.

    Keys: `("records",)`, `("titles",)`, `("repeats_elsewhere",)`: pairs of a title and a category
    beyond its first; `("category_records", name)`, `("category_titles", name)`, `("words", n)`;
    `("further_labels",)`: categories of records beyond the first of each.
    """
    counts: Counter = Counter()
    for batch in rows:
        counts[("records",)] += batch.num_rows
        of_category = _value_counts("category_records", batch.column("category"))
        counts.update(_of_each_label(of_category))
    categories = titles.column("categories")
    counts[("titles",)] = titles.num_rows
    counts[("repeats_elsewhere",)] = len(categories.flatten()) - titles.num_rows
    counts.update(_value_counts("category_titles", categories.flatten()))
    text = pc.utf8_trim_whitespace(titles.column("text").cast(pa.string()))
    counts.update(_value_counts("words", pc.add(pc.count_substring(text, " "), 1)))
    return counts


def _value_counts(kind: str, values: pa.Array) -> dict[tuple[str, object], int]:
    found = pc.value_counts(values)
    names, counts = found.field("values").to_pylist(), found.field("counts").to_pylist()
    return {(kind, name): count for name, count in zip(names, counts, strict=True)}


def _of_each_label(counts: dict[tuple[str, object], int]) -> Counter:
    """Count a record in several categories (`labels.record_labels`) once for each."""
    found: Counter = Counter()
    for (kind, names), count in counts.items():
        several = str(names).split(BETWEEN_LABELS)
        found.update({(kind, name): count for name in several})
        if len(several) > 1:
            found[("further_labels",)] += count * (len(several) - 1)
    return found
