"""Known errors, sorted by what the caller does about them.

Each carries one line that says what, where and what to do. Anything that is not one of these
is a bug and shows its traceback. Which exit status an error ends in is decided in `exits.py` alone.
"""

from __future__ import annotations

from collections.abc import Iterable


class KnownError(Exception):
    """An error that promferry understands; `str(error)` is the line a person reads."""


class ConfigurationError(KnownError):
    """Settings, credentials or definitions have to change; repeating will not help.

    `problems` holds one line for each thing that is wrong, so that all are reported together.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems: tuple[str, ...] = problems

    @classmethod
    def of(cls, errors: Iterable[ConfigurationError]) -> ConfigurationError:
        """Join several into one, in order, each problem once."""
        return cls(*dict.fromkeys(problem for error in errors for problem in error.problems))


class TryLaterError(KnownError):
    """This piece of work did not succeed now; a later run may do it."""


class UnavailableError(TryLaterError):
    """The server or the sink does not serve at all: further work would only knock again."""


class RejectedError(KnownError):
    """The server understood the query and refuses it: asking again changes nothing."""


class ConflictError(KnownError):
    """A conditional put found another version than the one it expected."""


class Interrupted(BaseException):
    """A signal asked the process to end; what was done is saved on the way out."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number
