"""The half of the file layer that speaks to Cloud Storage: `gs://bucket/name`, object by object.

Only `storage`, `listing` and `fingerprints` import this. `STORAGE_EMULATOR_HOST` names another
server than Google's. What a person can mend (no bucket, no right, no credentials) is a `UsageError`
of one line.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import hashlib
import io
import os
import posixpath
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any

from configs.errors import PassingFault, UsageError

if TYPE_CHECKING:
    from google.cloud import storage as gcs

REMOTE = "gs://"
_AT_ONCE = 8
_WHOLE = 32 << 20  # an object up to this size is read by one request


def find(path: str) -> gcs.Blob | None:
    """Return the object of this very name, or None; the bucket must be there."""
    bucket, name = _bucket_and_name(path)
    with _told(path):
        found = bucket.get_blob(name) if name else None
        if found is None:
            next(iter(_client().list_blobs(bucket, max_results=1)), None)  # raises without a bucket
    return found


def below(path: str) -> list[gcs.Blob]:
    """Return the objects below a folder, by name; folders' own placeholders are left out."""
    bucket, name = _bucket_and_name(path)
    prefix = name.rstrip("/") + "/" if name.strip("/") else ""
    with _told(path):
        found = list(_client().list_blobs(bucket, prefix=prefix))
    return [blob for blob in found if not blob.name.endswith("/")]


def starting_with(path: str) -> list[gcs.Blob]:
    """Return the objects whose name begins as `path` does."""
    bucket, name = _bucket_and_name(path)
    with _told(path):
        found = list(_client().list_blobs(bucket, prefix=name))
    return [blob for blob in found if not blob.name.endswith("/")]


def is_there(path: str) -> bool:
    """Tell whether an object has this name, or stands in a folder of this name."""
    if find(path) is not None:
        return True
    bucket, name = _bucket_and_name(path)
    with _told(path):
        inside = _client().list_blobs(bucket, prefix=name.rstrip("/") + "/", max_results=1)
        return next(iter(inside), None) is not None


def _as_listed(blob: gcs.Blob) -> gcs.Blob:
    """Return the object as it was when it was listed, whatever is written there meanwhile."""
    return blob.bucket.blob(blob.name, generation=blob.generation)


def path_of(blob: gcs.Blob) -> str:
    return f"{REMOTE}{blob.bucket.name}/{blob.name}"


def open_object(path: str) -> io.BufferedReader:
    """Open an object for reading bytes; raises `FileNotFoundError`."""
    blob = find(path)
    if blob is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    with _told(path):
        if (blob.size or 0) <= _WHOLE:
            return io.BufferedReader(io.BytesIO(_as_listed(blob).download_as_bytes()))
        return io.BufferedReader(_as_listed(blob).open("rb"))


def upload(path: str, file: IO[bytes]) -> None:
    """Write an object from the beginning of a file, whole or not at all."""
    bucket, name = _bucket_and_name(path)
    size = file.seek(0, io.SEEK_END)
    with _told(path):
        bucket.blob(name).upload_from_file(file, rewind=True, size=size)


def upload_tree(folder: str, path: str) -> None:
    """Write every file below a folder of this machine to below `path`."""
    files = [
        os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in sorted(names)
    ]

    def one(file: str) -> None:
        with open(file, "rb") as content:
            upload(f"{path}/{os.path.relpath(file, folder)}", content)

    _each(one, files)


def check_writable(path: str) -> None:
    """Raise `UsageError` unless an object can be written and removed below `path`."""
    probe = f"{path.rstrip('/')}/.probe-{uuid.uuid4().hex[:8]}"
    upload(probe, io.BytesIO())
    remove_tree(probe)


def remove_tree(path: str) -> None:
    """Remove the object of this name first, then those below."""
    blobs = [*filter(None, [find(path)]), *below(path)]
    with _told(path):
        for blob in blobs[:1]:
            _delete(blob)
        _each(_delete, blobs[1:])


def move_tree(source: str, target: str) -> None:
    """Copy every object below `source` to below `target`, then remove what was copied."""
    blobs = below(source)
    start = len(_bucket_and_name(source)[1].rstrip("/") + "/")
    bucket, name = _bucket_and_name(target)

    def copy(blob: gcs.Blob) -> None:
        _copy(blob, bucket.blob(f"{name.rstrip('/')}/{blob.name[start:]}"))

    with _told(target):
        _each(copy, blobs)
        _each(_delete, blobs)


def move_object(source: str, target: str) -> None:
    """Copy one object, over what may have the other name, then remove it."""
    blob = copy_object(source, target)
    with _told(target):
        _delete(blob)


