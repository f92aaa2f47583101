"""How long to pause between two queries."""

from __future__ import annotations

from typing import Final, Literal

from .clock import Clock

_SHARE: Final = 4.2
"""Pauses for one second of querying: 4 would make querying exactly a fifth of the time."""


class Pace:
    """Keeps queries apart: by a fixed delay, or (`auto`) by what the last one cost.

    The pause counts from the end of a query, so that storing its answer is part of it.
    """

    def __init__(self, delay: float | Literal["auto"], clock: Clock) -> None:
        self._delay = delay
        self._clock = clock
        self._began = 0.0
        self._free_from: float | None = None
        self.queries = 0
        self.seconds = 0.0

    def begin(self) -> None:
        """Wait until the next query may be sent."""
        if self._free_from is not None:
            pause = self._free_from - self._clock.monotonic()
            if pause > 0:
                self._clock.sleep(pause)
        self._began = self._clock.monotonic()

    def end(self) -> None:
        """Note that the query is answered, well or badly."""
        now = self._clock.monotonic()
        cost = now - self._began
        self.queries += 1
        self.seconds += cost
        self._free_from = now + (cost * _SHARE if self._delay == "auto" else self._delay)
