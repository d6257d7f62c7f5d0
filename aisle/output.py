"""Standard output, whatever it is: a pipe that nobody reads, a full disk, an old encoding."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from configs.errors import UsageError


def replace_unknown_letters() -> None:
    """Write a `?` for what the encoding of standard output lacks, in place of an error."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="replace")


@contextlib.contextmanager
def showing() -> Iterator[None]:
    """Show what came of a command; raise `UsageError` where that cannot be written."""
    try:
        # Nobody reads any more, as behind `| head -1`; Rich then asks for the end of the process.
        with contextlib.suppress(BrokenPipeError, SystemExit):
            yield
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        with open(os.devnull, "wb") as nothing:  # where Python flushes what is left, at its end
            os.dup2(nothing.fileno(), sys.stdout.fileno())
        raise UsageError(
            f"standard output cannot be written ({error.strerror}), but the work is done; write "
            "it elsewhere"
        ) from error


def write_json(figures: Mapping[str, Any]) -> None:
    """Write figures as one line, with escapes where the encoding is not Unicode's."""
    unicode = "utf" in (getattr(sys.stdout, "encoding", None) or "utf").lower()
    if sys.stdout is not None:
        sys.stdout.write(json.dumps(figures, ensure_ascii=not unicode) + "\n")
