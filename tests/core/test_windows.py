"""Window arithmetic: windows tile the range, none spans a UTC day, each sample has one window."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from promferry.core.windows import DAY, Grid, Window, halves, last_sample, midnight, pieces, reach

FRAMES = st.one_of(
    st.sampled_from([300, 900, 3600, 7200, 21_600, 86_400, 100_000, 10 * DAY]),
    st.integers(1, 200_000),
)
DAYS = st.integers(0, 40_000).map(lambda day: day * DAY)
GRIDS = st.lists(
    st.tuples(DAYS, FRAMES), min_size=1, max_size=4, unique_by=lambda each: each[0]
).map(lambda frames: Grid(tuple(sorted(frames))))
MOMENTS = st.integers(0, 40_000 * DAY)


@given(GRIDS, MOMENTS, st.integers(1, 3 * DAY))
def test_windows_tile_the_range(grid: Grid, begin: int, length: int) -> None:
    """No gap and no overlap between the first and the last, and every second is covered."""
    windows = []
    for number, window in enumerate(grid.between(begin, begin + length)):
        windows.append(window)
        if number > 500:  # a frame of a few seconds: the first ones prove as much
            break
    else:
        assert windows[-1].end >= begin + length
    assert windows[0].start <= begin < windows[0].end
    for before, after in pairwise(windows):
        assert before.end == after.start


@given(GRIDS, MOMENTS)
def test_no_window_spans_a_utc_day(grid: Grid, moment: int) -> None:
    window = grid.at(moment)
    first = dt.datetime.fromtimestamp(window.start, dt.UTC).date()
    last = dt.datetime.fromtimestamp(window.end - 1, dt.UTC).date()
    assert first == last


@given(GRIDS, MOMENTS)
def test_windows_are_aligned_to_midnight(grid: Grid, moment: int) -> None:
    window = grid.at(moment)
    assert (window.start - midnight(moment)) % grid.frame(moment) == 0


@given(GRIDS, MOMENTS, st.integers(0, 5000))
def test_every_moment_of_a_window_leads_back_to_it(grid: Grid, moment: int, offset: int) -> None:
    window = grid.at(moment)
    assert window.start <= moment < window.end
    assert grid.at(min(window.start + offset, window.end - 1)) == window


@given(GRIDS, MOMENTS, st.integers(1, DAY), st.integers(-DAY, 2 * DAY))
def test_each_sample_lies_in_its_own_window_only(
    grid: Grid, moment: int, step: int, beyond: int
) -> None:
    """The times that a query asks for are the window's own, whatever step and horizon."""
    window = grid.at(moment)
    until = reach(window, step, window.end + beyond)
    assert window.start <= until <= window.end
    if until > window.start:
        last = last_sample(window.start, until, step)
        assert window.start <= last < until
        assert until - last <= step
        assert (last - window.start) % step == 0
        assert last < max(window.end + beyond, window.start + 1)


@given(st.integers(0, 10**9), st.integers(1, 100_000), st.integers(1, 4000))
def test_halving_ends_at_one_step_and_loses_no_sample(start: int, length: int, step: int) -> None:
    """Halved until nothing can be halved, a range asks for the very same times."""
    wanted = list(range(start, start + length, step))[:2000]
    ranges, found = [(start, start + length)], []
    while ranges:
        begin, end = ranges.pop(0)
        if begin > wanted[-1]:
            break
        parts = halves(begin, end, step)
        if parts is None:
            found.append(begin)
            assert last_sample(begin, end, step) == begin
        else:
            ranges[:0] = parts
    assert found[: len(wanted)] == wanted


@given(st.integers(0, 10**9), st.integers(1, 10**5), st.integers(1, 10**6), st.integers(50, 4000))
def test_pieces_ask_for_the_times_of_the_whole(
    start: int, length: int, span: int, step: int
) -> None:
    wanted = list(range(start, start + length, step))
    asked = [
        moment
        for begin, end in pieces(start, start + length, span, step)
        for moment in range(begin, last_sample(begin, end, step) + 1, step)
    ]
    assert asked == wanted


def test_a_changed_frame_leaves_the_days_before_as_they_were() -> None:
    grid = Grid(((0, 3600),)).changed(10 * DAY, 7200)
    assert grid.at(10 * DAY - 1) == Window(10 * DAY - 3600, 10 * DAY)
    assert grid.at(10 * DAY) == Window(10 * DAY, 10 * DAY + 7200)
    assert grid.changed(10 * DAY, 3600) == Grid(((0, 3600),))


def test_a_frame_that_does_not_divide_a_day_is_cut_at_midnight() -> None:
    grid = Grid(((0, 50_000),))
    assert list(grid.between(0, DAY + 1)) == [
        Window(0, 50_000),
        Window(50_000, DAY),
        Window(DAY, DAY + 50_000),
    ]
