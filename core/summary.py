"""What a run did, added up as it goes and told at its end."""

from __future__ import annotations

from collections import defaultdict

import attrs

from .export import Task, Written
from .scheduler import Ended, Outcome
from .times import iso


@attrs.define
class Summary:
    """Totals of one run. Bytes as stored, times in Unix seconds."""

    started: float
    objects: int = 0
    series: int = 0
    samples: int = 0
    size: int = 0
    queries: int = 0
    query_seconds: float = 0.0
    missing: dict[str, list[tuple[int, Outcome, str]]] = attrs.field(
        factory=lambda: defaultdict(list)
    )

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
        return sum(len(each) for each in self.missing.values())

    def lines(self, finished: float) -> list[str]:
        """Return what is missing, a line a metric, and a closing line."""
        lines = []
        for name, gaps in sorted(self.missing.items()):
            starts = sorted(start for start, _, _ in gaps)
            told = ", ".join(iso(start) for start in starts[:3])
            if len(starts) > 3:  # noqa: PLR2004
                told += f", ... {iso(starts[-1])}"
            errors = [error for _, outcome, error in gaps if outcome is not Outcome.SKIPPED]
            reason = errors[0] if errors else gaps[0][2]
            lines.append(f"{name}: {len(starts)} windows missing ({told}): {reason}")
        lines.append(
            f"{self.objects} objects, {self.series} series, {self.samples} samples,"
            f" {self.size} bytes in {finished - self.started:.1f} s; {self.queries} queries took"
            f" {self.query_seconds:.1f} s; "
            + (f"{self.holes} windows are missing" if self.holes else "nothing is missing")
        )
        return lines

    def document(self, finished: float, exit_status: int) -> dict[str, object]:
        """Return the summary for the state."""
        errors = {
            name: next((e for _, o, e in gaps if o is not Outcome.SKIPPED), gaps[0][2])
            for name, gaps in sorted(self.missing.items())
        }
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