def copy_object(source: str, target: str) -> gcs.Blob:
    """Copy one object, over what may have the other name; return the one that was copied."""
    blob, (bucket, name) = find(source), _bucket_and_name(target)
    if blob is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), source)
    with _told(target):
        _copy(blob, bucket.blob(name))
    return blob


def checksum(path: str) -> str | None:
    """Return the CRC-32C that Cloud Storage has of an object; None where there is none."""
    blob = find(path)
    return None if blob is None else str(blob.crc32c)


def _copy(blob: gcs.Blob, to: gcs.Blob) -> None:
    token = None
    while True:  # a large object takes several requests
        token, _, _ = to.rewrite(blob, token=token)
        if token is None:
            return


def fetch(path: str) -> str:
    """Return a copy of a file or folder on this machine; of one content there is one a process."""
    blob = find(path)
    if blob is not None:
        return _fetched([blob], posixpath.dirname(blob.name), posixpath.basename(blob.name))
    blobs = below(path)
    if not blobs:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return _fetched(blobs, _bucket_and_name(path)[1].rstrip("/"), "")


def fetch_files(paths: Iterable[str]) -> list[str]:
    """Return copies of files on this machine, several at a time."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(fetch, paths))


def _fetched(blobs: list[gcs.Blob], folder: str, name: str) -> str:
    listed = [(blob.bucket.name, blob.name, blob.generation, blob.size) for blob in blobs]
    home = f"{_cache()}/{hashlib.blake2b(repr(listed).encode(), digest_size=12).hexdigest()}"
    if not os.path.isdir(home):
        fresh = f"{home}.{uuid.uuid4().hex[:8]}"
        _each(lambda blob: _download(blob, fresh, folder), blobs)
        with contextlib.suppress(OSError):  # another thread may have been faster
            os.rename(fresh, home)
    return f"{home}/{name}" if name else home


def _download(blob: gcs.Blob, home: str, folder: str) -> None:
    path = os.path.join(home, posixpath.relpath(blob.name, folder or "."))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with _told(path_of(blob)):
        _as_listed(blob).download_to_filename(path)


@functools.cache
def _cache() -> str:
    """Return the folder of copies, which goes when the process ends."""
    folder = tempfile.mkdtemp(prefix="aisle-gs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _each(do: Callable[[Any], None], things: Sequence[Any]) -> None:
    """Do something with every thing, several at a time; the first error is raised."""
    if things:
        with ThreadPoolExecutor(min(_AT_ONCE, len(things))) as pool:
            list(pool.map(do, things))


def _delete(blob: gcs.Blob) -> None:
    from google.api_core.exceptions import NotFound

    with contextlib.suppress(NotFound):
        blob.bucket.blob(blob.name).delete()


@functools.cache
def _client() -> gcs.Client:
    from google.cloud import storage as gcs

    return gcs.Client()


def _bucket_and_name(path: str) -> tuple[gcs.Bucket, str]:
    bucket, _, name = path.removeprefix(REMOTE).partition("/")
    if not bucket:
        raise UsageError(f"{path}: expected gs://bucket/folder, found no bucket's name")
    with _told(path):
        return _client().bucket(bucket), name.lstrip("/")


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Turn what the client raises into one line that says where, what, and what to do."""
    from google.api_core import exceptions as api
    from google.auth import exceptions as auth
    from requests.exceptions import ConnectionError as NoConnection

    bucket = path.removeprefix(REMOTE).partition("/")[0]
    try:
        yield
    except auth.GoogleAuthError as error:
        raise UsageError(
            f"{path}: no credentials of Google Cloud ({_short(error)}); run `gcloud auth "
            "application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS"
        ) from error
    except api.NotFound as error:
        raise UsageError(
            f"{path}: there is no bucket {bucket!r}, or its object went away; make it, or name "
            "another with --prefix or --input"
        ) from error
    except (api.Forbidden, api.Unauthorized) as error:
        raise UsageError(
            f"{path}: the account may not do this in bucket {bucket!r} ({_short(error)}); give it "
            "roles/storage.objectAdmin there, or name another with --prefix or --input"
        ) from error
    except (api.BadRequest, ValueError) as error:
        raise UsageError(
            f"{path}: not a path in Cloud Storage ({_short(error)}); expected gs://bucket/folder"
        ) from error
    except (api.RetryError, api.ServerError, NoConnection) as error:
        raise PassingFault(
            f"{path}: Cloud Storage does not answer ({_short(error)}); look at the network and "
            "STORAGE_EMULATOR_HOST, then run again"
        ) from error


def _short(error: Exception) -> str:
    return " ".join(str(getattr(error, "message", None) or error).split())[:200]
