"""Sets of half-open intervals of whole seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs


@attrs.frozen
class Intervals:
    """Seconds, as sorted intervals `start <= t < end` that neither overlap nor touch."""

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> Intervals:
        """Make a set from intervals in any order, overlapping or not; empty ones are dropped."""
        merged: list[tuple[int, int]] = []
        for start, end in sorted(span for span in spans if span[0] < span[1]):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return cls(tuple(merged))

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self.spans)

    def add(self, start: int, end: int) -> Intervals:
        """Return the set with `start <= t < end` in it."""
        return Intervals.of((*self.spans, (start, end)))

    def remove(self, start: int, end: int) -> Intervals:
        """Return the set without `start <= t < end`."""
        left = ((a, min(b, start)) for a, b in self.spans)
        right = ((max(a, end), b) for a, b in self.spans)
        return Intervals.of((*left, *right))

    def within(self, start: int, end: int) -> Intervals:
        """Return the part of the set that lies in `start <= t < end`."""
        return Intervals.of((max(a, start), min(b, end)) for a, b in self.spans)

    def missing(self, start: int, end: int) -> Intervals:
        """Return the part of `start <= t < end` that is not in the set."""
        gaps = Intervals.of([(start, end)])
        for a, b in self.spans:
            if b > start and a < end:
                gaps = gaps.remove(a, b)
        return gaps

    def covers(self, start: int, end: int) -> bool:
        """Whether all of `start <= t < end` is in the set."""
        return start >= end or any(a <= start and end <= b for a, b in self.spans)

    def reach(self, start: int, end: int) -> int:
        """Return how far from `start` on the set goes without a gap, at most `end`."""
        for a, b in self.spans:
            if a <= start < b:
                return min(b, end)
        return start
