"""Coverage: what the state says, held against what is in the sink."""

from __future__ import annotations

from promferry.core.intervals import Intervals
from promferry.core.state import Failure, MetricState, State
from promferry.core.status.coverage import Covered, Gap, Mark, coverage
from promferry.core.status.holdings import Held
from promferry.core.windows import Grid, Window

T0 = 1761868800  # a midnight
HOUR = 3600
GRID = Grid(((0, HOUR),))
FULL, EMPTY = Held(500, is_empty=False), Held(20, is_empty=True)


def of(
    exported: list[tuple[int, int]],
    held: dict[int, Held],
    failed: dict[int, str] | None = None,
    *,
    newest: int = 5,
    since: int = 0,
) -> Covered:
    """Return the coverage of `a`, hours from midnight in and out; another metric goes to newest."""
    failures = {
        T0 + hour * HOUR: Failure(T0 + (hour + 1) * HOUR, error, T0)
        for hour, error in (failed or {}).items()
    }
    spans = Intervals.of((T0 + a * HOUR, T0 + b * HOUR) for a, b in exported)
    state = State(
        {
            "a": MetricState(T0, spans, failures),
            "b": MetricState(T0, Intervals.of([(T0, T0 + newest * HOUR)])),
        },
        GRID,
    )
    objects = {T0 + hour * HOUR: each for hour, each in held.items()}
    return coverage(state, {"a": objects}, since).metrics[0]


def gaps(covered: Covered) -> list[tuple[int, str, bool]]:
    return [((gap.window.start - T0) // HOUR, gap.error, gap.lost) for gap in covered.gaps]


def test_whole_is_whole() -> None:
    covered = of([(0, 5)], dict.fromkeys(range(5), FULL))
    assert gaps(covered) == []
    assert (covered.first, covered.last) == (T0, T0 + 5 * HOUR)
    assert (covered.windows, covered.empty, covered.objects, covered.size) == (5, 0, 5, 2500)
    assert covered.days[0].hours == "#####" + "." * 19
    assert covered.days[0].mark is Mark.FULL


def test_a_window_never_exported_is_a_hole_when_a_later_one_is_there_of_any_metric() -> None:
    covered = of([(0, 1), (2, 3)], {0: FULL, 2: FULL})
    assert gaps(covered) == [(1, "", False), (3, "", False), (4, "", False)]
    assert covered.days[0].hours == "#!#!!" + "." * 19


def test_a_failed_window_is_a_hole_with_its_error_even_the_newest() -> None:
    covered = of([(0, 5)], dict.fromkeys(range(5), FULL), {5: "HTTP 503"})
    assert gaps(covered) == [(5, "HTTP 503", False)]
    covered = of([(0, 1), (2, 5)], dict.fromkeys((0, 2, 3, 4), FULL), {1: "HTTP 503"})
    assert gaps(covered) == [(1, "HTTP 503", False)]


def test_what_is_recorded_and_not_in_the_sink_is_lost() -> None:
    covered = of([(0, 5)], dict.fromkeys((0, 1, 3, 4), FULL))
    assert gaps(covered) == [(2, "recorded as exported, but not in the sink", True)]
    assert covered.gaps[0] == Gap(
        Window(T0 + 2 * HOUR, T0 + 3 * HOUR), "recorded as exported, but not in the sink", lost=True
    )


def test_an_empty_window_is_exported_and_not_a_hole() -> None:
    covered = of([(0, 5)], {**dict.fromkeys(range(4), FULL), 4: EMPTY})
    assert gaps(covered) == []
    assert covered.empty == 1
    assert covered.days[0].hours == "####e" + "." * 19


def test_days_before_what_was_asked_for_are_left_out() -> None:
    covered = of([(0, 30)], {**dict.fromkeys(range(24, 30), FULL)}, newest=30, since=T0 + 24 * HOUR)
    assert gaps(covered) == []
    assert [day.day for day in covered.days] == [T0 + 24 * HOUR]
    assert covered.windows == 6


def test_a_metric_without_a_record_is_shown_with_its_objects() -> None:
    found = coverage(State({}, GRID), {"stray": {T0: FULL}}, 0)
    assert [(each.name, each.objects) for each in found.metrics] == [("stray", 1)]
    assert found.newest is None
