"""Predictions as Arrow batches: a row a product, with where its label comes from."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PROVENANCE = (
    "run_id",
    "model",
    "model_fingerprint",
    "config_fingerprint",
    "transform_fingerprint",
)
_DIGITS = 6
PREDICTIONS = pa.schema(
    [
        ("id", pa.string()),
        ("title_hash", pa.string()),
        ("label", pa.string()),
        ("probability", pa.float32()),
        ("labels", pa.list_(pa.string())),
        ("probabilities", pa.list_(pa.float32())),
        *((name, pa.string()) for name in PROVENANCE),
    ]
)


@dataclass(frozen=True)
class Provenance:
    """Where a label comes from: the run, the model and the fingerprints that made it."""

    run_id: str
    model: str
    model_fingerprint: str
    config_fingerprint: str
    transform_fingerprint: str


def last_rows(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Keep the last row of each `id`, by `file` and `line`; sorted by `key`, then place.

    `(0, 1, a, x), (0, 2, b, y), (0, 3, a, z)` becomes `(0, 3, a, z), (0, 2, b, y)` in key order.
    """
    ids = pc.dictionary_encode(rows.column("id")).indices.to_numpy()
    place = (rows.column("file").to_numpy().astype(np.int64) << 40) | rows.column("line").to_numpy()
    order = np.lexsort((place, ids))
    last = order[np.flatnonzero(np.diff(ids[order], append=-1))]
    by_key = np.lexsort((place[last], rows.column("key").to_numpy()[last]))
    return rows.take(pa.array(last[by_key]))


def predictions_batch(
    ids: pa.Array,
    title_hashes: np.ndarray,
    classes: np.ndarray,
    probabilities: np.ndarray,
    names: pa.Array,
    provenance: Provenance,
) -> pa.RecordBatch:
    """Return rows of `PREDICTIONS`, of `classes` int [n, k] and `probabilities` [n, k].

    The first of each is the label; the others fall by probability.

    Probabilities are rounded: the same title may differ in its last bits from batch to batch, and
    that is no other answer.
    """
    rows, k = classes.shape
    probabilities = probabilities.round(_DIGITS)
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * k)
    labels = names.take(pa.array(classes.ravel()))
    arrays = [
        ids,
        pa.array([f"{value:016x}" for value in title_hashes.tolist()]),
        names.take(pa.array(classes[:, 0])),
        pa.array(probabilities[:, 0]),
        pa.ListArray.from_arrays(offsets, labels),
        pa.ListArray.from_arrays(offsets, pa.array(probabilities.ravel())),
    ]
    same = pa.array(np.zeros(rows, np.int32))
    arrays += [pa.array([value]).take(same) for value in asdict(provenance).values()]
    return pa.RecordBatch.from_arrays(arrays, schema=PREDICTIONS)
