"""The file layer: the same few verbs for local folders and `gs://bucket/folder`.

Only this module knows that the two differ. A file is written whole or not at all: locally to a
hidden neighbour that is then renamed, on Cloud Storage by one upload.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import functools
import glob
import hashlib
import io
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from configs.errors import UsageError

if TYPE_CHECKING:
    from google.cloud import storage as gcs

REMOTE = "gs://"
_HASH_BLOCK = 1 << 20


@dataclass(frozen=True)
class FileInfo:
    """A file below a root: its path, its path below the root, its size in bytes."""

    path: str
    relative: str
    size: int


def is_remote(path: str) -> bool:
    return path.startswith(REMOTE)


def list_files(root: str, pattern: str = "**") -> list[FileInfo]:
    """Return the files below `root` whose relative path matches `pattern`, by relative path.

    `root` may be a folder, a single file or itself a glob; `**` crosses folders.
    """
    found = _remote_files(root, pattern) if is_remote(root) else _local_files(root, pattern)
    return sorted(found, key=lambda file: file.relative)


def exists(path: str) -> bool:
    """Tell whether a file or folder is there."""
    if not is_remote(path):
        return os.path.exists(path)
    bucket, name = _bucket_and_name(path)
    return bucket.blob(name).exists() or any(_blobs(path.rstrip("/") + "/", 1))


def open_input(path: str) -> io.BufferedReader:
    """Open a file for reading bytes."""
    if not is_remote(path):
        return open(path, "rb")
    bucket, name = _bucket_and_name(path)
    return io.BufferedReader(bucket.blob(name).open("rb"))


def read_bytes(path: str) -> bytes:
    with open_input(path) as file:
        return file.read()


@contextlib.contextmanager
def open_output(path: str) -> Iterator[IO[bytes]]:
    """Write a file that appears at `path` whole, when the block ends without an error."""
    if is_remote(path):
        buffer = io.BytesIO()
        yield buffer
        bucket, name = _bucket_and_name(path)
        bucket.blob(name).upload_from_string(buffer.getvalue())
        return
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    hidden = f"{os.path.dirname(path) or '.'}/.{os.path.basename(path)}.{uuid.uuid4().hex[:8]}"
    try:
        with open(hidden, "wb") as file:
            yield file
        os.replace(hidden, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(hidden)
        raise


def write_bytes(path: str, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with open_output(path) as file:
        file.write(content)


def make_folder(path: str) -> None:
    """Make a folder and its parents; raise `UsageError` if it may not be written."""
    if is_remote(path):
        return
    try:
        os.makedirs(path, exist_ok=True)
        probe = os.path.join(path, f".probe-{uuid.uuid4().hex[:8]}")
        with open(probe, "wb"):
            pass
        os.unlink(probe)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}); choose another --prefix"
        ) from error


def remove_tree(path: str) -> None:
    """Remove a folder or file, if it is there."""
    if is_remote(path):
        for blob in _blobs(path.rstrip("/") + "/"):
            blob.delete()
    elif os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def move_tree(source: str, target: str) -> None:
    """Move a folder to a path where nothing is; on Cloud Storage object by object."""
    if is_remote(source):
        bucket, _ = _bucket_and_name(source)
        for blob in _blobs(source.rstrip("/") + "/"):
            _, name = _bucket_and_name(
                f"{target}/{blob.name.split('/', source.count('/') - 2)[-1]}"
            )
            bucket.copy_blob(blob, bucket, name)
            blob.delete()
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(source, target)


def move_file(source: str, target: str) -> None:
    """Move a file, over what may stand at `target`.

    To another disk, and on Cloud Storage, it is copied whole, then deleted.
    """
    if is_remote(source):
        (bucket, name), (there, wanted) = _bucket_and_name(source), _bucket_and_name(target)
        blob = bucket.blob(name)
        bucket.copy_blob(blob, there, wanted)
        blob.delete()
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with open(source, "rb") as held, open_output(target) as copy:
            shutil.copyfileobj(held, copy)
        os.unlink(source)


def content_fingerprint(files: list[FileInfo]) -> str:
    """Return 32 hexadecimal digits over relative paths, sizes and contents of `files`."""
    digest = hashlib.blake2b(digest_size=16)
    for info in files:
        digest.update(f"{info.relative}\0{info.size}\0".encode("utf-8", "surrogateescape"))
        with open_input(info.path) as file:
            while block := file.read(_HASH_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def _local_files(root: str, pattern: str) -> Iterator[FileInfo]:
    if os.path.isdir(root):
        base = os.path.abspath(root)
        paths = glob.glob(f"{glob.escape(base)}/{pattern}", recursive=True)
    else:
        paths = [root] if os.path.isfile(root) else glob.glob(root, recursive=True)
        folders = [os.path.dirname(os.path.abspath(path)) for path in paths]
        base = os.path.commonpath(folders) if folders else ""
    for path in paths:
        if os.path.isfile(path):
            relative = Path(os.path.relpath(os.path.abspath(path), base)).as_posix()
            if not _is_unicode(relative):
                raise UsageError(f"{path!a}: the file's name is not UTF-8; rename the file")
            yield FileInfo(path, relative, os.path.getsize(path))


def _is_unicode(name: str) -> bool:
    """Tell whether a name was UTF-8: Python keeps other bytes as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _remote_files(root: str, pattern: str) -> Iterator[FileInfo]:
    bucket, name = _bucket_and_name(root)
    if glob.has_magic(name):
        folder = name[: min(name.index(c) for c in "*?[" if c in name)].rpartition("/")[0]
        root, pattern = f"{REMOTE}{bucket.name}/{folder}", name[len(folder) :].lstrip("/")
    elif (blob := bucket.get_blob(name)) is not None and name:
        yield FileInfo(root, os.path.basename(name), blob.size or 0)
        return
    start = len(_bucket_and_name(root)[1].rstrip("/") + "/") if _bucket_and_name(root)[1] else 0
    for blob in _blobs(root.rstrip("/") + "/"):
        relative = blob.name[start:]
        if fnmatch.fnmatch(relative, pattern) or fnmatch.fnmatch(f"/{relative}", f"/{pattern}"):
            yield FileInfo(f"{REMOTE}{bucket.name}/{blob.name}", relative, blob.size or 0)


@functools.cache
def _client() -> gcs.Client:
    from google.cloud import storage as gcs

    return gcs.Client()


def _bucket_and_name(path: str) -> tuple[gcs.Bucket, str]:
    bucket, _, name = path.removeprefix(REMOTE).partition("/")
    return _client().bucket(bucket), name


def _blobs(path: str, limit: int | None = None) -> Iterator[gcs.Blob]:
    bucket, name = _bucket_and_name(path)
    return iter(_client().list_blobs(bucket, prefix=name.lstrip("/"), max_results=limit))
