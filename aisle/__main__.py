"""The door of the command line: `aisle COMMAND`, or `python -m aisle COMMAND`."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from aisle.arguments import parse_arguments
from aisle.output import replace_unknown_letters
from configs.errors import PassingFault, UsageError

_TRY_AGAIN = 75


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or after one line 2 (mend it) or 75 (it may pass: try again)."""
    given = parse_arguments(sys.argv[1:] if arguments is None else list(arguments))
    try:
        from aisle import commands

        return commands.run_command(given)
    except UsageError as error:
        sys.stderr.write(f"aisle {given.command}: {error}\n")
        return _TRY_AGAIN if isinstance(error, PassingFault) else 2
    except BaseException as error:
        if not _was_interrupted(error):
            raise
        sys.stderr.write(f"aisle {given.command}: stopped; run it again to go on\n")
        return 130


def _was_interrupted(error: BaseException | None) -> bool:
    """Tell whether Ctrl-C is what an exception comes from.

    Beam raises one of its own, a `RuntimeError` with the name of the step in it.
    """
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def command() -> NoReturn:
    """Run what was typed; where that went well, end the process without Python's own end.

    That frees each of a million objects of TensorFlow and Beam, most of a second after all is done.
    What went wrong may have left threads at work, which Python waits for.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored
        signal.signal(signal.SIGINT, _stop)
    replace_unknown_letters()
    if status := main():
        sys.exit(status)
    atexit._run_exitfuncs()
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None where the shell closed it
        with contextlib.suppress(BrokenPipeError):  # nobody reads any more
            stream.flush()
    os._exit(0)


def _stop(number: int, frame: FrameType | None) -> None:
    """Stop at Ctrl-C; what Beam's steps and threads have to say of that is a page of tracebacks."""
    import logging
    import threading

    logging.disable()
    threading.excepthook = lambda _: None
    signal.default_int_handler(number, frame)


if __name__ == "__main__":
    command()
