"""The file layer: the same few verbs for local folders and `gs://bucket/folder`.

Only here, in `listing` and in `fingerprints` is it known that the two differ. A file is written
whole or not at all: locally to a hidden neighbour that is then renamed, on Cloud Storage by one
upload. What a library must have on this machine's disk is fetched (`fetched`) or written to a
folder that is then published (`published`); of a local path both give the path itself.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import IO

from configs.errors import UsageError
from pipelines import cloud_storage
from pipelines.cloud_storage import REMOTE

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_IN_MEMORY = 32 << 20
# Another disk, a file system without links, more links than it can count.
_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def is_remote(path: str) -> bool:
    """Tell whether a path is one of Cloud Storage; raise `UsageError` where it is none at all."""
    check_scheme(path)
    return path.startswith(REMOTE)


def check_scheme(path: str, option: str = "") -> None:
    """Raise `UsageError` for a path of any scheme but `gs://`; `option` is where it was given."""
    found = _SCHEME.match(path)
    if found is None or path.startswith(REMOTE):
        return
    where, scheme = f"{option} {path}".lstrip(), found[1]
    if scheme.lower() == "file":
        raise UsageError(
            f"{where}: expected a path alone; write {path[found.end() :] or '/folder'}"
        )
    raise UsageError(
        f"{where}: paths of {scheme}:// cannot be read or written; expected a local path or "
        f"{REMOTE}bucket/folder"
    )


def exists(path: str) -> bool:
    """Tell whether a file or folder is there."""
    return cloud_storage.is_there(path) if is_remote(path) else os.path.exists(path)


def open_input(path: str) -> io.BufferedReader:
    """Open a file for reading bytes."""
    return cloud_storage.open_object(path) if is_remote(path) else open(path, "rb")


def fetched(path: str) -> str:
    """Return a path on this machine's disk that holds the file or folder."""
    return cloud_storage.fetch(path) if is_remote(path) else path


def fetched_files(paths: Iterable[str]) -> list[str]:
    """Return paths on this machine's disk that hold the files, in their order."""
    every = list(paths)
    remote = cloud_storage.fetch_files(path for path in every if is_remote(path))
    return [remote.pop(0) if is_remote(path) else path for path in every]


@contextlib.contextmanager
def published(path: str) -> Iterator[str]:
    """Give a folder on this machine's disk; what is in it when the block ends is at `path`."""
    with scratch(path) as folder:
        yield folder
        if is_remote(path):
            cloud_storage.upload_tree(folder, path)


@contextlib.contextmanager
def scratch(path: str) -> Iterator[str]:
    """Give a folder on this machine's disk for what need not last: `path`, or one that goes."""
    if not is_remote(path):
        os.makedirs(path, exist_ok=True)
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="aisle-") as folder:
        yield folder


@contextlib.contextmanager
def working_copy(path: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give a folder on this machine's disk with what is at `path`, and what brings it back there.

    For libraries that keep a state of their own: after a kill it is as it was last brought back.
    """
    if not is_remote(path):
        yield path, lambda: None
        return
    with scratch(path) as folder:
        if exists(path):
            shutil.copytree(fetched(path), folder, dirs_exist_ok=True)
        yield folder, lambda: cloud_storage.upload_tree(folder, path)


def read_bytes(path: str) -> bytes:
    with open_input(path) as file:
        return file.read()


@contextlib.contextmanager
def open_output(path: str) -> Iterator[IO[bytes]]:
    """Write a file that appears at `path` whole, when the block ends without an error."""
    if is_remote(path):
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as buffer:
            yield buffer
            cloud_storage.upload(path, buffer)
        return
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    hidden = _hidden_name(path)
    try:
        with open(hidden, "wb") as file:
            yield file
        os.replace(hidden, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(hidden)
        raise


def _hidden_name(path: str) -> str:
    return f"{os.path.dirname(path) or '.'}/.{os.path.basename(path)}.{uuid.uuid4().hex[:8]}"


def write_bytes(path: str, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with open_output(path) as file:
        file.write(content)


def make_folder(path: str, option: str = "--prefix") -> None:
    """Make a folder and its parents; raise `UsageError` if it may not be written.

    `option` is what names another folder.
    """
    if is_remote(path):
        cloud_storage.check_writable(path)
        return
    try:
        os.makedirs(path, exist_ok=True)
        probe = os.path.join(path, f".probe-{uuid.uuid4().hex[:8]}")
        with open(probe, "wb"):
            pass
        os.unlink(probe)
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be written ({error.strerror}); choose another {option}"
        ) from error


def remove_tree(path: str) -> None:
    """Remove a folder or file, if it is there."""
    if is_remote(path):
        cloud_storage.remove_tree(path)
    elif os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def move_tree(source: str, target: str) -> None:
    """Move a folder to a path where nothing is; on Cloud Storage object by object."""
    if is_remote(source):
        cloud_storage.move_tree(source, target)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.rename(source, target)


def move_file(source: str, target: str) -> None:
    """Move a file, over what may stand at `target`.

    To another disk, and on Cloud Storage, it is copied whole, then deleted.
    """
    if is_remote(source):
        cloud_storage.move_object(source, target)
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


def link_file(source: str, target: str) -> None:
    """Let `target` be the file that `source` is, over what may stand there.

    A second name where the disk knows such, else a copy: nobody may write into either in place.
    """
    if is_remote(source):
        cloud_storage.copy_object(source, target)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    hidden = _hidden_name(target)
    try:
        os.link(source, hidden)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with open(source, "rb") as held, open_output(target) as copy:
            shutil.copyfileobj(held, copy)
        return
    os.replace(hidden, target)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(hidden)  # `target` was this very file: then nothing is replaced
