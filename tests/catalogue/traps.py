"""Series that have made cost reports wrong. Sizes are small, so that results are known by heart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tests.servers.history import History

T0: Final = 1_759_622_400  # a whole hour
STEP: Final = 300
END: Final = T0 + 3600
SCRAPE: Final = 60
BEFORE: Final = -1200
AFTER: Final = 3660

KSM: Final = {
    "job": "kube-state-metrics", "instance": "10.0.0.5:8080", "endpoint": "http",
    "service": "ksm", "container": "kube-state-metrics",
}  # fmt: skip
OTHER_KSM: Final = {**KSM, "job": "ksm-old", "instance": "10.0.0.6:8080"}
CADVISOR: Final = {
    "job": "kubelet", "endpoint": "https-metrics", "service": "kubelet",
    "metrics_path": "/metrics/cadvisor",
}  # fmt: skip
DCGM: Final = {
    "job": "dcgm", "instance": "10.0.0.9:9400", "service": "nvidia-dcgm-exporter",
    "namespace": "gpu-operator", "pod": "nvidia-dcgm-exporter-abcde",
    "container": "nvidia-dcgm-exporter",
}  # fmt: skip

Value = float | Callable[[float], float]


class Traps(History):
    """History in which a series is given by its value, or by a function of seconds after T0."""

    def put(
        self, name: str, labels: Mapping[str, str], value: Value, *, start: float = BEFORE,
        end: float = AFTER, offset: float = 15,
    ) -> None:  # fmt: skip
        """Add a series scraped each minute in `start <= t < end`, `offset` seconds late."""
        given = value if callable(value) else lambda _: value
        times = [n * SCRAPE + offset for n in range(BEFORE // SCRAPE, AFTER // SCRAPE)]
        samples = [(T0 + t, float(given(t))) for t in times if start <= t < end]
        assert samples
        self.add(name, {label: text for label, text in labels.items() if text}, samples)

    def counter(
        self, name: str, labels: Mapping[str, str], rate: float, *, start: float = BEFORE,
        end: float = AFTER, offset: float = 15,
    ) -> None:  # fmt: skip
        """Add a counter that begins at `start` and grows by `rate` a second."""
        self.put(name, labels, lambda t: rate * (t - start), start=start, end=end, offset=offset)

    def objects(
        self, name: str, labels: Mapping[str, str], value: Value = 1, *, start: float = BEFORE,
        end: float = AFTER,
    ) -> None:  # fmt: skip
        """Add a series of kube-state-metrics as two of them show it, scraped apart."""
        self.put(name, {**KSM, **labels}, value, start=start, end=end)
        self.put(name, {**OTHER_KSM, **labels}, value, start=start, end=end, offset=40)


def traps() -> Traps:
    """Return all of them."""
    made = Traps()
    for add in (_requests, _usage, _network, _volumes, _nodes, _pods, _services, _gpus):
        add(made)
    return made


def exported(labels: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return labels as a scrape without `honorLabels` stores them."""
    return {f"exported_{k}" if k in names else k: v for k, v in labels.items()}


def _peak(usual: float, most: float, start: float = 1600, end: float = 1660) -> Value:
    return lambda t: most if start < t < end else usual


RESOURCES: Final = (
    ("kube_pod_container_resource_requests", "cpu", 0.25),
    ("kube_pod_container_resource_requests", "memory", 256.0),
    ("kube_pod_container_resource_requests", "nvidia_com_gpu", 1.0),
    ("kube_pod_container_resource_requests", "nvidia_com_mig_1g_5gb", 2.0),
    ("kube_pod_container_resource_requests", "amd_com_gpu", 3.0),
    ("kube_pod_container_resource_requests", "ephemeral_storage", 999.0),
    ("kube_pod_container_resource_limits", "cpu", 0.5),
    ("kube_pod_container_resource_limits", "memory", 512.0),
    ("kube_pod_init_container_resource_requests", "cpu", 1.5),
    ("kube_pod_init_container_resource_requests", "memory", 1024.0),
)


