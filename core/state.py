"""What has been exported: the state, its changes, and its form as JSON that a person can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

import attrs

from .errors import ConfigurationError
from .intervals import Intervals
from .times import iso, parse
from .windows import Grid, Window

VERSION: Final = 1
_ABOUT: Final = (
    "What promferry has exported: for each metric the intervals (UTC, end not included) that are in"
    " this folder. What lies between them since 'since' is missing and will be fetched."
)


@attrs.frozen
class Failure:
    """A window that could not be exported: how far it was wanted, why, when, how often."""

    until: int
    error: str
    at: int
    times: int = 1


@attrs.frozen
class MetricState:
    """One metric: where its export began, what is exported, which windows failed (by start)."""

    since: int
    exported: Intervals = Intervals()
    failed: Mapping[int, Failure] = attrs.field(factory=dict)


@attrs.frozen
class State:
    """The whole state of one cluster. `last_run` is what the last run said of itself."""

    metrics: Mapping[str, MetricState] = attrs.field(factory=dict)
    grid: Grid = Grid(())
    last_run: Mapping[str, Any] = attrs.field(factory=dict)

    def with_metric(self, name: str, metric: MetricState) -> State:
        """Return the state with this metric in it."""
        return attrs.evolve(self, metrics={**self.metrics, name: metric})


class Change(Protocol):
    """Something that happened, applied to whatever state is found when it is saved."""

    def apply(self, state: State) -> State:
        """Return the state with the change in it; applying it twice is the same as once."""


@attrs.frozen
class Began:
    """A metric's export begins at `since`."""

    metric: str
    since: int

    def apply(self, state: State) -> State:
        """Keep the earlier begin where another run set one."""
        known = state.metrics.get(self.metric)
        if known is None:
            return state.with_metric(self.metric, MetricState(self.since))
        if known.since <= self.since:
            return state
        return state.with_metric(self.metric, attrs.evolve(known, since=self.since))


@attrs.frozen
class Exported:
    """A window's object was stored and holds the samples up to `until`.

    `known` is how far the window was exported when the work on it began. Where another run has
    recorded something else meanwhile, nobody can tell whose object came last: the shorter reach is
    kept, and a later run writes the window again.
    """

    metric: str
    window: Window
    until: int
    known: int

    def apply(self, state: State) -> State:
        """Record the window up to `until`, and that it failed no more."""
        now = state.metrics.get(self.metric) or MetricState(self.window.start)
        start, end = self.window.start, self.window.end
        recorded = now.exported.reach(start, end)
        until = self.until
        if recorded not in (start, self.known):
            until = min(until, recorded)
        exported = now.exported.remove(start, end).add(start, until)
        failed = {at: failure for at, failure in now.failed.items() if at != start}
        return state.with_metric(self.metric, attrs.evolve(now, exported=exported, failed=failed))


@attrs.frozen
class Failed:
    """A window could not be exported. `reopen` says that what is recorded of it counts no more."""

    metric: str
    window: Window
    failure: Failure
    reopen: bool = False

    def apply(self, state: State) -> State:
        """Note the failure, unless another run has exported the window meanwhile."""
        now = state.metrics.get(self.metric) or MetricState(self.window.start)
        exported = now.exported
        start, end = self.window.start, self.window.end
        if self.reopen:
            exported = exported.remove(start, end)
        elif exported.covers(start, self.failure.until):
            return state
        before = now.failed.get(start)
        failure = self.failure
        if before is not None and before.at != failure.at:
            failure = attrs.evolve(failure, times=before.times + 1)
        elif before is not None:
            failure = before
        return state.with_metric(
            self.metric,
            attrs.evolve(now, exported=exported, failed={**now.failed, start: failure}),
        )


@attrs.frozen
class Framed:
    """From the midnight `day` on, windows are `seconds` long."""

    day: int
    seconds: int

    def apply(self, state: State) -> State:
        """Change the grid."""
        return attrs.evolve(state, grid=state.grid.changed(self.day, self.seconds))


@attrs.frozen
class Forgotten:
    """Everything before the midnight `before` has been deleted."""

    before: int

    def apply(self, state: State) -> State:
        """Cut the record there."""
        metrics = {
            name: MetricState(
                max(each.since, self.before),
                each.exported.remove(0, self.before),
                {at: failure for at, failure in each.failed.items() if at >= self.before},
            )
            for name, each in state.metrics.items()
        }
        return attrs.evolve(state, metrics=metrics)


@attrs.frozen
class Ran:
    """What a run says of itself when it ends."""

    summary: Mapping[str, Any]

    def apply(self, state: State) -> State:
        """Replace what the run before said."""
        return attrs.evolve(state, last_run=self.summary)


def to_json(state: State, cluster: str, saved: float) -> bytes:
    """Return the state as an indented JSON document."""
    document = {
        "version": VERSION,
        "about": _ABOUT,
        "cluster": cluster,
        "saved": iso(saved),
        "time_frames": [
            {"from": iso(day), "seconds": seconds} for day, seconds in state.grid.frames
        ],
        "last_run": dict(state.last_run),
        "metrics": {
            name: {
                "since": iso(each.since),
                "exported": [f"{iso(start)}/{iso(end)}" for start, end in each.exported],
                "failed": [
                    {
                        "window": iso(start),
                        "until": iso(failure.until),
                        "error": failure.error,
                        "at": iso(failure.at),
                        "times": failure.times,
                    }
                    for start, failure in sorted(each.failed.items())
                ],
            }
            for name, each in sorted(state.metrics.items())
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def from_json(text: bytes, place: str) -> State:
    """Read what `to_json` wrote.

    Raises `ConfigurationError` for a newer version and ValueError for anything that can't be read.
    """
    try:
        document = json.loads(text)
        version = document["version"]
        if not isinstance(version, int):
            raise TypeError("version is no number")  # noqa: TRY301
        if version > VERSION:
            raise ConfigurationError(
                f"{place} was written by a newer promferry (state version {version}, this one knows"
                f" {VERSION}); run that version, or move the file away to begin anew"
            )
        frames = tuple(
            sorted((parse(each["from"]), int(each["seconds"])) for each in document["time_frames"])
        )
        if any(seconds < 1 for _, seconds in frames):
            raise ValueError("a time frame below one second")
        metrics = {str(name): _metric(each) for name, each in document["metrics"].items()}
        return State(metrics, Grid(frames), dict(document.get("last_run") or {}))
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _interval(text: str) -> tuple[int, int]:
    """Read an ISO 8601 interval, `<start>/<end>`."""
    start, slash, end = text.partition("/")
    if not slash:
        raise ValueError(f"{text!r} is no interval")
    return parse(start), parse(end)


def _metric(document: Any) -> MetricState:
    return MetricState(
        parse(document["since"]),
        Intervals.of(_interval(each) for each in document["exported"]),
        {
            parse(each["window"]): Failure(
                parse(each["until"]), str(each["error"]), parse(each["at"]), int(each["times"])
            )
            for each in document.get("failed", ())
        },
    )
