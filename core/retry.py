"""The one retry policy: how often, how long, and how far apart a query is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from .clock import Clock


@attrs.frozen
class RetryPolicy:
    """At most `tries` tries and `patience` seconds of waiting; waits double from `first` seconds.

    A wait is between half and all of its length, by chance, so that 200 clusters that lost one
    store do not come back in step.
    """

    tries: int = 4
    first: float = 1.0
    longest: float = 15.0
    patience: float = 60.0
    chance: Callable[[], float] = random.random


class Retries:
    """The tries at one piece of work."""

    def __init__(self, policy: RetryPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._made = 0
        self._waited = 0.0

    def wait(self, asked: float | None = None) -> bool:
        """Wait before another try, as long as the server `asked` for at least.

        Returns False, without waiting, where there is to be no other try.
        """
        policy = self._policy
        self._made += 1
        backoff = min(policy.longest, policy.first * 2 ** (self._made - 1))
        pause = max(asked or 0.0, backoff * (0.5 + policy.chance() / 2))
        if self._made >= policy.tries or self._waited + pause > policy.patience:
            return False
        self._waited += pause
        self._clock.sleep(pause)
        return True
