"""Distinct titles: one row a cleaned text, with every category in which it stands.

All functions take and give Arrow record batches; none loops over rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.preprocess import SplitSettings
from transforms.categories import NO_LABEL, Taxonomy
from transforms.labels import split_labels
from transforms.text_keys import KEY_BITS

CLEANED = pa.schema(
    [
        ("key", pa.int64()),
        ("file", pa.int32()),
        ("line", pa.int64()),
        ("category", pa.string()),
        ("text", pa.binary()),
    ]
)
DISTINCT = pa.schema(
    [("key", pa.int64()), ("text", pa.binary()), ("categories", pa.list_(pa.string()))]
)


def cut_by_key(batch: pa.RecordBatch, parts: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cut a batch with a `key` column into the pieces whose key is `part` modulo `parts`."""
    part = batch.column("key").to_numpy() % parts
    order = np.argsort(part, kind="stable")
    sorted_batch = batch.take(pa.array(order))
    bounds = np.searchsorted(part[order], np.arange(parts + 1))
    for number in range(parts):
        begin, end = int(bounds[number]), int(bounds[number + 1])
        if end > begin:
            yield number, sorted_batch.slice(begin, end - begin)


def distinct_titles(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Return one row a text, by falling order of chance: sorted by key (see `DISTINCT`).

    Rows `(k, 1, 0, b, x), (k, 0, 5, a, x), (k, 0, 7, a, x)` of `CLEANED`, in any order, become
    `(k, x, [a, b])`: the categories in the order of file and line, each once. A row in several
    categories (`labels.record_labels`) stands for a row each. Columns beside those of `CLEANED`
    are those of the first row.
    """
    table = pa.Table.from_batches(batches, None if batches else CLEANED)
    texts = pc.dictionary_encode(table.column("text").combine_chunks())
    categories = pc.dictionary_encode(table.column("category").combine_chunks())
    place = (table.column("file").to_numpy().astype(np.int64) << 40) | table.column(
        "line"
    ).to_numpy()
    text = texts.indices.to_numpy()
    order = np.lexsort((place, text))
    first = order[np.flatnonzero(np.diff(text[order], prepend=-1))]
    key = table.column("key").to_numpy()[first]
    by_key = np.lexsort((place[first], key))
    standing, category, names = _one_category_each(text[order], categories, order)
    chosen, counts = _categories_in_order(standing, category)
    lists = pa.ListArray.from_arrays(
        pa.array(np.concatenate(([0], np.cumsum(counts))), pa.int32()),
        names.take(pa.array(chosen)),
    )
    titles = pa.RecordBatch.from_arrays(
        [
            pa.array(key[by_key]),
            texts.dictionary.take(pa.array(text[first][by_key])),
            lists.take(pa.array(by_key)),
        ],
        schema=DISTINCT,
    )
    for name in further_columns(table, CLEANED):
        of_first = table.column(name).combine_chunks().take(pa.array(first[by_key]))
        titles = titles.append_column(name, of_first)
    return titles


def further_columns(rows: pa.RecordBatch | pa.Table, schema: pa.Schema) -> list[str]:
    """Return the names of the columns that go along with those of a schema."""
    return [name for name in rows.schema.names if name not in schema.names]


def split_of(key: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Return for each key the index of its part, int8 [n]; `shares` add to one.

    A key is spread evenly over [0, 2^62): its part is where it lies on that line.
    """
    ends = np.cumsum(np.asarray(shares, np.float64))[:-1] * float(1 << KEY_BITS)
    return np.searchsorted(ends, key.astype(np.float64), side="right").astype(np.int8)


def of_training(titles: pa.RecordBatch, split: SplitSettings) -> pa.RecordBatch:
    """Return the titles of the train part."""
    return titles.filter(pa.array(is_training(titles, split)))


def is_training(titles: pa.RecordBatch, split: SplitSettings) -> np.ndarray:
    """Return which titles are of the train part, bool [n]."""
    key = titles.column("key").to_numpy()
    return split_of(key, (split.train, split.valid, split.test)) == 0


def exclusive_labels(
    categories: pa.ListArray, taxonomy: Taxonomy, *, level: str, conflicts: str
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return rows, their labels at `level`, and how many titles conflict there.

    Categories `[[a_x, b_y], [b_y]]` at `main` give rows `[0, 1]`, labels `[a, b]` with `first`;
    `[1]`, `[b]` with `drop`; `[0, 0, 1]`, `[a, b, b]` with `all`; one title conflicts. Of
    `[[a, a_x, b]]` at the last level `first` gives `[a]`, `deepest` `[x]`.
    """
    row, label = title_labels(categories, taxonomy, level, deepest_first=conflicts == "deepest")
    begins = np.flatnonzero(np.diff(row, prepend=-1))
    sizes = np.diff(np.append(begins, len(row)))
    conflicting = int((sizes > 1).sum())
    if conflicts == "all":
        return row, label, conflicting
    kept = begins[sizes == 1] if conflicts == "drop" else begins
    return row[kept], label[kept], conflicting


def title_labels(
    categories: pa.ListArray, taxonomy: Taxonomy, level: str, *, deepest_first: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return each distinct pair of a row and a label at `level`, by row and first standing.

    With `deepest_first` those of the categories with most parts stand before the others of a row.
    """
    row, category = category_ids(categories, taxonomy)
    if deepest_first:
        parts = np.array([len(nodes) for nodes in taxonomy.node_ids], np.int64)[category]
        order = np.lexsort((-parts, row))
        row, category = row[order], category[order]
    label = taxonomy.labels_at(level)[category]
    row, label = row[label != NO_LABEL], label[label != NO_LABEL]
    pairs = row * max(1, len(taxonomy.levels[level])) + label
    first = _first_places(pairs)
    return row[first], label[first]


def category_ids(categories: pa.ListArray, taxonomy: Taxonomy) -> tuple[np.ndarray, np.ndarray]:
    """Flatten lists of category names into rows and category ids, int64 both."""
    known = pa.array(taxonomy.categories, pa.string())
    ids = pc.index_in(categories.flatten(), known).to_numpy(zero_copy_only=False)
    rows = pc.list_parent_indices(categories).to_numpy()
    return rows.astype(np.int64), ids.astype(np.int64)


def node_lists(categories: pa.ListArray, taxonomy: Taxonomy) -> pa.ListArray:
    """Return for each row the sorted ids of all its categories and their ancestors."""
    row, category = category_ids(categories, taxonomy)
    sizes = np.array([len(ids) for ids in taxonomy.node_ids], np.int64)
    nodes = np.concatenate([*taxonomy.node_ids, np.empty(0, np.int64)])
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1])) if len(sizes) else sizes
    counts = sizes[category]
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    every = nodes[np.repeat(starts[category], counts) + offset]
    width = max(1, len(taxonomy.nodes))
    pairs = _distinct(np.repeat(row, counts) * width + every)
    per_row = np.bincount(pairs // width, minlength=len(categories))
    return list_array(pairs % width, per_row)


def list_array(values: np.ndarray, counts: np.ndarray) -> pa.ListArray:
    """Pack values into lists of the given lengths."""
    offsets = np.concatenate(([0], np.cumsum(counts)))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values))


