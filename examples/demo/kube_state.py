"""What kube-state-metrics says of a cluster, as Prometheus stores it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypedDict

import attrs

from .cluster import Cluster
from .objects import Container, Node, Pod, uid
from .series import Labels, Scrapes, Series, constant

_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_EVER = (float("-inf"), float("inf"))


@attrs.frozen
class Target:
    """One kube-state-metrics pod, scraped from `start` to `end`.

    The labels of its series win over those of the target (`honorLabels`), so an object without a
    namespace shows the namespace, pod and container of kube-state-metrics itself.
    """

    scrapes: Scrapes
    start: float
    end: float
    pod: str
    ip: str
    job: str = "kube-state-metrics"

    @property
    def labels(self) -> Labels:
        """The labels that the scrape adds."""
        return {
            "job": self.job, "instance": f"{self.ip}:8080", "endpoint": "http",
            "service": self.job, "namespace": "monitoring", "pod": self.pod,
            "container": "kube-state-metrics",
        }  # fmt: skip


def targets(cluster: Cluster) -> Iterator[Target]:
    """Yield the one that came back as another pod, and the second one."""
    scrapes = Scrapes(cluster.start, cluster.end, cluster.scrape_interval, 7.25)
    again = cluster.restarts_at
    yield Target(scrapes, cluster.start, again, "ksm-5f6d7c8b9-11111", "10.42.0.20")
    yield Target(scrapes, again, cluster.end, "ksm-5f6d7c8b9-22222", "10.42.1.21")
    other = attrs.evolve(scrapes, offset=31.5)
    yield Target(other, *cluster.doubled, "ksm-old-0", "10.42.2.22", job="kube-state-metrics-old")


def kube_state(cluster: Cluster) -> Iterator[Series]:
    """Yield every series of every kube-state-metrics."""
    facts = [*_of_pods(cluster), *_of_nodes(cluster), *_of_volumes(cluster), *_of_others(cluster)]
    for target in targets(cluster):
        for fact in facts:
            start, end = max(fact.start, target.start), min(fact.end, target.end)
            times = target.scrapes.times(start, end)
            if times:
                labels = {**target.labels, **fact.labels}
                yield Series(fact.name, labels, constant(times, fact.value))


@attrs.frozen
class _Fact:
    """A series of kube-state-metrics that has one value for a while."""

    name: str
    labels: Mapping[str, str]
    value: float = 1
    start: float = _EVER[0]
    end: float = _EVER[1]


class _Life(TypedDict):
    start: float
    end: float


def _of_pods(cluster: Cluster) -> Iterator[_Fact]:
    for pod in cluster.pods:
        life: _Life = {"start": pod.start, "end": pod.end + pod.lingers}
        who = {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}
        for name, containers in (("container", pod.containers), ("init_container", pod.init)):
            for container in containers:
                for fact in _resources(name, pod, container):
                    yield attrs.evolve(fact, start=life["start"], end=life["end"])
        kind, owner = pod.owner
        info = {
            "host_ip": pod.node.ip, "pod_ip": pod.ip, "node": pod.node.name,
            "created_by_kind": kind, "created_by_name": owner,
            "priority_class": pod.priority_class,
            "host_network": "true" if pod.host_network else "false",
        }  # fmt: skip
        yield _Fact("kube_pod_info", {**who, **_filled(info)}, **life)
        owned = {"owner_kind": kind, "owner_name": owner, "owner_is_controller": "true"}
        yield _Fact("kube_pod_owner", {**who, **owned}, **life)
        yield _Fact("kube_pod_labels", {**who, **pod.labels}, **life)
        for claim in pod.claims:
            volume = {"volume": "data", "persistentvolumeclaim": claim}
            name = "kube_pod_spec_volumes_persistentvolumeclaims_info"
            yield _Fact(name, {**who, **volume}, **life)
        yield from _phases(pod, who)


def _phases(pod: Pod, who: Mapping[str, str]) -> Iterator[_Fact]:
    """Yield 1 for the phase that the pod is in and 0 for each other, one series after the other."""
    running = min(pod.start + pod.pending, pod.end)
    stretches = (
        ("Pending", pod.start, running),
        ("Running", running, pod.end),
        (pod.ends_as, pod.end, pod.end + pod.lingers),
    )
    for now, start, end in stretches:
        if start < end:
            for phase in _PHASES:
                labels = {**who, "phase": phase}
                yield _Fact("kube_pod_status_phase", labels, int(phase == now), start, end)


def _resources(name: str, pod: Pod, container: Container) -> Iterator[_Fact]:
    labels = _filled(
        {
            "namespace": pod.namespace, "pod": pod.name, "uid": pod.uid,
            "container": container.name, "node": pod.node.name,
        }
    )  # fmt: skip
    cpu = {**labels, "resource": "cpu", "unit": "core"}
    memory = {**labels, "resource": "memory", "unit": "byte"}
    requests, limits = f"kube_pod_{name}_resource_requests", f"kube_pod_{name}_resource_limits"
    if container.cpu:
        yield _Fact(requests, cpu, container.cpu)
    if container.memory:
        yield _Fact(requests, memory, container.memory)
    if container.cpu_limit:
        yield _Fact(limits, cpu, container.cpu_limit)
    if container.memory_limit:
        yield _Fact(limits, memory, container.memory_limit)
    for resource, count in container.extended.items():
        extended = {**labels, "resource": resource, "unit": "integer"}
        yield _Fact(requests, extended, count)
        yield _Fact(limits, extended, count)


def _of_nodes(cluster: Cluster) -> Iterator[_Fact]:
    for node in cluster.nodes:
        who = {"node": node.name}
        yield _Fact(
            "kube_node_info",
            {
                **who, "provider_id": node.provider_id, "system_uuid": node.system_uuid,
                "internal_ip": node.ip, "kubelet_version": "v1.31.4",
                "kubeproxy_version": "v1.31.4", "os_image": "Amazon Linux 2023",
                "kernel_version": "6.1.0", "container_runtime_version": "containerd://1.7.22",
            },
        )  # fmt: skip
        yield _Fact("kube_node_labels", {**who, **node.labels})
        for resource, unit, size in _sizes(node):
            labels = {**who, "resource": resource, "unit": unit}
            kept = {"cpu": 0.1, "memory": 2**29}.get(resource, 0)
            yield _Fact("kube_node_status_capacity", labels, size)
            yield _Fact("kube_node_status_allocatable", labels, size - kept)


def _sizes(node: Node) -> Iterator[tuple[str, str, int]]:
    yield "cpu", "core", node.cores
    yield "memory", "byte", node.memory
    yield "pods", "integer", 110
    yield from ((resource, "integer", count) for resource, count in node.extended.items())


def _of_volumes(cluster: Cluster) -> Iterator[_Fact]:
    for volume in cluster.volumes:
        claim = {"namespace": volume.namespace, "persistentvolumeclaim": volume.claim}
        bound = {"storageclass": volume.storage_class, "volumename": volume.volume}
        yield _Fact("kube_persistentvolumeclaim_info", {**claim, **bound})
        requests = "kube_persistentvolumeclaim_resource_requests_storage_bytes"
        yield _Fact(requests, claim, volume.size)
        itself = {"persistentvolume": volume.volume}
        yield _Fact("kube_persistentvolume_capacity_bytes", itself, volume.size)
        source = {**itself, "storageclass": volume.storage_class, **volume.source}
        yield _Fact("kube_persistentvolume_info", source)


def _of_others(cluster: Cluster) -> Iterator[_Fact]:
    for namespace, labels in cluster.namespaces.items():
        yield _Fact("kube_namespace_labels", {"namespace": namespace, **labels})
    for (namespace, name), owner in cluster.replicasets.items():
        owned = {"owner_kind": "Deployment", "owner_name": owner, "owner_is_controller": "true"}
        labels = {"namespace": namespace, "replicaset": name, **owned}
        yield _Fact("kube_replicaset_owner", labels)
    for (namespace, name), owner in cluster.jobs.items():
        owned = {"owner_kind": "CronJob" if owner else "", "owner_name": owner,
                 "owner_is_controller": "true" if owner else ""}  # fmt: skip
        labels = {"namespace": namespace, "job_name": name, **_filled(owned)}
        yield _Fact("kube_job_owner", labels)
    for balancer in cluster.load_balancers:
        who = {"namespace": balancer.namespace, "service": balancer.name,
               "uid": uid("service", balancer.namespace, balancer.name)}  # fmt: skip
        where = _filled({"ip": balancer.ip, "hostname": balancer.hostname})
        yield _Fact("kube_service_status_load_balancer_ingress", {**who, **where})
        yield _Fact("kube_service_spec_type", {**who, "type": "LoadBalancer"})
    inside = {"namespace": "shop", "service": "cache", "uid": uid("service", "shop", "cache")}
    yield _Fact("kube_service_spec_type", {**inside, "type": "ClusterIP"})


def _filled(labels: Mapping[str, str]) -> Labels:
    """Return the labels that have a value: to Prometheus an empty one is none."""
    return {name: value for name, value in labels.items() if value}