def _requests(to: Traps) -> None:
    for name, resource, size in RESOURCES:
        plain = {"container": "app", "node": "n1", "resource": resource}
        # Two kube-state-metrics show the same object.
        to.objects(name, {**plain, "namespace": "double", "pod": "p", "uid": "u1"}, size)
        # kube-state-metrics restarted: another instance, at the same time for a while.
        old, new = {**KSM, "instance": "10.0.0.7:8080"}, {**KSM, "instance": "10.0.0.8:8080"}
        who = {**plain, "namespace": "restart", "pod": "p", "uid": "u2"}
        to.put(name, {**old, **who}, size, end=1500)
        to.put(name, {**new, **who}, size, start=1440)
        # No honorLabels: the labels of two kube-state-metrics on one node win over the pod's.
        own = {**plain, "namespace": "exported", "pod": "p", "uid": "u3"}
        moved = exported(own, ("namespace", "pod", "container", "node"))
        for number in (1, 2):
            target = {**KSM, "instance": "n9", "namespace": "monitoring", "pod": f"ksm-{number}",
                      "node": "n9"}  # fmt: skip
            to.put(name, {**target, **moved}, size)
        # A pod that lived two minutes, between two steps.
        who = {**plain, "namespace": "short", "pod": "p", "uid": "u4"}
        to.objects(name, who, size, start=1510, end=1640)
        # A change within a step: the largest counts.
        who = {**plain, "namespace": "changed", "pod": "p", "uid": "u5"}
        to.objects(name, who, _peak(size, 2 * size, 1500, 1600))
        # A pod of the same name under another uid.
        for uid, start, end in (("u6", -1200, 1560), ("u7", 1560, 3660)):
            who = {**plain, "namespace": "again", "pod": "p", "uid": uid}
            to.objects(name, who, size, start=start, end=end)
        # Two clusters in one store.
        for cluster, factor in (("east", 1), ("west", 2)):
            who = {**plain, "namespace": "shared", "pod": "p", "uid": "u8", "cluster": cluster}
            to.objects(name, who, factor * size)


