"""Predictions as rows of the stage: Arrow columns in, COPY text or tuples out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.stores import GateSettings
from pipelines.sinks.schema import PROVENANCE

STAGED = (
    "place",
    "product_id",
    "probability",
    "label",
    "labels",
    "probabilities",
    "title_hash",
    "source",
    "rule",
    "held",
)
MODEL, RULE, PERSON = "model", "rule", "person"
_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_NUMBERS = ("place", "probability")


def by_origin(batch: pa.RecordBatch) -> Iterator[tuple[dict[str, str], pa.RecordBatch]]:
    """Cut a batch by the run that made it; nearly always that is one piece."""
    columns = [pc.dictionary_encode(batch.column(name)) for name in PROVENANCE]
    if all(len(column.dictionary) == 1 and not column.indices.null_count for column in columns):
        yield {n: c.dictionary[0].as_py() for n, c in zip(PROVENANCE, columns, strict=True)}, batch
        return
    keys = np.array([column.to_pylist() for column in columns], dtype=object).T.tolist()
    for key in dict.fromkeys(map(tuple, keys)):
        mask = pa.array([tuple(other) == key for other in keys])
        yield dict(zip(PROVENANCE, key, strict=True)), batch.filter(mask)


def staged(batch: pa.RecordBatch, gate: GateSettings) -> pa.RecordBatch:
    """Return a batch of predictions with the columns `STAGED`; `held` says why a row is held."""
    rows = batch.num_rows
    probability = pc.cast(batch.column("probability"), pa.float64())
    names = set(batch.schema.names)
    none = pa.nulls(rows, pa.string())
    label = batch.column("label")
    columns = {
        "place": pa.array(np.arange(rows, dtype=np.int32)),
        "product_id": batch.column("id"),
        "probability": probability,
        "label": label,
        "labels": _json_lists(batch.column("labels")),
        "probabilities": _json_lists(batch.column("probabilities")),
        "title_hash": batch.column("title_hash"),
        "source": batch.column("source") if "source" in names else _same(MODEL, rows),
        "rule": batch.column("rule") if "rule" in names else none,
    }
    columns["held"] = _held(label, probability, columns["source"], gate)
    return pa.RecordBatch.from_pydict(columns)


def copy_text(batch: pa.RecordBatch) -> bytes:
    r"""Return rows as PostgreSQL's COPY reads text: tabs between, backslashes escaped, \N for null.

    https://www.postgresql.org/docs/15/sql-copy.html, "Text Format".
    """
    if not batch.num_rows:
        return b""
    columns = []
    for name in STAGED:
        text = batch.column(name)
        if name in _NUMBERS:
            text = pc.cast(text, pa.string())
        else:
            for raw, escaped in _ESCAPES:
                text = pc.replace_substring(text, raw, escaped)
        columns.append(pc.fill_null(pc.cast(text, pa.large_string()), "\\N"))
    ends = pa.scalar("\n", pa.large_string())
    lines = pc.binary_join_element_wise(*columns, pa.scalar("\t", pa.large_string()))
    whole = pc.binary_join_element_wise(lines, ends, pa.scalar("", pa.large_string()))
    _, offsets, texts = whole.buffers()  # the texts of an array lie one behind the other
    return bytes(texts[: int(np.frombuffer(offsets, np.int64)[len(whole)])])


def as_dicts(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    columns = [batch.column(name).to_pylist() for name in STAGED]
    return [dict(zip(STAGED, values, strict=True)) for values in zip(*columns, strict=True)]


def matches(label: pa.Array, patterns: Sequence[str]) -> pa.Array:
    """Tell for each label whether one of the patterns is it, or its beginning and a `*`."""
    found = pa.array(np.zeros(len(label), bool))
    for pattern in patterns:
        one = (
            pc.starts_with(label, pattern[:-1])
            if pattern.endswith("*")
            else pc.equal(label, pattern)
        )
        found = pc.or_(found, pc.fill_null(one, False))
    return found


def _held(label: pa.Array, probability: pa.Array, source: pa.Array, gate: GateSettings) -> pa.Array:
    """Say why rows are held back, null where they are not; a rule's label needs no probability."""
    least = pa.array(np.full(len(label), gate.min_probability_others))
    for pattern, share in gate.min_probability.items():
        least = pc.if_else(matches(label, [pattern]), share, least)
    unsure = pc.and_(pc.less(probability, least), pc.equal(source, MODEL))
    held = pc.if_else(unsure, "probability", pa.scalar(None, pa.string()))
    return pc.if_else(matches(label, gate.untouchable), "untouchable", held)


def _json_lists(lists: pa.ListArray) -> pa.Array:
    """Return lists of texts or of numbers as JSON texts."""
    values = lists.flatten()
    if pa.types.is_floating(values.type):
        words = pc.cast(pc.cast(values, pa.float64()), pa.string())
    else:
        coded = pc.dictionary_encode(values)
        quoted = [json.dumps(word, ensure_ascii=False) for word in coded.dictionary.to_pylist()]
        words = pa.array(quoted, pa.string()).take(coded.indices)
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy())]).astype(np.int32)
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), words), ", ")
    return pc.binary_join_element_wise("[", joined, "]", "")


def _same(value: str, rows: int) -> pa.Array:
    return pa.array([value]).take(pa.array(np.zeros(rows, np.int32)))
