"""Interval sets behave as the sets of seconds that they stand for."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from promferry.core.intervals import Intervals

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6)


def seconds(spans: Intervals) -> set[int]:
    return {moment for start, end in spans for moment in range(start, end)}


@given(SPANS, st.integers(0, 60), st.integers(0, 60))
def test_every_operation_is_that_of_the_sets_of_seconds(
    spans: list[tuple[int, int]], start: int, end: int
) -> None:
    made = Intervals.of(spans)
    have = {moment for a, b in spans for moment in range(a, b)}
    other = set(range(start, end))
    assert seconds(made) == have
    assert seconds(made.add(start, end)) == have | other
    assert seconds(made.remove(start, max(start, end))) == have - other
    assert seconds(made.within(start, end)) == have & other
    assert seconds(made.missing(start, end)) == other - have
    assert made.covers(start, end) == (other <= have)
    reached = made.reach(start, max(start, end))
    assert all(moment in have for moment in range(start, reached))
    assert reached == max(start, end) or reached not in have


@given(SPANS)
def test_spans_neither_overlap_nor_touch(spans: list[tuple[int, int]]) -> None:
    made = list(Intervals.of(spans))
    assert made == sorted(made)
    assert all(before[1] < after[0] for before, after in pairwise(made))
    assert all(start < end for start, end in made)
