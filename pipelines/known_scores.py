"""What an export said of titles in earlier dumps: looked up instead of scored again."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aisle import __version__
from configs.artifacts import COMPLETED, RunArtifacts
from configs.loading import fingerprint
from pipelines import fingerprints, listing, storage
from pipelines.stage import read_manifest

PARTS = "part-*.parquet"
SCORED_BY = "scored_by"
_COLUMNS = ["title_hash", "labels", "probabilities"]


@dataclass(frozen=True)
class KnownScores:
    """Scores by title: `hashes` int64 [n], sorted, `classes` and `probabilities` [n, k]."""

    hashes: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray

    def places(self, hashes: np.ndarray) -> np.ndarray:
        """Return where the scores of each title are, int64 [m]; -1 where it is not known."""
        if not len(self.hashes):
            return np.full(len(hashes), -1)
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where(self.hashes[at] == hashes, at, -1)


def scored_by(export: str) -> str:
    """Name what scores: the content of the export and whatever runs it."""
    content = fingerprints.content_fingerprint(listing.list_files(f"{export}/model"))
    return fingerprint({"export": content, "code": __version__, "tf": version("tensorflow")})


def earlier_parts(artifacts: RunArtifacts, dump_id: str, scorer: str) -> list[str]:
    """Return the files of all finished predictions of the prefix that this scorer made.

    Those of this very dump, if there are, are about to be made anew.
    """
    found = listing.list_files(
        f"{artifacts.prefix.rstrip('/')}/runs", f"*/predictions/*/{COMPLETED}"
    )
    own = f"{artifacts.run_id}/predictions/{dump_id}/{COMPLETED}"
    others = [info.path for info in found if info.relative != own]
    manifests = {(at := path.rpartition("/")[0]): read_manifest(at) for path in others}
    return [
        part.path
        for folder, manifest in manifests.items()
        if manifest is not None and manifest.figures.get(SCORED_BY) == scorer
        for part in listing.list_files(folder, PARTS)
    ]


def load_scores(parts: Sequence[str], names: pa.Array, top_k: int) -> KnownScores:
    """Read the scores of every title once a process; `names` are the labels, by class.

    Files with fewer than `top_k` labels a title are left out.
    """
    return _load_scores(tuple(parts), tuple(names.to_pylist()), min(top_k, len(names)))


@functools.lru_cache(maxsize=1)
def _load_scores(parts: tuple[str, ...], names: tuple[str, ...], top_k: int) -> KnownScores:
    known = pa.array(names, pa.string())
    none = KnownScores(*(np.empty(shape, kind) for shape, kind in _nothing(top_k)))
    read = [none, *(scores for part in parts for scores in _of_part(part, known, top_k))]
    hashes, first = np.unique(np.concatenate([s.hashes for s in read]), return_index=True)
    return KnownScores(
        hashes,
        np.concatenate([s.classes for s in read])[first],
        np.concatenate([s.probabilities for s in read])[first],
    )


def _nothing(top_k: int) -> Iterator[tuple[tuple[int, ...], type]]:
    return iter([((0,), np.int64), ((0, top_k), np.int32), ((0, top_k), np.float32)])


def _of_part(path: str, names: pa.Array, top_k: int) -> Iterator[KnownScores]:
    with storage.open_input(path) as file:
        table = pq.read_table(file, columns=_COLUMNS).combine_chunks()
    lengths = pc.list_value_length(table.column("labels")).unique().to_pylist()
    if len(lengths) != 1 or lengths[0] < top_k:
        return
    classes = pc.index_in(pc.list_flatten(table.column("labels")), names)
    if classes.null_count:
        return
    probabilities = pc.list_flatten(table.column("probabilities"))
    yield KnownScores(
        hashes_of(table.column("title_hash")),
        classes.to_numpy().reshape(-1, lengths[0])[:, :top_k],
        probabilities.to_numpy().reshape(-1, lengths[0])[:, :top_k],
    )


def hashes_of(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Return the hashes that predictions show as 16 hexadecimal digits, int64 [n]."""
    return np.array([int(text, 16) for text in texts.to_pylist()], np.int64)
