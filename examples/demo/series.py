"""Samples over time: when a target was scraped, and what it said."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

import attrs

Labels = dict[str, str]
Samples = list[tuple[float, float]]


@attrs.frozen
class Series:
    """One series; samples in order of time, (Unix seconds, value)."""

    name: str
    labels: Mapping[str, str]
    samples: Samples = attrs.field(repr=False)


@attrs.frozen
class Scrapes:
    """The times at which a job is scraped: every `interval` seconds, `offset` after the full."""

    start: int
    end: int
    interval: int
    offset: float

    def times(self, start: float, end: float) -> list[float]:
        """Return the scrapes in `start <= t < end`."""
        start, end = max(start, self.start), min(end, self.end)
        first = math.ceil((start - self.offset) / self.interval)
        last = math.ceil((end - self.offset) / self.interval)
        return [round(n * self.interval + self.offset, 3) for n in range(first, last)]


def constant(times: Sequence[float], value: float) -> Samples:
    """Return the same value at every time."""
    return [(t, value) for t in times]


@attrs.frozen
class Load:
    """A level that swings with the day and trembles, the same for the same seed."""

    mean: float
    seed: str

    def level(self, times: Sequence[float]) -> list[float]:
        """Return the level at each time."""
        dice = random.Random(self.seed)
        phase = dice.random() * math.tau
        noise = [dice.uniform(0.9, 1.1) for _ in range(64)]
        swing = [1 + 0.3 * math.sin(t * math.tau / 86400 + phase) for t in times]
        return [self.mean * s * noise[n % 64] for n, s in enumerate(swing)]

    def gauge(self, times: Sequence[float]) -> Samples:
        """Return the level, in whole units."""
        return [(t, int(v)) for t, v in zip(times, self.level(times), strict=True)]

    def counter(self, times: Sequence[float], begin: float) -> Samples:
        """Return what has piled up since `begin`, as a counter shows it, to the microsecond."""
        total, before = 0.0, begin
        samples = []
        for t, level in zip(times, self.level(times), strict=True):
            total += level * max(0.0, t - before)
            before = t
            samples.append((t, round(total, 6)))
        return samples