def _usage(to: Traps) -> None:
    def container(labels: Mapping[str, str], cores: float, size: float, **life: float) -> None:
        both = {**CADVISOR, "container": "app", "pod": "p", **labels}
        seconds = {"cpu": "total", **both}
        to.counter("container_cpu_usage_seconds_total", seconds, cores, **life)
        to.put("container_memory_working_set_bytes", both, size, **life)
        to.put("container_memory_usage_bytes", both, 10 * size, **life)

    n1 = {"node": "n1", "instance": "10.0.1.1:10250"}
    # The kubelet is scraped through two Services.
    for number, service in enumerate(("kubelet", "kubelet-2")):
        who = {**n1, "namespace": "double", "id": "/a", "service": service}
        container(who, 0.5, 100, offset=15 + 20 * number)
    # The same kubelet through two jobs: one sets node, the other does not.
    container({**n1, "namespace": "jobs", "id": "/a2"}, 0.5, 100)
    who = {"instance": "10.0.1.1:10250", "job": "cadvisor", "namespace": "jobs", "id": "/a2"}
    container(who, 0.5, 100, offset=33)
    # /metrics/resource repeats it without an id; one container is there alone.
    for namespace in ("resource", "resource-only"):
        who = {**n1, "namespace": namespace, "metrics_path": "/metrics/resource", "cpu": ""}
        container(who, 0.5, 100)
    container({**n1, "namespace": "resource", "id": "/b"}, 0.5, 100)
    # The pod's own cgroup, its sandbox, the machine.
    container({**n1, "namespace": "cgroup", "id": "/c"}, 0.5, 100)
    container({**n1, "namespace": "cgroup", "id": "/c/pod", "container": ""}, 7, 700)
    container({**n1, "namespace": "cgroup", "id": "/c/pause", "container": "POD"}, 7, 700)
    container({**n1, "id": "/", "container": "", "pod": ""}, 70, 7000)
    # node from instance: a name, an address with a port, IPv6 with and without.
    for number, instance in enumerate(INSTANCES):
        who = {
            "instance": instance,
            "namespace": "instance",
            "pod": f"p{number}",
            "id": f"/d{number}",
        }
        container(who, 0.5, 100)
    # A restart: another id. Both ran in the step from 1500 to 1800.
    container({**n1, "namespace": "restart", "id": "/e1"}, 1.0, 300, end=1640)
    container({**n1, "namespace": "restart", "id": "/e2"}, 2.0, 200, start=1640)
    # A counter that begins anew under the same id.
    both = {**CADVISOR, **n1, "namespace": "reset", "container": "app", "pod": "p", "id": "/f"}
    to.put(
        "container_cpu_usage_seconds_total", {**both, "cpu": "total"},
        lambda t: 2 * (t + 1200) if t < 1640 else 2 * (t - 1640),
    )  # fmt: skip
    # A StatefulSet's pod that moved, within one step, to a node without the label.
    container({**n1, "namespace": "moved", "id": "/g1"}, 1.0, 300, end=1640)
    who = {"instance": "n2", "namespace": "moved", "id": "/g2"}
    container(who, 2.0, 200, start=1640)
    # Two minutes between two steps.
    container({**n1, "namespace": "short", "id": "/h"}, 1.5, 700, start=1510, end=1640)
    # A peak that a selector evaluated each five minutes misses.
    peak = {**CADVISOR, **n1, "namespace": "peak", "container": "app", "pod": "p", "id": "/i"}
    to.put("container_memory_working_set_bytes", peak, _peak(100, 900))
    # A kubelet that counts each CPU apart.
    for cpu in ("cpu00", "cpu01"):
        container({**n1, "namespace": "percpu", "id": "/j", "cpu": cpu}, 0.25, 100)
    # No honorLabels.
    who = {**n1, "namespace": "kube-system", "exported_namespace": "exported", "id": "/k"}
    container(who, 0.5, 100)
    # Two clusters in one store.
    for cluster, cores in (("east", 1.0), ("west", 2.0)):
        container({**n1, "namespace": "shared", "id": "/l", "cluster": cluster}, cores, 100 * cores)


INSTANCES: Final = {
    "n2": "n2",
    "n3.example:10250": "n3.example",
    "10.0.1.4:10250": "10.0.1.4",
    "[fd00::5]:10250": "fd00::5",
    "fd00:0:0:1::6": "fd00:0:0:1::6",
}
"""Node by what `instance` is."""


def _network(to: Traps) -> None:
    n1 = {"node": "n1", "instance": "10.0.1.1:10250"}

    def interface(labels: Mapping[str, str], rate: float, **life: float) -> None:
        for way, share in (("receive", 1.0), ("transmit", 0.5)):
            both = {**CADVISOR, "pod": "p", "interface": "eth0", **labels}
            to.counter(f"container_network_{way}_bytes_total", both, share * rate, **life)

    for number, service in enumerate(("kubelet", "kubelet-2")):
        who = {**n1, "namespace": "double", "id": "/a", "service": service}
        interface(who, 10, offset=15 + 20 * number)
        interface({**who, "interface": "eth1"}, 5, offset=15 + 20 * number)
    interface({**n1, "namespace": "jobs", "id": "/a2"}, 10)
    interface({"instance": "10.0.1.1:10250", "namespace": "jobs", "id": "/a2", "job": "c"}, 10)
    interface({**n1, "namespace": "docker", "id": "/b", "container": "POD"}, 10)
    interface({**n1, "id": "/", "pod": ""}, 1000)
    interface({"instance": "n2:10250", "namespace": "instance", "id": "/c"}, 10)
    interface({**n1, "namespace": "restart", "id": "/d1"}, 10, end=1640)
    interface({**n1, "namespace": "restart", "id": "/d2"}, 20, start=1640)
    interface({**n1, "namespace": "moved", "id": "/e1"}, 10, end=1640)
    interface({"instance": "n2", "namespace": "moved", "id": "/e2"}, 20, start=1640)
    interface({**n1, "namespace": "short", "id": "/f"}, 10, start=1510, end=1640)
    interface({**n1, "namespace": "kube-system", "exported_namespace": "exported", "id": "/g"}, 10)
    for cluster, rate in (("east", 10), ("west", 20)):
        interface({**n1, "namespace": "shared", "id": "/h", "cluster": cluster}, rate)


