"""Showing what lies in the folder: an abridged tree, and one record."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

_METRICS = 3
_SAMPLES = 3


def tree(top: Path) -> Iterator[str]:
    """Yield the lines of a tree: every day, and of the newest day some metrics and files."""
    yield f"{top}"
    state = top / "_state.json"
    if state.exists():
        yield f"├── {state.name}  {_size(state)}"
    days = sorted(top.glob("end=*/day=*"), key=_date)
    for day in days:
        metrics = sorted(day.glob("metric=*"))
        files = sum(1 for _ in day.glob("metric=*/*.json.gz"))
        name = day.relative_to(top)
        newest = day == days[-1]
        yield f"{'└──' if newest else '├──'} {name}  {len(metrics)} metrics, {files} files"
        if newest:
            yield from _metrics(metrics)


def record(top: Path, metric: str) -> str:
    """Return the first record of the newest file of a metric that has one, abridged; else ""."""
    found = top.glob(f"end=*/day=*/metric={metric}/*.json.gz")
    for path in sorted(found, key=lambda file: file.name, reverse=True):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            line = file.readline()
        if line:
            series = json.loads(line)
            lines = [f"{path.relative_to(top)}", json.dumps(series["metric"], ensure_ascii=False)]
            for stamp, value in series["values"][:_SAMPLES]:
                lines.append(f"  {datetime.fromtimestamp(stamp, UTC):%Y-%m-%d %H:%M:%S}  {value}")
            if len(series["values"]) > _SAMPLES:
                lines.append(f"  ... {len(series['values'])} samples in all")
            return "\n".join(lines)
    return ""


def _metrics(metrics: list[Path]) -> Iterator[str]:
    for metric in metrics[:_METRICS]:
        files = sorted(metric.iterdir())
        yield f"    ├── {metric.name}"
        yield f"    │   ├── {files[0].name}  {_size(files[0])}"
        if len(files) > 1:
            yield f"    │   └── ... {len(files) - 1} more"
    if len(metrics) > _METRICS:
        yield f"    └── ... {len(metrics) - _METRICS} more metrics"


def _date(day: Path) -> tuple[str, int]:
    return day.parent.name, int(day.name.removeprefix("day="))


def _size(path: Path) -> str:
    return f"{path.stat().st_size:,} bytes"
