"""The planner: from coverage and clock to the work due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from promferry.core import planner
from promferry.core.catalogue import Metric
from promferry.core.environ import read
from promferry.core.export import Task
from promferry.core.intervals import Intervals
from promferry.core.settings import WindowSettings
from promferry.core.state import Failure, MetricState, State
from promferry.core.windows import DAY, Grid

T0 = 1761868800  # 2025-10-31T00:00:00Z
HOUR = 3600
GRID = Grid(((0, HOUR),))


def metric(name: str, step: int = 300) -> Metric:
    return Metric(name, "up", step, "", "", "test")


def state(**metrics: MetricState) -> State:
    return State(metrics, GRID)


def within(newest: int, oldest: int = 0) -> planner.Horizon:
    return planner.Horizon(oldest, newest)


def told(tasks: list[Task]) -> list[tuple[str, int, int]]:
    """Name, start and until, in hours from the beginning."""
    return [
        (task.metric.name, (task.window.start - T0) // HOUR, (task.until - T0) // 60)
        for task in tasks
    ]


def test_the_newest_window_of_every_metric_comes_first_then_the_oldest() -> None:
    have = state(a=MetricState(T0), b=MetricState(T0))
    tasks = planner.due([metric("a"), metric("b")], have, within(T0 + 2 * HOUR + 700))
    assert told(tasks) == [
        ("a", 2, 130), ("b", 2, 130),
        ("a", 0, 60), ("b", 0, 60), ("a", 1, 120), ("b", 1, 120),
    ]  # fmt: skip


def test_what_is_exported_is_not_due_again_but_the_growing_window_is() -> None:
    have = state(a=MetricState(T0, Intervals.of([(T0, T0 + 2 * HOUR + 600)])))
    tasks = planner.due([metric("a")], have, within(T0 + 2 * HOUR + 700))
    assert told(tasks) == [("a", 2, 130)]


def test_a_hole_stays_due_whatever_came_later() -> None:
    spans = [(T0, T0 + HOUR), (T0 + 2 * HOUR, T0 + 5 * HOUR)]
    have = state(a=MetricState(T0, Intervals.of(spans)))
    assert told(planner.due([metric("a")], have, within(T0 + 5 * HOUR))) == [("a", 1, 120)]


def test_a_failed_window_is_due_though_later_ones_are_not() -> None:
    failure = Failure(T0 + HOUR, "boom", T0)
    spans = Intervals.of([(T0 + HOUR, T0 + 5 * HOUR)])
    have = state(a=MetricState(T0 + HOUR, spans, {T0: failure}))
    assert told(planner.due([metric("a")], have, within(T0 + 5 * HOUR))) == [("a", 0, 60)]


def test_what_is_older_than_the_retention_is_not_due() -> None:
    failure = Failure(T0 - HOUR, "boom", T0)
    have = state(a=MetricState(T0 - 2 * DAY, Intervals(), {T0 - 2 * HOUR: failure}))
    tasks = planner.due([metric("a")], have, within(T0 + HOUR, oldest=T0))
    assert told(tasks) == [("a", 0, 60)]


def test_a_metric_with_a_coarse_step_waits_for_its_first_step() -> None:
    have = state(a=MetricState(T0))
    tasks = planner.due([metric("a", step=1800)], have, within(T0 + HOUR + 1700))
    assert told(tasks) == [("a", 0, 60)]
    tasks = planner.due([metric("a", step=1800)], have, within(T0 + HOUR + 1900))
    assert told(tasks) == [("a", 1, 90), ("a", 0, 60)]


def test_a_range_is_exported_again_whether_it_is_recorded_or_not() -> None:
    have = state(a=MetricState(T0, Intervals.of([(T0, T0 + 9 * HOUR)])))
    tasks = planner.again([metric("a")], have, T0 + HOUR + 5, T0 + 3 * HOUR, within(T0 + 9 * HOUR))
    assert told(tasks) == [("a", 1, 120), ("a", 2, 180)]


def settings(**environ: str) -> WindowSettings:
    return read(WindowSettings, environ)


def test_the_first_run_begins_with_the_window_that_the_backfill_begins_in() -> None:
    now = T0 + 5 * HOUR + 1234
    assert planner.beginning(settings(BACKFILL_DAYS="3d"), state(), now) == T0 - 3 * DAY + 5 * HOUR


def test_a_date_wins_over_the_days_and_the_retention_over_both() -> None:
    given_date = settings(INITIAL_BACKFILL_DATE="2025-10-20", RETENTION_DAYS="0")
    assert planner.beginning(given_date, state(), T0) == T0 - 11 * DAY
    short = settings(INITIAL_BACKFILL_DATE="2025-10-20", RETENTION_DAYS="5")
    assert planner.beginning(short, state(), T0 + HOUR) == T0 - 5 * DAY


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30)), max_size=6),
    st.integers(0, 3 * DAY),
    st.sampled_from([300, 3600, 7000, 43_200]),
    st.sampled_from([60, 300, 3600]),
)
def test_work_and_coverage_together_leave_nothing_out(
    spans: list[tuple[int, int]], newest: int, frame: int, step: int
) -> None:
    """Whatever is recorded: after the work due, all up to the newest whole step is covered."""
    exported = Intervals.of((T0 + a * 600, T0 + (a + b) * 600) for a, b in spans)
    exported = exported.within(T0, T0 + newest)
    grid = Grid(((0, frame),))
    have = State({"a": MetricState(T0, exported)}, grid)
    tasks = planner.due([metric("a", step)], have, within(T0 + newest))
    after = exported
    for task in tasks:
        after = after.add(task.window.start, task.until)
    assert len({task.window for task in tasks}) == len(tasks), "a window is due once"
    missing = after.missing(T0, T0 + newest)
    last = grid.at(T0 + newest - 1) if newest else None
    for start, end in missing:
        assert last is not None
        assert start >= last.start, "only the newest steps, which are not whole, are left"
        assert end - start < step