def _volumes(to: Traps) -> None:
    for namespace, names in (("double", ()), ("exported", ("namespace",))):
        claim = {"namespace": namespace, "persistentvolumeclaim": "c"}
        shown = ({"namespace": "monitoring"} if names else {}) | exported(claim, names)
        bound = {"volumename": "pv-1", "storageclass": "gp3"}
        to.objects("kube_persistentvolumeclaim_resource_requests_storage_bytes", shown, 1000)
        to.objects("kube_persistentvolumeclaim_info", {**shown, **bound})
        mount = {**shown, **exported({"pod": "p"}, ("pod",) if names else ()), "uid": "u"}
        if names:
            mount["pod"] = "ksm-1"
        to.objects("kube_pod_spec_volumes_persistentvolumeclaims_info", {**mount, "volume": "data"})
        for service in ("kubelet", "kubelet-2"):
            target = {**CADVISOR, "instance": "10.0.1.1:10250", "node": "n1", "service": service}
            to.put("kubelet_volume_stats_used_bytes", {**target, **shown}, _peak(400, 900))
    nan = {**CADVISOR, "instance": "n2", "namespace": "nan", "persistentvolumeclaim": "c"}
    to.put("kubelet_volume_stats_used_bytes", nan, math.nan)
    target = {"namespace": "monitoring", "pod": "ksm-1"}
    to.objects("kube_persistentvolume_capacity_bytes", {**target, "persistentvolume": "pv-1"}, 1000)
    csi = {"csi_driver": "ebs.csi.aws.com", "csi_volume_handle": "vol-1"}
    info = {**target, "persistentvolume": "pv-1", "storageclass": "gp3", **csi}
    to.objects("kube_persistentvolume_info", info)


NODE: Final = {
    "provider_id": "aws:///eu-1a/i-1", "system_uuid": "ec2-1", "internal_ip": "10.0.1.1",
    "kubelet_version": "v1.31.4", "os_image": "Linux",
}  # fmt: skip


def _nodes(to: Traps) -> None:
    for own in ({"node": "n1"}, {"node": "n9", "exported_node": "n2"}):
        target = {"namespace": "monitoring", "pod": "ksm-1", **own}
        to.objects("kube_node_info", {**target, **NODE, "kernel_version": "6"})
        to.objects("kube_node_labels", {**target, "label_zone": "a", "label_x_y": 'q"\\\n'})
        for resource, unit, size in (
            ("cpu", "core", 4.0), ("memory", "byte", 16.0), ("nvidia_com_gpu", "integer", 2.0),
            ("nvidia_com_mig_1g_5gb", "integer", 7.0), ("pods", "integer", 110.0),
        ):  # fmt: skip
            labels = {**target, "resource": resource, "unit": unit}
            to.objects("kube_node_status_capacity", labels, size)
            to.objects("kube_node_status_allocatable", labels, size - 0.5)


