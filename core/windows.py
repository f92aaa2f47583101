"""Windows: stretches of time, aligned to UTC midnight, that one file each is written for.

Everything here is pure arithmetic on whole Unix seconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

import attrs

DAY: Final = 86_400


@attrs.frozen
class Window:
    """The half-open stretch `start <= t < end`, Unix seconds."""

    start: int
    end: int


@attrs.frozen
class Grid:
    """Which windows there are.

    `frames` holds (midnight, length in seconds): from that day on, windows are that long. A day
    keeps the length that it was first exported with, so that a changed `TIME_FRAME` never leaves
    two files with the same samples; before the first entry, the first entry's length holds.
    """

    frames: tuple[tuple[int, int], ...]

    def frame(self, moment: int) -> int:
        """Return the window length in force on the day of `moment`, seconds."""
        index = bisect_right(self.frames, midnight(moment), key=lambda frame: frame[0])
        return self.frames[max(0, index - 1)][1]

    def at(self, moment: int) -> Window:
        """Return the window that `moment` lies in."""
        day = midnight(moment)
        frame = self.frame(moment)
        start = day + (moment - day) // frame * frame
        return Window(start, min(start + frame, day + DAY))

    def between(self, begin: int, end: int) -> Iterator[Window]:
        """Yield, oldest first, every window that has a second in `begin <= t < end`."""
        moment = begin
        while moment < end:
            window = self.at(moment)
            yield window
            moment = window.end

    def changed(self, day: int, frame: int) -> Grid:
        """Return the grid with windows of `frame` seconds from the midnight `day` on."""
        if not self.frames:
            return Grid(((day, frame),))
        kept = tuple(each for each in self.frames if each[0] < day)
        if kept and kept[-1][1] == frame:
            return Grid(kept)
        return Grid((*kept, (day, frame)))


def midnight(moment: int) -> int:
    """Return the UTC midnight at or before `moment`."""
    return moment - moment % DAY


def reach(window: Window, step: int, horizon: int) -> int:
    """Return how far `window` can be exported when samples up to `horizon` have settled.

    The end of the window where it is whole; otherwise `horizon` floored to a step counted from the
    window's start. Not beyond the start: nothing of it is due yet.
    """
    if horizon >= window.end:
        return window.end
    if horizon <= window.start:
        return window.start
    return window.start + (horizon - window.start) // step * step


def last_sample(start: int, end: int, step: int) -> int:
    """Return the time of the last sample of a query over `start <= t < end`."""
    return start + (end - 1 - start) // step * step


def halves(start: int, end: int, step: int) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Split a range at a step near its middle; None where it holds one step only."""
    steps = (end - 1 - start) // step + 1
    if steps <= 1:
        return None
    middle = start + (steps + 1) // 2 * step
    return (start, middle), (middle, end)


def pieces(start: int, end: int, span: int, step: int) -> Iterator[tuple[int, int]]:
    """Cut a range into pieces of at most `span` seconds (at least one step), oldest first."""
    length = max(1, span // step) * step
    while start < end:
        yield start, min(start + length, end)
        start += length
