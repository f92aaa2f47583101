"""The clock, passed in wherever time matters, so that a test can pass in its own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time in Unix seconds, a monotonic time in seconds, and waiting."""

    def now(self) -> float:
        """Return the wall time, Unix seconds."""

    def monotonic(self) -> float:
        """Return a time in seconds that only differences are taken of."""

    def sleep(self, seconds: float) -> None:
        """Wait; a signal handler that raises ends the wait."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return the wall time, Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Return the machine's monotonic time in seconds."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        time.sleep(max(0.0, seconds))
