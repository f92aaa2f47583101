"""Pace and retry: how long is waited, how often is tried, always bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promferry.core.pace import Pace
from promferry.core.retry import Retries, RetryPolicy
from tests.core.clocks import HandClock


def test_a_fixed_delay_counts_from_the_end_of_a_query() -> None:
    clock = HandClock()
    pace = Pace(5.0, clock)
    pace.begin()
    assert clock.slept == []  # nothing to keep apart from
    clock.work(2)
    pace.end()
    clock.work(1.5)  # storing the answer
    pace.begin()
    assert clock.slept == [3.5]
    assert (pace.queries, pace.seconds) == (1, 2)


def test_a_delay_of_nothing_never_waits() -> None:
    clock = HandClock()
    pace = Pace(0.0, clock)
    for _ in range(3):
        pace.begin()
        clock.work(1)
        pace.end()
    assert clock.slept == []


@given(st.lists(st.floats(0.001, 30), min_size=2, max_size=30))
def test_auto_spends_at_most_a_fifth_of_the_time_querying(costs: list[float]) -> None:
    """Counted to the moment that the next query begins."""
    clock = HandClock()
    pace = Pace("auto", clock)
    for cost in costs:
        pace.begin()
        clock.work(cost)
        pace.end()
    pace.begin()
    assert pace.seconds <= clock.elapsed / 5
    assert clock.elapsed <= pace.seconds * 5.5  # and no slower than it has to be


def test_auto_waits_milliseconds_after_a_query_of_milliseconds() -> None:
    clock = HandClock()
    pace = Pace("auto", clock)
    pace.begin()
    clock.work(0.002)
    pace.end()
    pace.begin()
    assert sum(clock.slept) < 0.02


@given(st.floats(0, 0.999))
def test_tries_are_bounded_and_waits_double(chance: float) -> None:
    clock = HandClock()
    retries = Retries(RetryPolicy(tries=4, first=1, chance=lambda: chance), clock)
    waits = 0
    while retries.wait():
        waits += 1
    assert waits == 3
    for number, slept in enumerate(clock.slept):
        assert 2**number / 2 <= slept <= 2**number


def test_waiting_is_bounded_by_time() -> None:
    clock = HandClock()
    retries = Retries(RetryPolicy(tries=1000, patience=60), clock)
    while retries.wait():
        pass
    assert sum(clock.slept) <= 60


@pytest.mark.parametrize(("asked", "waits"), [(7.0, True), (61.0, False)])
def test_retry_after_is_honoured_up_to_the_patience(asked: float, waits: bool) -> None:  # noqa: FBT001
    clock = HandClock()
    assert Retries(RetryPolicy(patience=60), clock).wait(asked) is waits
    assert clock.slept == ([7.0] if waits else [])
