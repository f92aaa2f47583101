"""What the kubelets say: cAdvisor's series and the volumes', as Prometheus stores them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from .cluster import Cluster
from .objects import Container, Node, Pod, hex_id
from .series import Labels, Load, Samples, Scrapes, Series

_SERVICES = ("kubelet", "prometheus-kubelet")
_SYSTEM = 0.08  # what the kubelet and the kernel use of a node


def kubelets(cluster: Cluster) -> Iterator[Series]:
    """Yield the series of all nodes; the first node is scraped by two Services."""
    for number, node in enumerate(cluster.nodes):
        scrapes = Scrapes(cluster.start, cluster.end, cluster.scrape_interval, 19.5 + number)
        kubelet = _Kubelet(cluster, node, scrapes)
        series = [*kubelet.containers(), *kubelet.volumes()]
        for service in _SERVICES[: 2 if number == 0 else 1]:
            for one in series:
                yield attrs.evolve(one, labels={**kubelet.target(service), **one.labels})


@attrs.frozen
class _Kubelet:
    cluster: Cluster
    node: Node
    scrapes: Scrapes

    def target(self, service: str) -> Labels:
        labels = {
            "job": "kubelet", "instance": self.node.instance, "endpoint": "https-metrics",
            "service": service, "namespace": "kube-system",
        }  # fmt: skip
        return labels | ({"node": self.node.name} if self.node.shows_node else {})

    def containers(self) -> Iterator[Series]:
        """Yield cAdvisor's series: each container, each pod's own cgroup, the machine's."""
        for pod in self.cluster.pods:
            if pod.node == self.node:
                for container in pod.containers:
                    yield from self._container(pod, container)
                yield from self._pod(pod)
        yield from self._machine()

    def volumes(self) -> Iterator[Series]:
        """Yield the volumes' fill, of those that are mounted on this node."""
        for volume in self.cluster.volumes:
            if volume.node == self.node:
                times = self.scrapes.times(self.cluster.start, self.cluster.end)
                labels = {"namespace": volume.namespace, "persistentvolumeclaim": volume.claim,
                          "metrics_path": "/metrics"}  # fmt: skip
                used = self._load(volume.used, "volume", volume.claim).gauge(times)
                yield Series("kubelet_volume_stats_used_bytes", labels, used)
                size: Samples = [(t, volume.size) for t in times]
                yield Series("kubelet_volume_stats_capacity_bytes", labels, size)

    def _container(self, pod: Pod, container: Container) -> Iterator[Series]:
        starts = [pod.start + min(pod.pending, pod.end), *container.restarts]
        starts[0] = pod.start + pod.pending
        for start, end in zip(starts, [*starts[1:], pod.end], strict=True):
            cid = hex_id(pod.uid, container.name, str(start))
            labels = {
                **_cgroup(pod), "container": container.name, "image": container.image,
                "id": f"{_slice(pod)}/cri-containerd-{cid}.scope", "name": cid,
            }  # fmt: skip
            times = self.scrapes.times(start, end)
            usage = self._load(container.used_cpu, pod.name, container.name, "cpu")
            yield from self._cpu(labels, _resetting(usage, times, start, container.resets))
            yield from self._memory(labels, times, container.used_memory, cid)

    def _pod(self, pod: Pod) -> Iterator[Series]:
        """Yield the pod's cgroup (sums, no container), its sandbox and its interfaces."""
        start = pod.start + pod.pending
        times = self.scrapes.times(start, pod.end)
        cgroup = {**_cgroup(pod), "id": _slice(pod)}
        used = sum(container.used_cpu for container in pod.containers)
        memory = sum(container.used_memory for container in pod.containers)
        load = self._load(used, pod.name, "pod")
        yield from self._cpu(cgroup, load.counter(times, start))
        yield from self._memory(cgroup, times, memory, pod.uid)
        cid = hex_id(pod.uid, "sandbox")
        sandbox = {
            **_cgroup(pod), "id": f"{_slice(pod)}/cri-containerd-{cid}.scope", "name": cid,
            "image": "registry.example/pause:3.9",
        }  # fmt: skip
        if self.node.instance == self.node.name:  # an older kubelet, which calls it POD
            sandbox["container"] = "POD"
            yield from self._cpu(sandbox, self._load(1e-4, cid).counter(times, start))
            yield from self._memory(sandbox, times, 500_000, cid)
        yield from self._network(sandbox, pod, times, start)

    def _network(
        self, labels: Labels, pod: Pod, times: Sequence[float], start: float
    ) -> Iterator[Series]:
        interfaces = ("eth0", "cni0") if pod.host_network else ("eth0",)
        for interface in interfaces:
            for way, share in (("receive", 1.0), ("transmit", 0.4)):
                load = self._load(pod.traffic * share, pod.name, interface, way)
                name = f"container_network_{way}_bytes_total"
                counted = [(t, float(int(v))) for t, v in load.counter(times, start)]
                yield Series(name, {**labels, "interface": interface, **_PATH}, counted)

    def _machine(self) -> Iterator[Series]:
        """Yield the root cgroup: everything on the machine once more, without a pod."""
        times = self.scrapes.times(self.cluster.start, self.cluster.end)
        load = self._load(self.node.cores * (0.3 + _SYSTEM), self.node.name)
        begin = self.cluster.start - 86400.0
        yield from self._cpu({"id": "/"}, load.counter(times, begin))
        yield from self._memory({"id": "/"}, times, self.node.memory // 3, self.node.name)

    def _cpu(self, labels: Labels, samples: Samples) -> Iterator[Series]:
        yield Series(
            "container_cpu_usage_seconds_total", {**labels, "cpu": "total", **_PATH}, samples
        )

    def _memory(
        self, labels: Labels, times: Sequence[float], mean: int, seed: str
    ) -> Iterator[Series]:
        """Yield the working set, and the usage that counts page cache on top."""
        working = self._load(mean, seed, "memory").gauge(times)
        yield Series("container_memory_working_set_bytes", {**labels, **_PATH}, working)
        cached = [(t, v * 1.5) for t, v in working]
        yield Series("container_memory_usage_bytes", {**labels, **_PATH}, cached)

    def _load(self, mean: float, *seed: str) -> Load:
        return Load(mean, "/".join((str(self.cluster.seed), *seed)))


_PATH = {"metrics_path": "/metrics/cadvisor"}


def _cgroup(pod: Pod) -> Labels:
    return {"namespace": pod.namespace, "pod": pod.name}


def _slice(pod: Pod) -> str:
    return f"/kubepods.slice/kubepods-burstable.slice/pod{pod.uid.replace('-', '_')}.slice"


def _resetting(
    load: Load, times: Sequence[float], start: float, resets: Sequence[float]
) -> Samples:
    """Return a counter that begins at 0 again at each of `resets`."""
    samples: Samples = []
    bounds = [start, *resets]
    for begin, end in zip(bounds, [*resets, float("inf")], strict=True):
        samples += load.counter([t for t in times if begin <= t < end], begin)
    return samples
