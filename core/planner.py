"""From coverage and clock to the work that is due."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from .catalogue import Metric
from .errors import ConfigurationError
from .export import Task
from .settings import WindowSettings
from .state import MetricState, State
from .windows import DAY, Window, midnight, reach


@attrs.frozen
class Horizon:
    """What of all time is exported: nothing before `oldest`, nothing from `newest` on."""

    oldest: int
    newest: int


def horizon(settings: WindowSettings, now: float) -> Horizon:
    """Return the stretch between the retention and the samples that still arrive."""
    today = midnight(int(now))
    oldest = today - settings.retention_days * DAY if settings.retention_days else 0
    return Horizon(oldest, int(now) - settings.settle)


def check_beginning(settings: WindowSettings, now: float) -> None:
    """Raise `ConfigurationError` where `INITIAL_BACKFILL_DATE` is no day to begin with."""
    begin = settings.initial_backfill_date
    if begin is not None and begin < horizon(settings, now).oldest:
        raise ConfigurationError(
            f"RETENTION_DAYS={settings.retention_days} is shorter than the backfill from"
            " INITIAL_BACKFILL_DATE: what is fetched would be deleted at once; raise"
            " RETENTION_DAYS or set a later date"
        )
    if begin is not None and begin > now:
        raise ConfigurationError("INITIAL_BACKFILL_DATE is in the future; set an earlier one")


def beginning(settings: WindowSettings, state: State, now: float) -> int:
    """Return where the backfill of a metric that was never exported begins."""
    begin = settings.initial_backfill_date
    if begin is None:
        begin = int(now) - settings.backfill_days * DAY
    oldest = horizon(settings, now).oldest
    return state.grid.at(max(begin, oldest, 0)).start


def due(metrics: Iterable[Metric], state: State, within: Horizon) -> list[Task]:
    """Return every window that is missing or still growing, in the order of the work.

    First the newest window of every metric, so that fresh data is there soon; then what is missing,
    oldest first.
    """
    newest: list[Task] = []
    rest: list[Task] = []
    for metric in metrics:
        record = state.metrics.get(metric.name)
        if record is None:
            continue
        tasks = sorted(_missing(metric, record, state, within), key=_order)
        if tasks and _is_newest(tasks[-1].window, state, within):
            newest.append(tasks.pop())
        rest.extend(tasks)
    rest.sort(key=_order)
    return newest + rest


def again(
    metrics: Iterable[Metric], state: State, begin: int, end: int, within: Horizon
) -> list[Task]:
    """Return every window with a second in `begin <= t < end`, exported or not, oldest first.

    Each is exported as far as it goes, also beyond `end`: a key holds its whole window.
    """
    tasks = [
        task
        for metric in metrics
        for window in state.grid.between(begin, min(end, within.newest))
        if window.start >= within.oldest
        and (
            task := _task(metric, window, state.metrics.get(metric.name), within.newest, again=True)
        )
        is not None
    ]
    return sorted(tasks, key=_order)


def _order(task: Task) -> tuple[int, str]:
    """Oldest first, then by name; of all the windows of a grid no two begin together."""
    return task.window.start, task.metric.name


def _is_newest(window: Window, state: State, within: Horizon) -> bool:
    last = state.grid.at(max(0, within.newest - 1))
    return window.end >= last.start


def _missing(metric: Metric, record: MetricState, state: State, within: Horizon) -> Iterable[Task]:
    begin = max(record.since, within.oldest)
    windows = {
        window
        for start, end in record.exported.missing(begin, within.newest)
        for window in state.grid.between(start, end)
    }
    for start, failure in record.failed.items():
        if start >= within.oldest and not record.exported.covers(start, failure.until):
            windows.add(state.grid.at(start))
    # A window that is not whole is written again even where no step has been added since: its
    # newest samples may have come in late.
    last = state.grid.at(max(0, within.newest - 1))
    if last.end > within.newest and last.start >= begin:
        windows.add(last)
    for window in windows:
        task = _task(metric, window, record, within.newest)
        if task is not None:
            yield task


def _task(
    metric: Metric,
    window: Window,
    record: MetricState | None,
    newest: int,
    *,
    again: bool = False,
) -> Task | None:
    until = reach(window, metric.step, newest)
    if until <= window.start:
        return None
    known = record.exported.reach(window.start, window.end) if record else window.start
    return Task(metric, window, until, known, again)
