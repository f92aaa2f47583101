"""Each metric of the catalogue: how many series now, empty, or rejected."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..errors import KnownError, RejectedError
from ..job import Job
from ..prometheus.errors import BrokenAnswerError, TooMuchError
from .asking import Asking, total
from .finding import Code, Finding, Level, of_error

EXPECTED: Final = frozenset({
    "cpu_requests", "cpu_usage", "memory_requests", "memory_usage", "node_cpu_allocatable",
    "node_cpu_capacity", "node_info", "node_memory_allocatable", "node_memory_capacity",
    "pod_info", "pod_owner", "pod_phase",
})  # fmt: skip
"""Built-in metrics that every cluster has; the others depend on what runs in it."""


def catalogue(asking: Asking, job: Job) -> Iterator[Finding]:
    """Yield a finding for each metric; nothing but their number is fetched."""
    for metric in job.metrics:
        try:
            series = total(asking.raw(f"count({metric.query}\n)"))
        except RejectedError as error:
            cure = "correct its query: `promferry metrics lint`, `promferry metrics show`"
            yield Finding(Level.WRONG, Code.METRIC_REJECTED, metric.name, str(error), cure)
        except TooMuchError as error:
            yield Finding(
                Level.DOWN, Code.METRIC_TOO_MUCH, metric.name,
                f"too much for the server even for one moment: {error}",
                "raise the server's limits (Prometheus: --query.max-samples, --query.timeout), or"
                f" leave it out: METRICS=-{metric.name}",
            )  # fmt: skip
        except (KnownError, BrokenAnswerError) as error:
            yield of_error(error, Code.METRIC, metric.name)
        else:
            yield _counted(metric.name, series)


def _counted(name: str, series: int) -> Finding:
    if series:
        return Finding(Level.OK, Code.METRIC, name, f"{series} series", "", {"series": series})
    if name in EXPECTED:
        return Finding(
            Level.NOTE, Code.METRIC_UNEXPECTED, name, "no series now, and every cluster has some",
            f"try the query: `promferry metrics show {name}`; docs/metrics.md says what it needs",
            {"series": 0},
        )  # fmt: skip
    text = "no series now, as where a cluster has none of it"
    return Finding(Level.OK, Code.METRIC_EMPTY, name, text, "", {"series": 0})