def _pods(to: Traps) -> None:
    for namespace in ("double", "exported"):
        own = {"namespace": namespace, "pod": "p"}
        who = {**own, "uid": "u"}
        if namespace == "exported":
            who = {**exported(who, ("namespace", "pod")), "namespace": "monitoring", "pod": "ksm-1"}
        life = {} if namespace == "double" else {"start": 1510.0, "end": 1640.0}
        info = {
            "node": "n1", "host_ip": "10.0.1.1", "pod_ip": "10.1.1.1", "host_network": "false",
            "created_by_kind": "ReplicaSet", "created_by_name": "rs", "priority_class": "high",
        }  # fmt: skip
        to.objects("kube_pod_info", {**who, **info}, **life)
        owner = {"owner_kind": "ReplicaSet", "owner_name": "rs", "owner_is_controller": "true"}
        to.objects("kube_pod_owner", {**who, **owner}, **life)
        to.objects("kube_pod_labels", {**who, "label_app": "web"}, **life)
        phases: dict[str, Value] = {
            "Pending": lambda t: t < 1560, "Running": lambda t: t >= 1560, "Failed": 0,
        }  # fmt: skip
        for phase, value in phases.items():
            to.objects("kube_pod_status_phase", {**who, "phase": phase}, value, **life)
        where = {k: v for k, v in who.items() if "namespace" in k}
        to.objects("kube_namespace_labels", {**where, "label_team": "a b"})
        owned = {"owner_kind": "Deployment", "owner_name": "web"}
        to.objects("kube_replicaset_owner", {**where, "replicaset": "rs", **owned})
        owned = {"owner_kind": "CronJob", "owner_name": "nightly"}
        to.objects("kube_job_owner", {**where, "job_name": "nightly-1", **owned})


def _services(to: Traps) -> None:
    ingress, kind = "kube_service_status_load_balancer_ingress", "kube_service_spec_type"
    # Both kube-state-metrics show both sides: a plain join fails with many-to-many.
    own = {"namespace": "double", "service": "web", "uid": "u"}
    to.objects(ingress, {**own, "hostname": "lb.example"})
    to.objects(kind, {**own, "type": "LoadBalancer"})
    # No honorLabels, and kube-state-metrics restarted in the middle.
    moved = {"exported_namespace": "exported", "exported_service": "db", "namespace": "monitoring"}
    for instance, start, end in (("10.0.0.7:8080", -1200, 1560), ("10.0.0.8:8080", 1500, 3660)):
        target = {**KSM, "instance": instance, **moved}
        to.put(ingress, {**target, "ip": "203.0.113.7"}, 1, start=start, end=end)
        to.put(kind, {**target, "type": "LoadBalancer"}, 1, start=start, end=end)
    # Not of the type.
    other = {"namespace": "double", "service": "cache", "uid": "v"}
    to.objects(ingress, {**other, "ip": "203.0.113.8"})
    to.objects(kind, {**other, "type": "ClusterIP"})


def _gpus(to: Traps) -> None:
    def gpu(name: str, number: str, value: Value, **labels: str) -> None:
        identity = {"gpu": number, "UUID": f"GPU-{number}", "modelName": "A100", "Hostname": "n1"}
        to.put(name, {**DCGM, **identity, **labels}, value)

    new, old, memory = (
        "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
        "DCGM_FI_DEV_GPU_UTIL",
        "DCGM_FI_DEV_FB_USED",
    )
    user = {"exported_namespace": "ml", "exported_pod": "train", "exported_container": "main"}
    gpu(new, "0", _peak(0.4, 0.9), **user)  # both metrics: the newer counts
    gpu(old, "0", 77, **user)
    gpu(old, "1", 50, **user)  # only the older one, in percent
    gpu(old, "2", 0)  # idle: no pod has it
    gpu(new, "3", 0.25, GPU_I_PROFILE="1g.5gb", GPU_I_ID="7", **user)  # slices of one GPU
    gpu(new, "3", 0.75, GPU_I_PROFILE="1g.5gb", GPU_I_ID="8", **user)
    gpu(old, "3", 99)
    for number in "012":
        gpu(memory, number, _peak(10, 30), **({} if number == "2" else user))
    # honorLabels, and a node label from the scrape.
    honoured = {"namespace": "ml", "pod": "infer", "container": "main", "node": "n1.example"}
    gpu(old, "4", 20, **honoured)
