"""Making the state anew from the objects in the sink."""

from __future__ import annotations

import logging
import zlib
from collections import defaultdict

import msgspec

from .contents import days, objects
from .intervals import Intervals
from .packing import unpack
from .sink import Sink
from .state import MetricState, State
from .windows import Grid, midnight

log = logging.getLogger(__name__)


class _Series(msgspec.Struct):
    values: list[tuple[float, str]] = []


def rebuild(sink: Sink, cluster: str, time_frame: int) -> State:
    """Return the state that the objects in the sink bear out.

    An object whose neighbour follows at once is whole. One before a gap may have been the growing
    window of its day: it is opened, and counts up to its last sample. A day whose objects do not
    lie on the windows of `time_frame` was exported with another; it is taken as it is and named.
    """
    grid = Grid(((0, time_frame),))
    starts: dict[str, dict[int, str]] = defaultdict(dict)
    odd: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for day, folder in days(sink, cluster):
        stored = list(objects(sink, day, folder))
        if any((each.place.start - day) % time_frame for each in stored):
            log.warning(
                "%s was exported with another TIME_FRAME than %d; it is taken as whole",
                sink.locate(folder),
                time_frame,
            )
            for each in stored:
                odd[each.place.metric].append((day, day + 86_400))
            continue
        for each in stored:
            starts[each.place.metric][each.place.start] = each.key
    metrics = {}
    for metric in sorted({*starts, *odd}):
        spans = list(odd[metric])
        for start, key in sorted(starts[metric].items()):
            window = grid.at(start)
            whole = window.end in starts[metric]
            spans.append((start, window.end if whole else _until(sink, key, start, window.end)))
        exported = Intervals.of(spans)
        since = exported.spans[0][0] if exported else min(starts[metric])
        metrics[metric] = MetricState(since, exported)
    first = min((midnight(each.since) for each in metrics.values()), default=0)
    return State(metrics, Grid(((first, time_frame),)) if metrics else Grid(()))


def _until(sink: Sink, key: str, start: int, end: int) -> int:
    """Return the second after the last sample of an object; its start where it has none."""
    blob = sink.get(key)
    if blob is None:
        return start
    last = float(start) - 1
    try:
        with blob.body as body:
            for line in unpack(body):
                values = msgspec.json.decode(line, type=_Series).values
                if values:
                    last = max(last, values[-1][0])
    except (zlib.error, msgspec.DecodeError):
        return start
    return min(end, max(start, int(last) + 1))
