"""What files hold, in a few characters: fingerprints of many, the checksum of one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pipelines import cloud_storage, storage
from pipelines.listing import FileInfo

_BLOCK = 1 << 20
_READ_AT_ONCE = 8


def checksum(path: str) -> str | None:
    """Return the CRC-32C of a file as Cloud Storage writes it; None where there is no file."""
    if storage.is_remote(path):
        return cloud_storage.checksum(path)
    try:
        with open(path, "rb") as file:
            return _checksum_of(iter(lambda: file.read(_BLOCK), b""))
    except FileNotFoundError:
        return None


def checksum_of(content: bytes) -> str:
    """Return the same of a file's content."""
    return _checksum_of([content])


def _checksum_of(blocks: Iterable[bytes]) -> str:
    from google_crc32c import Checksum  # not where Airflow runs

    found = Checksum()
    for block in blocks:
        found.update(block)
    return base64.b64encode(found.digest()).decode()


def content_fingerprint(files: Sequence[FileInfo], digests: Sequence[str] | None = None) -> str:
    """Return 32 hexadecimal digits over relative paths, sizes and contents of `files`.

    `digests` are their `content_digests`, where these are known.
    """
    digest = hashlib.blake2b(digest_size=16)
    for info, of_content in zip(files, digests or content_digests(files), strict=True):
        digest.update(
            f"{info.relative}\0{info.size}\0{of_content}".encode("utf-8", "surrogateescape")
        )
    return digest.hexdigest()


def content_digests(files: Sequence[FileInfo]) -> list[str]:
    """Return 32 hexadecimal digits over the content of each file; several are read at a time."""
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        return list(pool.map(_content_digest, [info.path for info in files]))


def _content_digest(path: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with storage.open_input(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
