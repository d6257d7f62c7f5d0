"""Which of the files in a folder are the category files."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterable, Sequence

from configs.errors import UsageError
from pipelines import listing
from pipelines.unpacking import open_unpacked, plain_name

_NO_CATALOGUE = (".md", ".pdf", ".png", ".jpg", ".jpeg", ".gif", ".yaml", ".html", ".py", ".ini")
_MAYBE_XML = ".yml"  # as the catalogues of Yandex's market are called
_NO_NAMES = ("thumbs.db", "__macosx")
_ASIDE = (".", listing.OPEN_MARK)
_LONGEST_ENDING = 8
_SHOWN = 3
_SHOWN_CHARS = 300


def files_below(root: str) -> list[listing.FileInfo]:
    """Return the files that may be category files: what is no catalogue, such as a picture, is not.

    Raises `UsageError` where there is none.
    """
    there = listing.list_files(root)
    found = [file for file in there if _may_be_one(file)]
    if not found:
        others = f"; {some_of(there)} is none" if there else ""
        raise UsageError(
            f"--input {root}: no category file there{others}; name the folder of the category files"
        )
    return found


def most_alike(
    found: Sequence[listing.FileInfo],
) -> tuple[list[listing.FileInfo], list[listing.FileInfo]]:
    """Return the files that have the ending of most bytes, and which others were left out."""
    sizes: Counter[str] = Counter()
    for file in found:
        sizes[ending_of(file.relative).lower()] += file.size
    most = sizes.most_common(1)[0][0]
    taken = [file for file in found if ending_of(file.relative).lower() == most]
    return taken, [file for file in found if file not in taken]


def pattern_of(files: Sequence[listing.FileInfo], others: Sequence[listing.FileInfo]) -> str:
    """Return a glob that finds files of one ending, in capitals or not, and if it can no others.

    Files without an ending are told from those with one by their last characters, which are no
    point, or by what all their names begin with.
    """
    ending = _in_capitals_or_not({ending_of(file.relative) for file in files})
    names = [os.path.basename(f.relative.removesuffix(ending_of(f.relative))) for f in files]
    most = 0 if ending else min(_LONGEST_ENDING, *map(len, names))
    some = [f"**/*{'[!.]' * count}{ending}" for count in range(most + 1)]
    begin = os.path.commonprefix(names)  # noqa: RUF071  of characters, no folders are in them
    some.append(f"**/{glob.escape(begin)}*{ending}")
    every = (pattern for pattern in some if len(found_by(pattern, files)) == len(files))
    return next((pattern for pattern in every if not found_by(pattern, others)), some[0])


def found_by(pattern: str, files: Sequence[listing.FileInfo]) -> list[listing.FileInfo]:
    """Return those of the files that a glob finds."""
    return [file for file in files if listing.matches(pattern, file.relative)]


def _in_capitals_or_not(endings: set[str]) -> str:
    letters = ((min(some), max(some)) for some in zip(*endings, strict=True))
    return "".join(low if low == high else f"[{low}{high}]" for low, high in letters)


def shown(columns: Iterable[str]) -> str:
    """Return the names of columns for a message of one line, cut where there are too many."""
    text = f"{list(columns)}"
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def some_of(files: Sequence[listing.FileInfo]) -> str:
    names = ", ".join(file.relative for file in files[:_SHOWN])
    return f"{names} and {len(files) - _SHOWN} more" if len(files) > _SHOWN else names


def _may_be_one(file: listing.FileInfo) -> bool:
    parts = file.relative.lower().split("/")
    if any(part.startswith(_ASIDE) or part in _NO_NAMES for part in parts):
        return False
    if parts[-1].endswith(_MAYBE_XML):
        with open_unpacked(file.path) as raw:
            return raw.read(1 << 10).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return not parts[-1].endswith(_NO_CATALOGUE)


def ending_of(name: str) -> str:
    """Return a file's ending, that of its compression with it: `.csv.gz`."""
    stem = plain_name(name)
    packed = name[len(stem) :]
    return os.path.splitext(stem)[1] + packed
