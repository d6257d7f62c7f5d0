"""The files below a folder, or of a glob: one order, on disks and in buckets alike."""

from __future__ import annotations

import fnmatch
import glob
import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from configs.errors import UsageError
from pipelines import cloud_storage, storage
from pipelines.cloud_storage import REMOTE

OPEN_MARK = "~$"


@dataclass(frozen=True)
class FileInfo:
    """A file below a root: its path, its path below the root, its size in bytes."""

    path: str
    relative: str
    size: int


def list_files(root: str, pattern: str = "**") -> list[FileInfo]:
    """Return the files below `root` whose relative path matches `pattern`, by relative path.

    `root` may be a folder, a single file or itself a glob; `**` crosses folders.
    """
    found = _remote_files(root, pattern) if storage.is_remote(root) else _local_files(root, pattern)
    once = {file.relative: file for file in found}  # `**/**` finds a file by several ways
    return sorted(once.values(), key=lambda file: file.relative)


def without_marks(files: Iterable[FileInfo], root: str) -> list[FileInfo]:
    """Leave out the marks of files that are open in an office program: `~$shop.csv`, not `root`."""
    return [f for f in files if f.path == root or not _is_mark(f.relative)]


def _is_mark(relative: str) -> bool:
    return any(part.startswith(OPEN_MARK) for part in relative.split("/"))


def folder_before_glob(root: str) -> str | None:
    """Return the folder that a glob names before its first sign; None where `root` is no glob.

    >>> folder_before_glob("shop/dumps/2026-*/part.csv")
    'shop/dumps'
    """
    if not glob.has_magic(root) or storage.exists(root):
        return None
    plain = _before_sign(root)
    return plain.rpartition("/")[0] or ("/" if plain.startswith("/") else ".")


def _before_sign(root: str) -> str:
    return root[: min(root.index(sign) for sign in "*?[" if sign in root)]


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
    """List as `_local_files` does: a file, else what is in a folder, else a glob."""
    start = len(root.rstrip("/")) + 1
    if (blob := cloud_storage.find(root)) is not None:
        yield FileInfo(root, posixpath.basename(root), blob.size or 0)
        return
    found = {cloud_storage.path_of(blob): blob.size or 0 for blob in cloud_storage.below(root)}
    if not found and glob.has_magic(root):
        every = cloud_storage.starting_with(_before_sign(root))
        found = {cloud_storage.path_of(blob): blob.size or 0 for blob in every}
        found = {path: size for path, size in found.items() if matches(root, path)}
        folders = [posixpath.dirname(path.removeprefix(REMOTE)) for path in found]
        start = len(REMOTE) + len(posixpath.commonpath(folders) if folders else "") + 1
        pattern = "**"
    for path, size in found.items():
        if matches(pattern, path[start:]):
            yield FileInfo(path, path[start:], size)


def matches(pattern: str, path: str) -> bool:
    """Tell what `glob` does on a disk: `**` crosses folders, a hidden name is not found by `*`."""
    return _parts_match(pattern.split("/"), path.split("/"))


def _parts_match(patterns: list[str], parts: list[str]) -> bool:
    if not patterns or not parts:
        return not patterns and not parts
    first, hidden = patterns[0], parts[0].startswith(".")
    if first == "**":
        further = not hidden and _parts_match(patterns, parts[1:])
        return further or _parts_match(patterns[1:] or ["*"], parts)
    if hidden and not first.startswith("."):
        return False
    return fnmatch.fnmatchcase(parts[0], first) and _parts_match(patterns[1:], parts[1:])
