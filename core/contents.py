"""Walking what the sink holds of one cluster, level by level, foreign things left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import attrs

from . import layout
from .sink import Sink


@attrs.frozen
class Stored:
    """One object of ours: its key, what the key says, its size in bytes, when it was written."""

    key: str
    place: layout.Place
    size: int
    modified: float


def days(sink: Sink, cluster: str) -> Iterator[tuple[int, str]]:
    """Yield (midnight, folder) for each day of the layout, one listing a month."""
    for month_folder in sink.list(cluster):
        month = layout.month_of(month_folder.name) if month_folder.is_folder else None
        if month is None:
            continue
        for day_folder in sink.list(f"{cluster}/{month_folder.name}"):
            day = layout.day_of(month, day_folder.name) if day_folder.is_folder else None
            if day is not None:
                yield day, f"{cluster}/{month_folder.name}/{day_folder.name}"


def objects(
    sink: Sink, day: int, folder: str, metrics: Collection[str] | None = None
) -> Iterator[Stored]:
    """Yield each object of ours in a day's folder, of these metrics only; one listing a metric."""
    for metric_folder in sink.list(folder):
        metric = layout.metric_of(metric_folder.name) if metric_folder.is_folder else None
        if metric is None or (metrics is not None and metric not in metrics):
            continue
        inner = f"{folder}/{metric_folder.name}"
        for entry in sink.list(inner):
            place = None if entry.is_folder else layout.place_of(day, metric, entry.name)
            if place is not None:
                yield Stored(f"{inner}/{entry.name}", place, entry.size, entry.modified)
