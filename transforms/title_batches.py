"""What happens to the titles of a batch: cleaning, counting; as functions that know no Beam."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.settings import SplitSettings, TextSettings, TokenSettings
from transforms.labels import BETWEEN_LABELS
from transforms.titles import CLEANED, further_columns, split_of

READ = pa.schema(
    [
        ("file", pa.int32()),
        ("line", pa.int64()),
        ("category", pa.string()),
        ("title", pa.string()),
    ]
)


def clean_batch(
    batch: pa.RecordBatch, text: TextSettings, key: int
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Return a batch of `CLEANED`, and the rows of `READ` of which nothing was left."""
    from transforms.graphs import clean_and_hash

    cleaned, keys = clean_and_hash(batch.column("title"), text, key)
    blank = pc.equal(pc.binary_length(cleaned), 0)
    blank = pc.or_(blank, pc.equal(cleaned, pa.scalar(b" ", pa.binary())))
    whole = pa.RecordBatch.from_arrays(
        [keys, batch.column("file"), batch.column("line"), batch.column("category"), cleaned],
        schema=CLEANED,
    )
    for name in further_columns(batch, READ):
        whole = whole.append_column(name, batch.column(name))
    if not pc.any(blank).as_py():
        return whole, batch.slice(0, 0)
    return whole.filter(pc.invert(blank)), batch.filter(blank)


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


def count_tokens(
    titles: pa.RecordBatch, tokens: TokenSettings, split: SplitSettings
) -> pa.RecordBatch:
    """Return the distinct tokens of a part's training titles and how often each occurs."""
    from transforms.graphs import unique_tokens

    texts = of_training(titles, split).column("text")
    return unique_tokens(texts, tokens.strip, tokens.separate)


def of_training(titles: pa.RecordBatch, split: SplitSettings) -> pa.RecordBatch:
    """Return the titles of the train part."""
    return titles.filter(pa.array(is_training(titles, split)))


def is_training(titles: pa.RecordBatch, split: SplitSettings) -> np.ndarray:
    """Return which titles are of the train part, bool [n]."""
    key = titles.column("key").to_numpy()
    return split_of(key, (split.train, split.valid, split.test)) == 0
