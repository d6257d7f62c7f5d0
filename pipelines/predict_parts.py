"""The heavy steps of a prediction: rows are gathered by id, scored part by part, and written.

A title of which no word is left says nothing: such a row is a reject, where the export knows it.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from configs.dump import DumpSettings
from configs.loading import fingerprint
from configs.rules import RuleBook
from pipelines import storage
from pipelines.dumps import DUMP_ROWS
from pipelines.known_scores import KnownScores, hashes_of, load_scores
from pipelines.progress import ProgressLog
from pipelines.read_dump import REJECTS
from pipelines.rejects import rejects_batch
from pipelines.run_files import load_saved_model
from transforms.csv_records import NO_WORD, RejectedRow
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
    """Keeps the last row of each id, scores its title, and writes one Parquet file a part.

    Gives counters; the output `rejects` gives batches of rows whose title says nothing. `sources`
    are the names of the dump's files, in their order.
    """

    def __init__(
        self,
        model: str,
        provenance: Provenance,
        settings: DumpSettings,
        sources: Sequence[str],
        shards: int,
        folder: str,
        log: ProgressLog,
        rules: RuleBook | None = None,
        earlier: Sequence[str] = (),
    ) -> None:
        self._rules, self._earlier, self._sources = rules, tuple(earlier), tuple(sources)
        self._model, self._provenance, self._folder = model, provenance, folder
        self._of, self._batch_rows, self._log = shards, settings.batch_rows, log
        self._top_k = settings.top_k

    def setup(self) -> None:
        load_classifier(self._model)

    def work(self, element: tuple[int, Iterable[pa.RecordBatch]]) -> list[Any]:
        part, batches = element
        rows = pa.Table.from_batches(list(batches)).combine_chunks().to_batches()[0]
        kept = last_rows(rows)
        path = f"{self._folder}/part-{part:05d}-of-{self._of:05d}.parquet"
        schema = RULED_PREDICTIONS if self._rules else PREDICTIONS
        counts: Counter[tuple[str, ...]] = Counter()
        rejects: list[RejectedRow] = []
        known = self._known()
        with storage.open_output(path) as file, pq.ParquetWriter(file, schema) as writer:
            for begin in range(0, kept.num_rows, self._batch_rows):
                found, bad = self._label(kept.slice(begin, self._batch_rows), known, counts)
                writer.write_batch(found)
                rejects += bad
                self._log.add("titles labelled", found.num_rows)
        names = load_classifier(self._model)[1].to_pylist()
        counts["taxonomy", fingerprint({"names": names})] = 1
        counts["predictions",] = kept.num_rows - len(rejects)
        counts["repeated_ids",] = rows.num_rows - kept.num_rows
        tagged = [beam.pvalue.TaggedOutput(REJECTS, rejects_batch(rejects))] if rejects else []
        return [counts, *tagged]

    def _label(
        self, batch: pa.RecordBatch, known: KnownScores | None, counts: Counter[tuple[str, ...]]
    ) -> tuple[pa.RecordBatch, list[RejectedRow]]:
        """Return the predictions of a batch, and the rows that say nothing; add to the counts."""
        found, wordless = score(batch, self._model, self._top_k, self._provenance, known)
        rejects = []
        if wordless.any():
            rejects = _rejected(batch.filter(pa.array(wordless)), self._sources)
            kept = pa.array(~wordless)
            batch, found = batch.filter(kept), found.filter(kept)
        if known:
            hashes = hashes_of(found.column("title_hash"))
            counts["reused",] += int((known.places(hashes) >= 0).sum())
        if self._rules:
            book = self._rules
            found, did = apply_rules(batch, found, book.rules, book.version)
            counts.update({("rule", *key): count for key, count in did.items()})
        return found, rejects

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
) -> tuple[pa.RecordBatch, np.ndarray]:
    """Return the predictions of rows with `id` and `title`, as a batch of `PREDICTIONS`.

    Beside it, bool [n], which of these titles say nothing. Further columns are what the model takes
    beside the title, by the names of its inputs. What the `known` scores have of a title is taken
    from there.
    """
    from transforms.graphs import hash_graph, to_tensor

    hashes = hash_graph()(to_tensor(rows.column("title"))).numpy()
    places = known.places(hashes) if known else np.full(len(hashes), -1)
    fresh = places < 0
    if known is None or fresh.all():
        classes, probabilities, wordless = _scored(rows, model, top_k)
    else:
        classes, probabilities = known.classes[places], known.probabilities[places]
        wordless = np.zeros(len(hashes), bool)
        if fresh.any():
            scored = _scored(rows.filter(pa.array(fresh)), model, top_k)
            classes[fresh], probabilities[fresh], wordless[fresh] = scored
    ids, names = rows.column("id"), load_classifier(model)[1]
    found = predictions_batch(ids, hashes, classes, probabilities, names, provenance)
    return found, wordless


def _rejected(rows: pa.RecordBatch, sources: Sequence[str]) -> list[RejectedRow]:
    return [
        RejectedRow(
            sources[row["file"]],
            row["line"],
            NO_WORD,
            json.dumps([row["id"], row["title"]], ensure_ascii=False).encode(),
        )
        for row in rows.select(DUMP_ROWS.names).to_pylist()
    ]


def _scored(
    rows: pa.RecordBatch, model: str, top_k: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the classes and probabilities that the model gives, [n, k] both, and `wordless` [n].

    An export made before that was told knows of no such title.
    """
    from transforms.graphs import to_tensor

    further = {
        name: values.to_numpy() if pa.types.is_floating(values.type) else to_tensor(values)
        for name, values in zip(rows.schema.names, rows.columns, strict=True)
        if name not in _NO_INPUTS
    }
    found = load_classifier(model)[0](title=to_tensor(rows.column("title")), **further)
    top = (found[name].numpy()[:, :top_k] for name in ("classes", "probabilities"))
    none = np.zeros(rows.num_rows, bool)
    return (*top, found["wordless"].numpy() if "wordless" in found else none)


@functools.cache
def load_classifier(model: str) -> tuple[Any, pa.Array]:
    """Load an export once a process; return its scoring signature and its class names."""
    loaded = load_saved_model(model)
    names = pa.array(np.char.decode(loaded.names.numpy().astype(bytes), "utf-8").tolist())
    score_signature = loaded.signatures["score"]
    score_signature.keep_alive = loaded  # the signature alone does not hold its variables
    return score_signature, names
