"""Count the tokens of a part from what was counted before: only titles that came or went.

For each part its training titles and their counts are kept. Counts are whole numbers, so adding
the titles that came and taking off those that went gives what counting all of them would.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.loading import fingerprint
from configs.settings import SplitSettings, TokenSettings
from pipelines import storage
from pipelines.cleaned_files import code_fingerprint, with_digest, without_digest
from transforms.features import merge_token_counts
from transforms.title_steps import CountTokensDoFn, count_tokens, of_training

_MOST_CHANGED = 0.5
_TITLES = pa.schema([("key", pa.int64()), ("text", pa.binary())])


@dataclass(frozen=True)
class CountedPart:
    """Training titles of a part, `key` and `text` sorted by key, and their `TOKEN_COUNTS`."""

    titles: pa.RecordBatch
    counts: pa.RecordBatch


class CountChanges(CountTokensDoFn):
    """Counts as `CountTokensDoFn` does; `folder` holds what was counted before, part by part."""

    def __init__(self, tokens: TokenSettings, split: SplitSettings, parts: int, folder: str):
        super().__init__(tokens, split)
        shaped = fingerprint(tokens, split, {"parts": parts, "code": code_fingerprint()})
        self._folder = f"{folder}/{shaped}"

    def work(self, element: tuple[int, pa.RecordBatch]) -> list[pa.RecordBatch]:
        part, titles = element
        path = f"{self._folder}/part-{part:05d}"
        before = load_counted(path)
        training = of_training(titles, self._split).select(_TITLES.names)
        counts = self._counted(before, titles, training)
        if before is None or not before.titles.equals(training):
            storage.write_bytes(path, pack_counted(CountedPart(training, counts)))
        return [counts]

    def _counted(
        self, before: CountedPart | None, titles: pa.RecordBatch, training: pa.RecordBatch
    ) -> pa.RecordBatch:
        if before is None:
            return count_tokens(titles, self._tokens, self._split)
        gone, came = changes(before.titles, training)
        if gone.num_rows + came.num_rows > _MOST_CHANGED * training.num_rows:
            return count_tokens(titles, self._tokens, self._split)
        return add_changes(before.counts, self._unique(gone), self._unique(came))

    def _unique(self, titles: pa.RecordBatch) -> pa.RecordBatch:
        from transforms.graphs import unique_tokens

        return unique_tokens(titles.column("text"), self._tokens.strip, self._tokens.separate)


def changes(before: pa.RecordBatch, now: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Return the titles that went and those that came, each title once in both.

    A key is a hash: titles count as the same where the texts are. Where texts share a key, all of
    that key went and came.
    """
    keys = [batch.column("key").to_numpy() for batch in (before, now)]
    shared = np.intersect1d(_once(keys[0]), _once(keys[1]), assume_unique=True)
    places = [np.searchsorted(key, shared) for key in keys]
    texts = [b.column("text").take(pa.array(p)) for b, p in zip((before, now), places, strict=True)]
    same = pc.equal(*texts).to_numpy(zero_copy_only=False)
    kept = [np.zeros(batch.num_rows, bool) for batch in (before, now)]
    for mask, place in zip(kept, places, strict=True):
        mask[place[same]] = True
    gone, came = (b.filter(pa.array(~mask)) for b, mask in zip((before, now), kept, strict=True))
    return gone, came


def _once(keys: np.ndarray) -> np.ndarray:
    """Return the keys, sorted, that occur once."""
    values, counts = np.unique(keys, return_counts=True)
    return values[counts == 1]


def add_changes(
    counts: pa.RecordBatch, gone: pa.RecordBatch, came: pa.RecordBatch
) -> pa.RecordBatch:
    """Return counts less those of what went, plus those of what came; none is 0."""
    less = gone.set_column(1, "count", pc.negate(gone.column("count")))
    merged = merge_token_counts([counts, less, came])
    return merged.filter(pc.greater(merged.column("count"), 0))


def pack_counted(part: CountedPart) -> bytes:
    """Return the bytes of a part: a hash of what follows, then two Arrow streams."""
    content = io.BytesIO()
    for batch in (part.titles, part.counts):
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
        with pa.ipc.new_stream(content, batch.schema, options=options) as writer:
            writer.write_batch(batch)
    return with_digest(content.getbuffer())


def load_counted(path: str) -> CountedPart | None:
    """Return a part; None where there is none, or it is not as it was written."""
    content = without_digest(path)
    if content is None:
        return None
    source = pa.BufferReader(content)
    titles, counts = (_one_batch(pa.ipc.open_stream(source)) for _ in range(2))
    return CountedPart(titles, counts)


def _one_batch(stream: pa.RecordBatchReader) -> pa.RecordBatch:
    """Read a stream to its end, where the next begins."""
    (batch,) = stream
    return batch
