"""Tokens and how often each occurs, as Arrow tables; the names of what is made of a title."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TEXT = "text"
TOKENS, NGRAMS = "tokens", "ngrams"
VOCABULARY = "tokens"
RESERVED_IDS = 2  # 0 pads, 1 is any token that the vocabulary lacks
TOKEN_COUNTS = pa.schema([("token", pa.binary()), ("count", pa.int64())])


def merge_token_counts(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Add up the counts of each token over batches of `TOKEN_COUNTS`."""
    table = pa.Table.from_batches(batches, TOKEN_COUNTS)
    merged = table.group_by("token", use_threads=False).aggregate([("count", "sum")])
    return _one_batch(merged.rename_columns({"count_sum": "count"}).select(["token", "count"]))


def most_frequent(counts: pa.RecordBatch, top_k: int) -> pa.RecordBatch:
    """Return the `top_k` tokens by falling count; ties go by the token."""
    order = [("count", "descending"), ("token", "ascending")]
    return _one_batch(pa.Table.from_batches([counts]).sort_by(order).slice(0, top_k))


def counts_of(tokens: pa.Array, counts: pa.RecordBatch) -> pa.RecordBatch:
    """Return the counts of these tokens, binary [n], in their order; 0 where one has none."""
    place = pc.index_in(counts.column("token"), tokens)
    here = place.is_valid()
    found = np.zeros(len(tokens), np.int64)
    found[place.filter(here).to_numpy()] = counts.column("count").filter(here).to_numpy()
    return pa.RecordBatch.from_arrays([tokens, pa.array(found)], schema=TOKEN_COUNTS)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    batches = table.cast(TOKEN_COUNTS).combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], TOKEN_COUNTS)
