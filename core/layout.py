"""Where things lie in the sink: the hive-partitioned key of a window's object, and back."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

import attrs

from .windows import DAY

STATE: Final = "_state.json"
_END: Final = re.compile(r"end=(\d{4})(\d{2})01")
_DAY: Final = re.compile(r"day=([1-9]\d?)")
_METRIC: Final = re.compile(r"metric=([a-z0-9_]+)")
_FILE: Final = re.compile(r"(\d{1,12})_([a-z0-9_]+)\.json\.gz")


@attrs.frozen(order=True)
class Place:
    """What a key says: the metric and the start of its window, Unix seconds."""

    start: int
    metric: str


def day_folder(cluster: str, moment: int) -> str:
    """Return the folder of the UTC day of `moment`: `prod/end=20251101/day=5`."""
    day = dt.datetime.fromtimestamp(moment, dt.UTC)
    year, month = (day.year, day.month + 1) if day.month < 12 else (day.year + 1, 1)  # noqa: PLR2004
    return f"{cluster}/end={year:04d}{month:02d}01/day={day.day}"


def metric_folder(cluster: str, metric: str, moment: int) -> str:
    """Return the folder of a metric on the UTC day of `moment`."""
    return f"{day_folder(cluster, moment)}/metric={metric}"


def key(cluster: str, metric: str, start: int) -> str:
    """Return the key of the object for the window of `metric` that begins at `start`."""
    return f"{metric_folder(cluster, metric, start)}/{start}_{metric}.json.gz"


def month_of(folder: str) -> tuple[int, int] | None:
    """Return (year, month) that a folder `end=...` holds; None where it is not of this layout."""
    match = _END.fullmatch(folder)
    if not match:
        return None
    year, month = int(match[1]), int(match[2])
    if not 1 <= month <= 12 or year < 1971:  # noqa: PLR2004
        return None
    return (year, month - 1) if month > 1 else (year - 1, 12)


def day_of(month: tuple[int, int], folder: str) -> int | None:
    """Return the midnight of a folder `day=...` in `month`; None where it is not of this layout."""
    match = _DAY.fullmatch(folder)
    if not match:
        return None
    try:
        day = dt.datetime(*month, int(match[1]), tzinfo=dt.UTC)
    except ValueError:
        return None
    return int(day.timestamp())


def metric_of(folder: str) -> str | None:
    """Return the name that a folder `metric=...` holds; None where it is not of this layout."""
    match = _METRIC.fullmatch(folder)
    return match[1] if match else None


def place_of(day: int, metric: str, name: str) -> Place | None:
    """Return what the name of an object in that folder says; None where it is not of this layout.

    A name whose start is not on the folder's day, or whose metric is another, is not ours.
    """
    match = _FILE.fullmatch(name)
    if not match or match[2] != metric:
        return None
    start = int(match[1])
    if not day <= start < day + DAY or str(start) != match[1]:
        return None
    return Place(start, metric)
