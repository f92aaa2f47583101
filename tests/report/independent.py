"""The same figures by another way: the server's own PromQL, added up in Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from tests.servers.prometheus import Prometheus

HOUR = 3600
STEP = 300
GIB = 2.0**30
REQUESTS = """
sum by (namespace, pod) (max by (namespace, pod, container) (
  max by (namespace, pod, container, uid) (
    max_over_time(kube_pod_container_resource_requests{resource="%s", node!=""}[5m])
  )
  and on (namespace, pod, uid)
  max_over_time(kube_pod_status_phase{phase=~"Pending|Running|Unknown"}[5m]) == 1
))
"""
QUERIES = {
    "cpu": (
        REQUESTS % "cpu",
        """
        sum by (namespace, pod) (max by (namespace, pod, container, id) (
          rate(container_cpu_usage_seconds_total{image!="", container!="", container!="POD"}[5m])
        ))
        """,
        1.0,
    ),
    "memory": (
        REQUESTS % "memory",
        """
        sum by (namespace, pod) (max by (namespace, pod, container) (
          max_over_time(
            container_memory_working_set_bytes{image!="", container!="", container!="POD"}[5m]
          )
        ))
        """,
        GIB,
    ),
}

PodHour = tuple[str, str, int]


@attrs.define
class Sums:
    """Of a namespace or a workload, and of one resource."""

    requested: float = 0.0
    used: float = 0.0
    billed: float = 0.0
    wasted: float = 0.0

    def add(self, requested: float, used: float) -> None:
        self.requested += requested
        self.used += used
        self.billed += max(requested, used)
        self.wasted += max(0.0, requested - used)


def pod_hours(
    server: Prometheus, begin: int, end: int
) -> dict[str, tuple[dict[PodHour, float], dict[PodHour, float]]]:
    """Ask the server: of each resource, requests and usage by namespace, pod and hour."""
    found = {}
    for resource, (requests, usage, size) in QUERIES.items():
        asked, used = (
            _largest(server.api_range(" ".join(query.split()), begin, end - STEP, STEP), size)
            for query in (requests, usage)
        )
        found[resource] = asked, used
    return found


def sums(
    by_resource: Mapping[str, tuple[Mapping[PodHour, float], Mapping[PodHour, float]]],
    row_of: Callable[[str, str], tuple[str, ...]],
    counts: Callable[[int], bool] = lambda _: True,
) -> dict[tuple[str, ...], dict[str, Sums]]:
    """Add up by row; `row_of` says from namespace and pod which, `counts` which hours count."""
    found: dict[tuple[str, ...], dict[str, Sums]] = defaultdict(
        lambda: {resource: Sums() for resource in by_resource}
    )
    for resource, (asked, used) in by_resource.items():
        for namespace, pod, hour in {*asked, *used}:
            if counts(hour):
                key = namespace, pod, hour
                row = found[row_of(namespace, pod)]
                row[resource].add(asked.get(key, 0.0), used.get(key, 0.0))
    return found


def _largest(answer: list[dict[str, Any]], size: float) -> dict[PodHour, float]:
    found: dict[PodHour, float] = {}
    for series in answer:
        namespace, pod = series["metric"]["namespace"], series["metric"]["pod"]
        for moment, value in series["values"]:
            key = namespace, pod, int(moment) // HOUR * HOUR
            found[key] = max(found.get(key, 0.0), float(value) / size)
    return found
