"""What can be wrong with an answer, sorted by what the client does about it."""

from __future__ import annotations


class AnswerError(Exception):
    """An answer that is not used. `str(error)` says why, in one line."""


class BrokenAnswerError(AnswerError):
    """Cut short, not JSON, partial, or an error of the server's own: the same query may work."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooMuchError(AnswerError):
    """More than the server gives at once: never repeated as it was, but with a shorter range.

    `lasting` says that a limit was hit that will be there for the next window too. `retry_after` is
    what the server asked to wait, seconds. `silent` says that nothing was answered at all: the
    server may be hanging, and not only busy with this query.
    """

    def __init__(
        self,
        message: str,
        *,
        lasting: bool = True,
        retry_after: float | None = None,
        silent: bool = False,
    ) -> None:
        super().__init__(message)
        self.silent = silent
        self.lasting = lasting
        self.retry_after = retry_after
