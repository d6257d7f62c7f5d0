"""The one exception for whatever the person at the keyboard can mend."""


class UsageError(Exception):
    """A wrong setting, an empty input or a missing folder.

    The message is one line: what was found, what was expected, what to do. The command line
    prints it without a traceback and exits with status 2.
    """
