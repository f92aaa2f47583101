"""Holding the state against the objects: what is covered, and what is not. Pure arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

import attrs

from ..intervals import Intervals
from ..state import MetricState, State
from ..windows import DAY, Grid, Window, midnight
from .holdings import Held, Holdings

HOUR: Final = 3600


class Mark(StrEnum):
    """What is to be said of an hour or a day, the most urgent last."""

    NOTHING = "."
    EMPTY = "e"
    FULL = "#"
    GROWING = "~"
    LOST = "x"
    HOLE = "!"


_URGENCY: Final = {mark: number for number, mark in enumerate(Mark)}


def mark_of(hours: str) -> Mark:
    """Return the most urgent mark of hours; `FULL` wins over `EMPTY` and over what is not due."""
    return max(map(Mark, hours), key=_URGENCY.__getitem__)


@attrs.frozen
class Gap:
    """A window that is missing: never exported (`lost` False), or recorded and not in the sink."""

    window: Window
    error: str = ""
    lost: bool = False


@attrs.frozen
class Day:
    """A UTC day of one metric: a mark for each hour, objects and bytes."""

    day: int
    hours: str
    objects: int
    size: int

    @property
    def mark(self) -> Mark:
        """The most urgent mark of its hours."""
        return mark_of(self.hours)


@attrs.frozen
class Covered:
    """One metric. Times in Unix seconds; `first` and `last` are None where nothing is exported."""

    name: str
    since: int
    first: int | None
    last: int | None
    windows: int
    empty: int
    objects: int
    size: int
    gaps: tuple[Gap, ...]
    days: tuple[Day, ...]


@attrs.frozen
class Coverage:
    """All metrics of a cluster, and how far its newest window goes."""

    metrics: tuple[Covered, ...]
    newest: int | None


def coverage(state: State, held: Holdings, since: int) -> Coverage:
    """Return the coverage of every metric that the state or the sink knows, from `since` on.

    A window is due when a later one is exported of any metric; the newest window of all may still
    be growing, and counts as a gap only where it failed.
    """
    spans = [span for each in state.metrics.values() for span in each.exported]
    newest = max((end for _, end in spans), default=None)
    names = sorted({*state.metrics, *held})
    grid = state.grid if state.grid.frames else Grid(((0, HOUR),))
    return Coverage(
        tuple(
            _metric(
                name,
                state.metrics.get(name),
                held.get(name, {}),
                grid=grid,
                newest=newest or 0,
                since=since,
            )
            for name in names
        ),
        newest,
    )


def _metric(
    name: str,
    record: MetricState | None,
    held: Mapping[int, Held],
    *,
    grid: Grid,
    newest: int,
    since: int,
) -> Covered:
    if record is None:  # objects that no run has recorded: the next damaged state would find them
        record = MetricState(min(held), Intervals())
    begin = max(record.since, since)
    marks: dict[int, list[tuple[Window, Mark]]] = {}
    gaps: list[Gap] = []
    windows = empty = 0
    for window in grid.between(begin, newest):
        gap, mark = _judge(window, record, held.get(window.start), newest)
        if gap is not None:
            gaps.append(gap)
        elif mark is not Mark.NOTHING:
            windows += 1
            empty += mark is Mark.EMPTY
        marks.setdefault(midnight(window.start), []).append((window, mark))
    for start, failure in sorted(record.failed.items()):
        window = grid.at(start)
        if start >= max(newest, since) or (window.end > newest and start >= since):
            gaps.append(Gap(window, failure.error))
            marks.setdefault(midnight(start), []).append((window, Mark.HOLE))
    gaps = list({gap.window: gap for gap in gaps}.values())
    shown = record.exported.within(since, max(newest, since))
    days = tuple(_day(day, of_day, held) for day, of_day in sorted(marks.items()))
    kept = [each for start, each in held.items() if start >= since]
    return Covered(
        name=name,
        since=record.since,
        first=shown.spans[0][0] if shown else None,
        last=shown.spans[-1][1] if shown else None,
        windows=windows,
        empty=empty,
        objects=len(kept),
        size=sum(each.size for each in kept),
        gaps=tuple(gaps),
        days=days,
    )


def _judge(
    window: Window, record: MetricState, held: Held | None, newest: int
) -> tuple[Gap | None, Mark]:
    """Return what is missing of a window, if anything, and its mark."""
    failure = record.failed.get(window.start)
    reached = record.exported.reach(window.start, window.end)
    is_last = window.end > newest
    if failure is not None and reached < failure.until:
        return Gap(window, failure.error), Mark.HOLE
    if reached < window.end and not is_last:
        return Gap(window), Mark.HOLE
    if reached <= window.start:
        return None, Mark.NOTHING
    if held is None:
        return Gap(window, "recorded as exported, but not in the sink", lost=True), Mark.LOST
    if held.is_empty:
        return None, Mark.EMPTY
    return None, Mark.GROWING if is_last else Mark.FULL


def _day(day: int, windows: list[tuple[Window, Mark]], held: Mapping[int, Held]) -> Day:
    hours = [Mark.NOTHING] * 24
    for window, mark in windows:
        for hour in _hours(window, day):
            hours[hour] = max(hours[hour], mark, key=_URGENCY.__getitem__)
    there = [held[window.start] for window, _ in windows if window.start in held]
    return Day(day, "".join(hours), len(there), sum(each.size for each in there))


def _hours(window: Window, day: int) -> Iterator[int]:
    last = min(window.end, day + DAY) - 1
    yield from range((window.start - day) // HOUR, (last - day) // HOUR + 1)
