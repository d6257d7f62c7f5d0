"""The door of the command line: `aisle COMMAND`, or `python -m aisle COMMAND`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from aisle.arguments import parse_arguments
from configs.errors import UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 after one line on what to mend."""
    given = parse_arguments(sys.argv[1:] if arguments is None else list(arguments))
    try:
        from aisle import commands

        return commands.run_command(given)
    except UsageError as error:
        sys.stderr.write(f"aisle {given.command}: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"aisle {given.command}: stopped; run it again to go on\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
