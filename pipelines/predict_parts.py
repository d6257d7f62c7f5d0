"""The heavy steps of a prediction: rows are gathered by id, scored part by part, and written."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.loading import fingerprint
from configs.rules import RuleBook
from configs.settings import DumpSettings
from pipelines import storage
from pipelines.dumps import DUMP_ROWS
from pipelines.known_scores import KnownScores, hashes_of, load_scores
from pipelines.progress import ProgressLog
from pipelines.run_files import load_saved_model
from transforms.overlap import OverlappedDoFn
from transforms.predictions import PREDICTIONS, Provenance, last_rows, predictions_batch
from transforms.rules import RULED_PREDICTIONS, apply_rules
from transforms.titles import cut_by_key

_NO_INPUTS = {*DUMP_ROWS.names, "key"}


class CutById(OverlappedDoFn):
    """Adds the keyed hash of the id as `key`, and cuts the batch by it."""

    def __init__(self, parts: int) -> None:
        self._parts = parts

    def work(self, batch: pa.RecordBatch) -> list[tuple[int, pa.RecordBatch]]:
        from transforms.graphs import hash_graph, to_tensor

        keys = hash_graph()(to_tensor(batch.column("id")))
        keyed = batch.append_column("key", pa.array(keys.numpy()))
        return list(cut_by_key(keyed, self._parts))


class PredictPart(OverlappedDoFn):
    """Keeps the last row of each id, scores its title, and writes one Parquet file a part."""

    def __init__(
        self,
        model: str,
        provenance: Provenance,
        settings: DumpSettings,
        shards: int,
        folder: str,
        log: ProgressLog,
        rules: RuleBook | None = None,
        earlier: Sequence[str] = (),
    ) -> None:
        self._rules, self._earlier = rules, tuple(earlier)
        self._model, self._provenance, self._folder = model, provenance, folder
        self._of, self._batch_rows, self._log = shards, settings.batch_rows, log
        self._top_k = settings.top_k

    def setup(self) -> None:
        load_classifier(self._model)

    def work(self, element: tuple[int, Iterable[pa.RecordBatch]]) -> list[Counter]:
        part, batches = element
        rows = pa.Table.from_batches(list(batches)).combine_chunks().to_batches()[0]
        kept = last_rows(rows)
        path = f"{self._folder}/part-{part:05d}-of-{self._of:05d}.parquet"
        schema = RULED_PREDICTIONS if self._rules else PREDICTIONS
        counts: Counter[tuple[str, ...]] = Counter()
        known = self._known()
        with storage.open_output(path) as file, pq.ParquetWriter(file, schema) as writer:
            for begin in range(0, kept.num_rows, self._batch_rows):
                batch = kept.slice(begin, self._batch_rows)
                found = score(batch, self._model, self._top_k, self._provenance, known)
                if known:
                    hashes = hashes_of(found.column("title_hash"))
                    counts["reused",] += int((known.places(hashes) >= 0).sum())
                if self._rules:
                    book = self._rules
                    found, did = apply_rules(batch, found, book.rules, book.version)
                    counts.update({("rule", *key): count for key, count in did.items()})
                writer.write_batch(found)
                self._log.add("titles labelled", batch.num_rows)
        names = load_classifier(self._model)[1].to_pylist()
        counts["taxonomy", fingerprint({"names": names})] = 1
        counts["predictions",] = kept.num_rows
        counts["repeated_ids",] = rows.num_rows - kept.num_rows
        return [counts]

    def _known(self) -> KnownScores | None:
        if not self._earlier:
            return None
        return load_scores(self._earlier, load_classifier(self._model)[1], self._top_k)


def score(
    rows: pa.RecordBatch,
    model: str,
    top_k: int,
    provenance: Provenance,
    known: KnownScores | None = None,
) -> pa.RecordBatch:
    """Return the predictions of rows with `id` and `title`, as a batch of `PREDICTIONS`.

    Further columns are what the model takes beside the title, by the names of its inputs. What the
    `known` scores have of a title is taken from there.
    """
    from transforms.graphs import hash_graph, to_tensor

    hashes = hash_graph()(to_tensor(rows.column("title"))).numpy()
    places = known.places(hashes) if known else np.full(len(hashes), -1)
    fresh = places < 0
    if known is None or fresh.all():
        classes, probabilities = _scored(rows, model, top_k)
    else:
        classes, probabilities = known.classes[places], known.probabilities[places]
        if fresh.any():
            scored = _scored(rows.filter(pa.array(fresh)), model, top_k)
            classes[fresh], probabilities[fresh] = scored
    names = load_classifier(model)[1]
    return predictions_batch(rows.column("id"), hashes, classes, probabilities, names, provenance)


def _scored(rows: pa.RecordBatch, model: str, top_k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes and probabilities that the model gives, [n, k] both."""
    from transforms.graphs import to_tensor

    further = {
        name: values.to_numpy() if pa.types.is_floating(values.type) else to_tensor(values)
        for name, values in zip(rows.schema.names, rows.columns, strict=True)
        if name not in _NO_INPUTS
    }
    found = load_classifier(model)[0](title=to_tensor(rows.column("title")), **further)
    return found["classes"].numpy()[:, :top_k], found["probabilities"].numpy()[:, :top_k]


@functools.cache
def load_classifier(model: str) -> tuple[Any, pa.Array]:
    """Load an export once a process; return its scoring signature and its class names."""
    loaded = load_saved_model(model)
    names = pa.array(np.char.decode(loaded.names.numpy().astype(bytes), "utf-8").tolist())
    score_signature = loaded.signatures["score"]
    score_signature.keep_alive = loaded  # the signature alone does not hold its variables
    return score_signature, names
