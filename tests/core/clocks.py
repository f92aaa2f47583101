"""A clock that a test moves."""

from __future__ import annotations


class HandClock:
    """Stands still until it is told to go; waiting moves it."""

    def __init__(self, now: float = 0.0) -> None:
        self.moment = now
        self.elapsed = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.moment + self.elapsed

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds

    def work(self, seconds: float) -> None:
        """Let time pass without anybody waiting."""
        self.elapsed += seconds
