"""Record batches as Beam elements: how they cross from worker to worker."""

from __future__ import annotations

from typing import Protocol

import apache_beam as beam
import pyarrow as pa


class Store(Protocol):
    """Keeps bytes outside of memory: gives a short reference for them, and them for that."""

    def put(self, encoded: bytes) -> bytes: ...

    def get(self, reference: bytes) -> bytes: ...


_IN_STORE = b"in store"  # an Arrow stream begins with four bytes of 255
_store: Store | None = None


def keep_in(store: Store | None) -> None:
    """Let the batches that this process encodes from now on lie in `store`, or in themselves.

    For a runner whose workers are all threads of this process.
    """
    global _store
    _store = store


class RecordBatchCoder(beam.coders.Coder):
    """Write a record batch as one Arrow IPC stream; a slice writes only its own rows.

    Compressed with LZ4: titles halve, and a local runner holds them all in memory between steps.
    """

    # Steps have a thread a core already; Arrow's own would only wait for each other.
    _WRITE = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    _READ = pa.ipc.IpcReadOptions(use_threads=False)

    def encode(self, value: pa.RecordBatch) -> bytes:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema, options=self._WRITE) as writer:
            writer.write_batch(value)
        encoded: bytes = sink.getvalue().to_pybytes()
        return encoded if _store is None else _IN_STORE + _store.put(encoded)

    def decode(self, encoded: bytes) -> pa.RecordBatch:
        if encoded.startswith(_IN_STORE):
            assert _store is not None, "a batch was stored by another process"
            encoded = _store.get(encoded.removeprefix(_IN_STORE))
        return pa.ipc.open_stream(encoded, options=self._READ).read_next_batch()

    def estimate_size(self, value: pa.RecordBatch) -> int:
        """Return the bytes in memory: Beam only wants an idea, and asks for every element."""
        return value.nbytes

    def is_deterministic(self) -> bool:
        return True

    def to_type_hint(self) -> type:
        return pa.RecordBatch


beam.coders.registry.register_coder(pa.RecordBatch, RecordBatchCoder)
