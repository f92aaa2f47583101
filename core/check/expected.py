"""Which metrics may be empty: what every cluster has, what only some have, and what brings it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..catalogue import Metric
from ..promql import parsed
from ..promql_fault import QueryError

EVERYWHERE: Final = frozenset({
    "bytes_received", "bytes_transmitted", "cpu_requests", "cpu_usage", "memory_requests",
    "memory_usage", "node_cpu_allocatable", "node_cpu_capacity", "node_info",
    "node_memory_allocatable", "node_memory_capacity", "pod_info", "pod_owner", "pod_phase",
})  # fmt: skip
"""Built-in metrics that every cluster has."""

SOMEWHERE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("cpu_limits", "memory_limits"), "no container has a limit"),
    **dict.fromkeys(("init_cpu_requests", "init_memory_requests"), "no init container requests"),
    **dict.fromkeys(("gpu_requests", "node_gpu_capacity", "gpu_utilization", "gpu_memory_used"),
                    "the cluster has no GPU"),
    **dict.fromkeys(("pvc_info", "pvc_requests", "pvc_usage", "pod_volumes"), "no pod has a claim"),
    **dict.fromkeys(("pv_info", "pv_capacity"), "there is no volume"),
    **dict.fromkeys(("pod_labels", "node_labels", "namespace_labels"),
                    "kube-state-metrics shows no label of these"),
    "job_owner": "there is no Job",
    "replicaset_owner": "there is no ReplicaSet",
    "service_load_balancers": "no Service has a load balancer",
}  # fmt: skip
"""Built-in metrics that depend on what runs in a cluster, and what it means if one is empty."""

_DCGM: Final = (
    "node_gpu_capacity", "the nodes have GPUs",
    "install NVIDIA's dcgm-exporter, and have this server scrape it",
)  # fmt: skip
TOGETHER: Final[Mapping[str, tuple[str, str, str]]] = {
    "gpu_utilization": _DCGM,
    "gpu_memory_used": _DCGM,
    "pvc_usage": (
        "pvc_info", "there are claims",
        "have this server scrape each kubelet's /metrics too; some kinds of volume tell nothing",
    ),
}  # fmt: skip
"""By metric: another one that says that it should not be empty, what that shows, and the cure."""


def uses(metrics: Iterable[Metric], exporter: str) -> bool:
    """Whether any of the metrics is made of series whose name begins so."""
    return any(
        name.startswith(exporter) for metric in metrics for name in series_names(metric.query)
    )


def series_names(query: str) -> tuple[str, ...]:
    """Return the names of the series that a query is about; () where it is in another dialect."""
    from promql_parser import walk

    names: list[str] = []

    def visit(node: Any) -> None:
        if type(node).__name__ == "VectorSelector" and node.name:
            names.append(node.name)

    try:
        walk(parsed(query), pre_visit=visit)
    except QueryError:
        return ()
    return tuple(dict.fromkeys(names))
