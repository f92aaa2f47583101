"""The status as one JSON document: what `--json` prints, and what the page is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ..state import State
from ..times import iso
from .coverage import Coverage, Covered, Gap


def document(
    coverage: Coverage, state: State, *, cluster: str, place: str, now: float
) -> dict[str, Any]:
    """Return the document; times are ISO 8601 (UTC), sizes bytes, `behind_seconds` since newest."""
    metrics = [_metric(each) for each in coverage.metrics]
    newest = coverage.newest
    return {
        "cluster": cluster,
        "place": place,
        "at": iso(now),
        "newest": None if newest is None else iso(newest),
        "behind_seconds": None if newest is None else max(0, int(now) - newest),
        "time_frames": [
            {"from": iso(day), "seconds": seconds} for day, seconds in state.grid.frames
        ],
        "totals": {
            "metrics": len(metrics),
            **{
                name: sum(each[name] for each in metrics)
                for name in ("windows", "empty", "objects", "bytes")
            },
            "holes": sum(len(each["holes"]) for each in metrics),
            "lost": sum(len(each["lost"]) for each in metrics),
        },
        "days": _days(coverage),
        "last_run": dict(state.last_run),
        "metrics": metrics,
    }


def _metric(each: Covered) -> dict[str, Any]:
    return {
        "name": each.name,
        "since": iso(each.since),
        "first": None if each.first is None else iso(each.first),
        "last": None if each.last is None else iso(each.last),
        "windows": each.windows,
        "empty": each.empty,
        "objects": each.objects,
        "bytes": each.size,
        "holes": [_gap(gap) for gap in each.gaps if not gap.lost],
        "lost": [_gap(gap) for gap in each.gaps if gap.lost],
        "days": [
            {"day": iso(day.day)[:10], "hours": day.hours, "objects": day.objects,
             "bytes": day.size}
            for day in each.days
        ],
    }  # fmt: skip


def _gap(gap: Gap) -> dict[str, str]:
    return {"start": iso(gap.window.start), "end": iso(gap.window.end), "error": gap.error}


def _days(coverage: Coverage) -> list[Mapping[str, Any]]:
    objects: dict[int, int] = defaultdict(int)
    sizes: dict[int, int] = defaultdict(int)
    for each in coverage.metrics:
        for day in each.days:
            objects[day.day] += day.objects
            sizes[day.day] += day.size
    return [
        {"day": iso(day)[:10], "objects": objects[day], "bytes": sizes[day]}
        for day in sorted(objects)
    ]
