"""What a run did, added up as it goes and told at its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import attrs

from .export import Task, Written
from .scheduler import Ended, Outcome
from .times import iso

_FEW: Final = 6

Gap = tuple[int, Outcome, str]
"""Start of a window that is missing, how it came to be, and why."""


@attrs.define
class Summary:
    """Totals of one run. Bytes as stored, times in Unix seconds."""

    started: float
    planned: int = 0
    objects: int = 0
    series: int = 0
    samples: int = 0
    size: int = 0
    queries: int = 0
    query_seconds: float = 0.0
    missing: dict[str, list[Gap]] = attrs.field(factory=lambda: defaultdict(list))

    def add(self, ended: Ended[Task, Written]) -> None:
        """Take in one outcome."""
        if ended.result is None:
            start = ended.work.window.start
            self.missing[ended.work.metric.name].append((start, ended.outcome, ended.error))
            return
        self.objects += 1
        self.series += ended.result.series
        self.samples += ended.result.samples
        self.size += ended.result.size

    @property
    def holes(self) -> int:
        """How many windows are due and not exported."""
        return max(self.planned - self.objects, 0)

    def lines(self, finished: float) -> list[str]:
        """Return what is missing, a line for each reason and metric, and a closing line.

        Metrics that miss the same windows for the same reason share a line.
        """
        alike: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
        for name, gaps in sorted(self.missing.items()):
            starts = tuple(sorted(start for start, _, _ in gaps))
            alike[_reason(gaps), starts if len(self.missing) < _FEW else ()].append(name)
        lines = []
        for (reason, _), names in alike.items():
            starts = tuple(sorted(start for name in names for start, _, _ in self.missing[name]))
            lines.append(f"{_some(names)}: {_told(starts)} missing: {reason}")
        lines.append(
            f"{self.objects} objects, {self.series} series, {self.samples} samples,"
            f" {self.size} bytes in {finished - self.started:.1f} s; {self.queries} queries took"
            f" {self.query_seconds:.1f} s; "
            + (f"{self.holes} windows are missing" if self.holes else "nothing is missing")
        )
        return lines

    def document(self, finished: float, exit_status: int) -> dict[str, object]:
        """Return the summary for the state."""
        errors = {name: _reason(gaps) for name, gaps in sorted(self.missing.items())}
        return {
            "started": iso(self.started),
            "finished": iso(finished),
            "exit_status": exit_status,
            "objects": self.objects,
            "series": self.series,
            "samples": self.samples,
            "bytes": self.size,
            "queries": self.queries,
            "query_seconds": round(self.query_seconds, 3),
            "missing": self.holes,
            "errors": errors,
        }


def _reason(gaps: Sequence[Gap]) -> str:
    """Return the first error that was met itself; what was skipped for it says the same."""
    return next((error for _, how, error in gaps if how is not Outcome.SKIPPED), gaps[0][2])


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_FEW])
    return f"{shown} and {len(names) - _FEW} more" if len(names) > _FEW else shown


def _told(starts: Sequence[int]) -> str:
    """Return how many windows these are, and which: each of a few, or first and last."""
    each = list(dict.fromkeys(starts))
    if len(starts) == 1:
        return f"the window {iso(starts[0])} is"
    if len(each) < _FEW:
        return f"{len(starts)} windows ({', '.join(map(iso, each))}) are"
    return f"{len(starts)} windows ({iso(each[0])} to {iso(each[-1])}) are"
