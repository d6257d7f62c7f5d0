"""One part of all titles as it is kept from run to run, and what becomes of it when rows change.

A title's features hang on the title alone but for its token ids, which are ranks among the tokens
of all parts: tokens are kept as places in a dictionary of the part, which a run maps to ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.preprocess import SplitSettings
from transforms.example_bytes import unpack_int64
from transforms.seen_ngrams import merge_seen, seen_in
from transforms.title_counts import count_titles
from transforms.titles import CLEANED, DISTINCT, distinct_titles, of_training
from transforms.tokens import NGRAMS, RESERVED_IDS, TOKEN_COUNTS, TOKENS, merge_token_counts

# `tokens` are places in the part's dictionary; `ngrams` are packed by `example_bytes.pack_int64`.
KEPT = DISTINCT.append(pa.field(TOKENS, pa.list_(pa.int32()))).append(
    pa.field(NGRAMS, pa.large_binary())
)
# The rows that titles come from: `title` is a place among the part's titles.
ROWS = pa.schema(
    [("title", pa.int32()), ("file", pa.int32()), ("line", pa.int64()), ("category", pa.string())]
)
DICTIONARY = pa.schema([("token", pa.binary())])


@dataclass(frozen=True)
class TitlePart:
    """Titles (`KEPT`) sorted by key, and the tokens in them (`DICTIONARY`)."""

    titles: pa.RecordBatch
    dictionary: pa.RecordBatch


@dataclass(frozen=True)
class TitleFeatures:
    """What is made of titles [n]: `tokens` and `ngrams` as in `KEPT`, these tokens' dictionary.

    `counts` says how often each of the dictionary occurs in training titles, int64 [m].
    """

    tokens: pa.ListArray
    ngrams: pa.LargeBinaryArray
    dictionary: pa.Array
    counts: np.ndarray


@dataclass(frozen=True)
class ChangedPart:
    """A part after a change, its rows, and by how much the counts of `count_titles` grew.

    `gone` are the titles looked at, as they were; `fresh` those that stand in their place now, as
    `KEPT`, and `came` the tokens of training among these (`TOKEN_COUNTS`).
    """

    part: TitlePart
    rows: pa.RecordBatch
    counts: Counter
    gone: pa.RecordBatch
    fresh: pa.RecordBatch
    came: pa.RecordBatch

    @property
    def keys(self) -> np.ndarray:
        """The keys of the titles looked at and of those in their place, int64 [n]."""
        return np.concatenate([part.column("key").to_numpy() for part in (self.gone, self.fresh)])

    def seen(self, before: bytes, split: SplitSettings, buckets: int) -> bytes:
        """Return `seen_ngrams.seen_in` of the part; `before` is that of the part before.

        Where titles came and none went, only what they have is looked at.
        """
        gone, fresh = self.gone.column("text"), self.fresh.column("text")
        if before and pc.all(pc.is_in(gone, value_set=fresh), min_count=0).as_py():
            new = self.fresh.filter(pc.invert(pc.is_in(fresh, value_set=gone)))
            return merge_seen(before, seen_in(training_ngrams(new, split), buckets))
        return seen_in(training_ngrams(self.part.titles, split), buckets)


def training_ngrams(titles: pa.RecordBatch, split: SplitSettings) -> np.ndarray:
    """Return the n-grams of the training titles among titles as `KEPT`, int64 [m]."""
    return unpack_int64(of_training(titles, split).column(NGRAMS))


def empty_part() -> tuple[TitlePart, pa.RecordBatch]:
    """Return a part without titles, and its rows."""
    titles, dictionary, rows = (_nothing(schema) for schema in (KEPT, DICTIONARY, ROWS))
    return TitlePart(titles, dictionary), rows


def change_part(
    part: TitlePart,
    rows: pa.RecordBatch,
    gone: pa.RecordBatch,
    came: pa.RecordBatch,
    order: np.ndarray,
    features_of: Callable[[pa.RecordBatch], TitleFeatures],
) -> ChangedPart:
    """Take rows of `CLEANED` off a part and add others; `order` is where each file number stands.

    Only titles of whose key a row went or came are looked at. What is left is what
    `distinct_titles` gives of all rows together.
    """
    titles = part.titles
    keys = np.concatenate([batch.column("key").to_numpy() for batch in (gone, came)])
    touched = np.isin(titles.column("key").to_numpy(), keys)
    of_touched = touched[rows.column("title").to_numpy()]
    before = _cleaned(rows.filter(pa.array(of_touched)), titles)
    left = before.filter(pa.array(~np.isin(_places(before), _places(gone))))
    after = pa.concat_batches([left, came])
    old = titles.filter(pa.array(touched)).select(DISTINCT.names)
    new = distinct_titles([_in_order(after, order)])
    counts = count_titles([after], new)
    counts.subtract(count_titles([before], old))
    features = features_of(new)
    fresh, dictionary = _with_features(new, features, part.dictionary)
    merged, place = _merge(titles.filter(pa.array(~touched)), fresh)
    kept_rows = _renumbered(rows.filter(pa.array(~of_touched)), touched, place)
    new_rows = _rows_of(after, new, place[len(place) - new.num_rows :])
    return ChangedPart(
        TitlePart(merged, dictionary),
        pa.concat_batches([kept_rows, new_rows]),
        counts,
        old,
        fresh,
        _counted(features),
    )


def token_ids(part: TitlePart, vocabulary: pa.Array) -> np.ndarray:
    """Return the id of each token of the part's dictionary, int64 [m]; 1 where there is none."""
    ranks = pc.index_in(part.dictionary.column("token"), vocabulary)
    return pc.fill_null(pc.add(ranks.cast(pa.int64()), RESERVED_IDS), 1).to_numpy()