def _one_category_each(
    text: np.ndarray, categories: pa.DictionaryArray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray, pa.Array]:
    """Return the texts in order, one for each category it stands in, their ids, and the names."""
    category = categories.indices.to_numpy()[order]
    several = split_labels(categories.dictionary)
    if several is None:
        return text, category, categories.dictionary
    labels = pc.dictionary_encode(several.flatten())
    starts, counts = several.offsets.to_numpy()[category], several.value_lengths().to_numpy()
    counts = counts[category]
    inside = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    ids = labels.indices.to_numpy()[np.repeat(starts, counts) + inside]
    return np.repeat(text, counts), ids, labels.dictionary


def _categories_in_order(text: np.ndarray, category: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct categories of each text, by first standing, and how many each has.

    Both arrays are sorted by text, and within a text by place.
    """
    pairs = text.astype(np.int64) * (int(category.max(initial=0)) + 1) + category
    first = _first_places(pairs)
    return category[first], np.bincount(text[first])


def _distinct(values: np.ndarray) -> np.ndarray:
    """Return the distinct values, sorted; on nearly sorted values faster than `np.unique`."""
    ordered = np.sort(values, kind="stable")
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def _first_places(values: np.ndarray) -> np.ndarray:
    """Return where each distinct value stands first, in order of place."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    if not len(ordered):
        return order
    return np.sort(order[np.append(True, ordered[1:] != ordered[:-1])])
