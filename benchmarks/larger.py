"""A larger catalogue for scale: the files of a real one many times over, with altered titles.

Copy k of `a/b.csv` is `copy-k/a/b.csv`, of the same category. In its titles the first word of
three letters or more gets two letters at its end, others in each copy, so that titles of one copy
are not those of another, while repeats within a copy stay repeats.

    .venv/bin/python benchmarks/larger.py --input DIR --output LARGER --times 10
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.catalogue import category_files
from benchmarks.command import finish
from configs.errors import UsageError

_WORD = re.compile(rb"(?m)^([^A-Za-z\r\n]*(?:[A-Za-z]{1,2}[^A-Za-z\r\n]+)*[A-Za-z]{3,})")


def enlarge(source: Path, target: Path, times: int) -> int:
    """Write `times` copies of the category files below `target`; return the bytes written."""
    written = 0
    for path in category_files(source):
        header, end, titles = path.read_bytes().partition(b"\n")
        for copy in range(times):
            larger = target / f"copy-{copy}" / path.relative_to(source)
            larger.parent.mkdir(parents=True, exist_ok=True)
            written += larger.write_bytes(header + end + alter(titles, copy))
    return written


def alter(titles: bytes, copy: int) -> bytes:
    r"""Alter the title in each line, or leave it for copy 0.

    >>> alter(b"5 x Red Mug\nBed\n", 2)
    b'5 x Redqc Mug\nBedqc\n'
    """
    if not copy:
        return titles
    letters = b"q" + bytes(97 + int(digit) for digit in str(copy))
    return _WORD.sub(rb"\1" + letters, titles)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--input", type=Path, required=True, help="folder of category files")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--times", type=int, default=10, help="copies (default 10)")
    given = parser.parse_args(argv)
    if not given.input.is_dir():
        raise UsageError(f"--input {given.input}: no such folder; name one with category files")
    if given.times < 1:
        raise UsageError(f"--times {given.times}: must be at least 1")
    if given.output.exists():
        raise UsageError(f"--output {given.output}: is there already; name a new folder")
    print(f"{enlarge(given.input, given.output, given.times):,} bytes in {given.output}")
    return 0


if __name__ == "__main__":
    finish(main)