def add_counts(
    counts: pa.RecordBatch, gone: list[pa.RecordBatch], came: list[pa.RecordBatch]
) -> pa.RecordBatch:
    """Return `TOKEN_COUNTS` less those of what went, plus those of what came; none is 0."""
    less = [batch.set_column(1, "count", pc.negate(batch.column("count"))) for batch in gone]
    merged = merge_token_counts([counts, *less, *came])
    return merged.filter(pc.greater(merged.column("count"), 0))


def no_counts() -> pa.RecordBatch:
    return _nothing(TOKEN_COUNTS)


def _counted(features: TitleFeatures) -> pa.RecordBatch:
    columns = [features.dictionary, pa.array(features.counts, pa.int64())]
    counts = pa.RecordBatch.from_arrays(columns, schema=TOKEN_COUNTS)
    return counts.filter(pc.greater(counts.column("count"), 0))


def _nothing(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)


def _cleaned(rows: pa.RecordBatch, titles: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows of `ROWS` as batches of `CLEANED`."""
    title = rows.column("title")
    columns = {name: rows.column(name) for name in ("file", "line", "category")}
    columns |= {name: titles.column(name).take(title) for name in ("key", "text")}
    return pa.RecordBatch.from_arrays([columns[name] for name in CLEANED.names], schema=CLEANED)


def _places(rows: pa.RecordBatch) -> np.ndarray:
    """Return a number for each record: no two have the same file and line."""
    file = rows.column("file").to_numpy().astype(np.int64)
    return (file << 40) | rows.column("line").to_numpy()


def _in_order(rows: pa.RecordBatch, order: np.ndarray) -> pa.RecordBatch:
    file = pa.array(order[rows.column("file").to_numpy()].astype(np.int32))
    return rows.set_column(rows.schema.get_field_index("file"), "file", file)


def _with_features(
    titles: pa.RecordBatch, features: TitleFeatures, dictionary: pa.RecordBatch
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Return titles as `KEPT`, and the dictionary with new tokens behind the others."""
    known = dictionary.column("token")
    place = pc.index_in(features.dictionary, known)
    is_new = place.is_null()
    grown = pa.concat_arrays([known, features.dictionary.filter(is_new)])
    places = pc.fill_null(place, 0).to_numpy(zero_copy_only=False).copy()
    places[is_new.to_numpy(zero_copy_only=False)] = np.arange(len(known), len(grown))
    tokens = places[features.tokens.flatten().to_numpy(zero_copy_only=False)]
    lists = pa.ListArray.from_arrays(features.tokens.offsets, pa.array(tokens, pa.int32()))
    kept = pa.RecordBatch.from_arrays([*titles.columns, lists, features.ngrams], schema=KEPT)
    return kept, pa.RecordBatch.from_arrays([grown], schema=DICTIONARY)


def _merge(one: pa.RecordBatch, other: pa.RecordBatch) -> tuple[pa.RecordBatch, np.ndarray]:
    """Return titles of both sorted by key, and where each of one, then of the other, stands."""
    both = pa.concat_batches([one, other])
    order = np.argsort(both.column("key").to_numpy(), kind="stable")
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return both.take(pa.array(order)), place


def _renumbered(rows: pa.RecordBatch, touched: np.ndarray, place: np.ndarray) -> pa.RecordBatch:
    number = np.cumsum(~touched) - 1
    title = place[number[rows.column("title").to_numpy()]]
    return rows.set_column(0, ROWS.field("title"), pa.array(title, pa.int32()))


def _rows_of(cleaned: pa.RecordBatch, titles: pa.RecordBatch, place: np.ndarray) -> pa.RecordBatch:
    """Return rows of `CLEANED` as `ROWS`; `place` is where each of `titles` stands."""
    of = pc.index_in(cleaned.column("text"), titles.column("text"))
    title = pa.array(place[of.to_numpy(zero_copy_only=False)], pa.int32())
    columns = [title, *(cleaned.column(name) for name in ROWS.names[1:])]
    return pa.RecordBatch.from_arrays(columns, schema=ROWS)
