"""All series of a cluster, and very many series of one kind."""

from __future__ import annotations

from collections.abc import Iterator

from .cluster import Cluster
from .dcgm import dcgm
from .kube_state import kube_state
from .kubelet import kubelets
from .objects import hex_id
from .series import Load, Series


def everything(cluster: Cluster) -> Iterator[Series]:
    """Yield every series that the cluster's exporters give; those without a sample are left out."""
    for exporter in (kube_state, kubelets, dcgm):
        for series in exporter(cluster):
            if series.samples:
                yield series


def wide(count: int, *, start: int, hours: float, interval: int = 60) -> Iterator[Series]:
    """Yield working sets of `count` containers, two to a pod, from `start` on for `hours`.

    The values repeat after 50 series, so that even many are made fast.
    """
    times = [float(t) for t in range(start, start + round(hours * 3600), interval)]
    shapes = [Load(2e8 + 1e7 * n, f"wide/{n}").gauge(times) for n in range(min(50, count))]
    for number in range(count):
        pod = number // 2
        node = f"ip-10-{pod // 30 // 250 % 250}-{pod // 30 % 250}-17.ec2.internal"
        cid = hex_id("wide", str(number))
        labels = {
            "job": "kubelet", "instance": "10.0.0.1:10250", "endpoint": "https-metrics",
            "service": "kubelet", "metrics_path": "/metrics/cadvisor", "node": node,
            "namespace": f"team-{pod % 40}", "pod": f"service-{pod % 400}-6f7d8c9b5-{pod:05d}",
            "container": ("app", "sidecar")[number % 2], "image": "registry.example/app:1",
            "id": f"/kubepods.slice/pod{pod}.slice/cri-containerd-{cid}.scope", "name": cid,
        }  # fmt: skip
        yield Series("container_memory_working_set_bytes", labels, shapes[number % len(shapes)])
