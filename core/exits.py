"""The one place that decides which exit status an outcome has."""

from __future__ import annotations

from enum import IntEnum

from .errors import ConfigurationError, Interrupted, KnownError


class Exit(IntEnum):
    """Exit statuses, as `promferry --help` lists them."""

    DONE = 0
    INCOMPLETE = 1
    CONFIGURATION = 2
    BUG = 3
    INTERRUPTED = 130
    TERMINATED = 143


def status_of(error: BaseException) -> int:
    """Return the exit status that `error` ends the process with."""
    if isinstance(error, Interrupted):
        return 128 + error.signal_number
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    if isinstance(error, ConfigurationError):
        return Exit.CONFIGURATION
    if isinstance(error, KnownError):
        return Exit.INCOMPLETE
    return Exit.BUG
