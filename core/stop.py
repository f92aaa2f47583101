"""Stopping: a signal asks, the work in hand decides when."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from .errors import Interrupted


class Stop:
    """Whether the process was asked to stop, and by which signal.

    Inside `breakable()` a signal breaks off what is running (a query, a wait) by raising
    `Interrupted`; elsewhere it is only noted, so that a put or a save is finished first.
    A second signal breaks off anything.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._breakable = False

    def install(self) -> None:
        """Handle SIGTERM and SIGINT from now on (main thread only)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def request(self, number: int) -> None:
        """Ask for a stop as the signal `number` would, without breaking anything off."""
        self.signal_number = number

    def check(self) -> None:
        """Raise `Interrupted` if a stop was asked for."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number)

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """Mark a stretch of work that a signal may break off."""
        self.check()
        self._breakable = True
        try:
            self.check()
            yield
        finally:
            self._breakable = False

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        again = self.signal_number is not None
        self.signal_number = number
        if self._breakable or again:
            raise Interrupted(number)
