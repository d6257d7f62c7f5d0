"""What a run of preprocessing left, as checksums: equal where two runs made the same."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from configs.artifacts import RunArtifacts

EXAMPLES = "*.tfrecord.gz"
_BITS = 256


def checksums(run: RunArtifacts) -> dict[str, dict[str, str]]:
    """Return the checksums of vocabularies, statistics and rejects by file, and of examples.

    Examples count as a multiset for each objective and split: how many there are, and the sum of
    their hashes, which does not depend on their order or on the shard that holds them.
    """
    files = {
        "vocabularies": f"{run.transform_fn}/transform_fn/assets",
        "stats": run.stats,
        "rejected": run.rejected,
    }
    of_files = {kind: _of_files(Path(folder)) for kind, folder in files.items()}
    return {**of_files, "examples": _of_examples(Path(run.tfrecords))}


def differing(one: dict[str, dict[str, str]], other: dict[str, dict[str, str]]) -> list[str]:
    """Return what is not the same in both, as `stats/labels.csv` or `examples/rule_based_test`."""
    return [
        f"{kind}/{name}"
        for kind in one
        for name in sorted(one[kind].keys() | other[kind].keys())
        if one[kind].get(name) != other[kind].get(name)
    ]


def _of_files(folder: Path) -> dict[str, str]:
    """Return the checksum of each file below a folder; a manifest tells times, and is left out."""
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != "COMPLETED"]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(found)
    }


def _of_examples(folder: Path) -> dict[str, str]:
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for shard in sorted(folder.glob(EXAMPLES)):
        kind = shard.name.partition("-")[0]
        for digest in _records(gzip.decompress(shard.read_bytes())):
            counts[kind] += 1
            sums[kind] += digest
    return {kind: f"{counts[kind]} {sums[kind] % (1 << _BITS):064x}" for kind in sorted(counts)}


def _records(stream: bytes) -> Iterator[int]:
    """Yield the hash of each record of a TFRecord stream: length, its checksum, record, checksum.

    https://www.tensorflow.org/tutorials/load_data/tfrecord
    """
    at = 0
    while at < len(stream):
        size = int(np.frombuffer(stream, "<u8", 1, at)[0])
        yield int.from_bytes(hashlib.sha256(stream[at + 12 : at + 12 + size]).digest())
        at += 16 + size
