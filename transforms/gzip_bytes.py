"""Gzip with ISA-L whose bytes hang on the data alone."""

from __future__ import annotations

from isal import isal_zlib

_GZIP = 31  # zlib's `wbits` for a gzip header and the largest window
_FIRST = 8


class GzipCompressor:
    """Compresses a stream, given in pieces: the same pieces give the same bytes, always.

    ISA-L's own compressor does not at levels 1 and 2: for the third byte of a stream it takes a
    hash of its own address in memory (`write_first_byte` in igzip_icf_body_h1_gr_bt.asm), which in
    one file of 4,000 changes what is matched later. Where a flush follows the first bytes, other
    code takes them: that of the end of a stream.
    """

    def __init__(self, level: int) -> None:
        self._compressor = isal_zlib.compressobj(level, wbits=_GZIP)
        self._begun = False

    def compress(self, data: bytes | memoryview) -> bytes:
        """Return what is ready to be written; the first piece has at least 8 bytes, or none."""
        if self._begun or not len(data):
            return self._compressor.compress(data)
        self._begun = True
        return (
            self._compressor.compress(data[:_FIRST])
            + self._compressor.flush(isal_zlib.Z_SYNC_FLUSH)
            + self._compressor.compress(data[_FIRST:])
        )

    def flush(self) -> bytes:
        """Return the rest of the stream, which ends."""
        return self._compressor.flush()


def gzip_bytes(data: bytes, level: int) -> bytes:
    """Return the gzip stream of all of the data."""
    compressor = GzipCompressor(level)
    return compressor.compress(data) + compressor.flush()
