"""The one exception for whatever the person at the keyboard can mend."""


class UsageError(Exception):
    """A wrong setting, an empty input or a missing folder.

    The message is one line: what was found, what was expected, what to do. The command line
    prints it without a traceback and exits with status 2.
    """


class PassingFault(UsageError):
    """What may be over in a minute: a store that is down, a stage that another process holds.

    The same one line, but exit status 75 (EX_TEMPFAIL of sysexits.h): a scheduler tries again.
    """
