"""The way of a dump: inbox → scoring/<dump id> → archive/<dump id>, or quarantine/<dump id>.

A dump is taken when nobody changed it for a while, by one move: from then on whoever drops a file
of the same name drops another dump. Its id is its name and a hash of its content, so that the same
dump twice is the same dump, and an Airflow run of its id exists once.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time

from configs.artifacts import PrefixArtifacts
from pipelines import fingerprints, listing, storage

REASON = "reason.json"
_log = logging.getLogger(__name__)


def files_in(inbox: str) -> list[listing.FileInfo]:
    """Return the dumps of the inbox; hidden files and `.part` are still on their way.

    Raises `FileNotFoundError` where a local inbox is not there.
    """
    if not storage.is_remote(inbox) and not os.path.isdir(inbox):
        raise FileNotFoundError(f"inbox {inbox}: no such folder; make it, or set schedule.inbox")
    return [
        file
        for file in listing.list_files(inbox, "*")
        if "/" not in file.relative and not file.relative.endswith((".part", ".tmp"))
    ]


def quiet_files(inbox: str, quiet_seconds: float) -> list[listing.FileInfo]:
    """Return the dumps that nobody changed for so long; an object in a bucket is whole at once."""
    files = files_in(inbox)
    if storage.is_remote(inbox):
        return files
    return [file for file in files if _age(file.path) >= quiet_seconds]


def _age(path: str) -> float:
    """Return the seconds since a file was changed; of one that is gone, or of tomorrow, 0."""
    try:
        return time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return 0.0


def fingerprint(path: str) -> str:
    """Return 32 hexadecimal digits over a file's content, whatever its name."""
    files = [listing.FileInfo(file.path, "", file.size) for file in listing.list_files(path)]
    return fingerprints.content_fingerprint(files)


def dump_id(name: str, content: str) -> str:
    """Name a dump.

    >>> dump_id("New products (May).csv", "5e1f00aa99bb")
    'New-products--May-.csv-5e1f00aa'
    """
    plain = re.sub(r"[^A-Za-z0-9_.=-]", "-", name).lstrip("_.=-") or "dump"
    return f"{plain[:80]}-{content[:8]}"


def claim(inbox: str, quiet_seconds: float, at: PrefixArtifacts) -> list[dict[str, str]]:
    """Take the quiet dumps out of the inbox; return all that wait to be scored, taken before too.

    A dump whose like was scored before goes to the archive, over its like. One whose like was
    quarantined is tried again: `run`, by which a scheduler runs it once, tells the tries apart.
    """
    for file in quiet_files(inbox, quiet_seconds):
        try:
            name = dump_id(file.relative, fingerprint(file.path))
            scored = f"{at.archive(name)}/{file.relative}"
            again = storage.exists(scored)
            storage.move_file(file.path, scored if again else f"{at.scoring(name)}/{file.relative}")
        except FileNotFoundError:  # its owner took it back
            continue
        _log.info("%s: %s", name, "scored before, archived" if again else "taken")
    root = at.scoring("x").removesuffix("/x")
    waiting = listing.list_files(root) if storage.is_remote(root) or os.path.isdir(root) else []
    found = [(file.path, file.relative.split("/")[0]) for file in waiting if "/" in file.relative]
    return [{"dump": path, "dump_id": name, "run": _run(name, at)} for path, name in found]


def _run(name: str, at: PrefixArtifacts) -> str:
    before = len(_reasons(at.quarantine(name)))
    return f"dump__{name}__{before + 1}" if before else f"dump__{name}"


def _reasons(folder: str) -> list[listing.FileInfo]:
    there = storage.is_remote(folder) or os.path.isdir(folder)
    return listing.list_files(folder, "reason*.json") if there else []


def archive(path: str, name: str, at: PrefixArtifacts) -> str:
    """Move a scored dump to the archive; one that is there already was moved by an earlier try."""
    return _moved(path, name, at.archive(name), at)


def quarantine(path: str, name: str, reason: str, at: PrefixArtifacts) -> str:
    """Move a bad dump out of the way, its reason beside it; return where it is now.

    Of one that was quarantined before, that reason stays: the new one is `reason-2.json`.
    """
    folder = at.quarantine(name)
    if storage.exists(path):  # else an earlier try got as far as here
        before = len(_reasons(folder))
        file = REASON if not before else REASON.replace(".", f"-{before + 1}.")
        text = json.dumps({"dump": path, "dump_id": name, "reason": reason}, indent=1)
        storage.write_bytes(f"{folder}/{file}", (text + "\n").encode())
    return _moved(path, name, folder, at)


def _moved(path: str, name: str, folder: str, at: PrefixArtifacts) -> str:
    target = f"{folder}/{os.path.basename(path)}"
    if storage.exists(path) or not storage.exists(target):
        storage.move_file(path, target)
    home = at.scoring(name)
    if not storage.is_remote(home) and os.path.isdir(home) and not os.listdir(home):
        os.rmdir(home)
    return target
