"""Every metric of the catalogue, on a real Prometheus, with the series that spring its traps."""

from __future__ import annotations

import math
from typing import Final

import pytest

from tests.catalogue.conftest import Ask, catalogue
from tests.catalogue.traps import END, INSTANCES, NODE, STEP, T0

POD: Final = {"namespace", "pod", "container", "node", "uid"}
OBJECT: Final = ("cpu_requests", "memory_requests", "cpu_limits", "memory_limits",
                 "init_cpu_requests", "init_memory_requests", "gpu_requests")  # fmt: skip
SIZES: Final = dict(zip(OBJECT, (0.25, 256, 0.5, 512, 1.5, 1024, 1), strict=True))
STEPS: Final = list(range(0, END - T0 + 1, STEP))
GPU: Final = {"resource": "nvidia_com_gpu"}


def keep(name: str) -> dict[str, str]:
    return GPU if name == "gpu_requests" else {}


@pytest.mark.parametrize("name", OBJECT)
def test_requests_of_two_kube_state_metrics_count_once(ask: Ask, name: str) -> None:
    """One series for each container, with what it requests, at every step."""
    found = ask(name)
    for namespace, uid in (("double", "u1"), ("restart", "u2")):
        values = found.one(namespace=namespace, uid=uid, **keep(name))
        assert values == dict.fromkeys(STEPS, SIZES[name])
    for labels in found.series:
        assert {key for key, _ in labels} <= POD | set(keep(name))


@pytest.mark.parametrize("name", OBJECT)
def test_requests_have_the_labels_of_the_pod(ask: Ask, name: str) -> None:
    """Without honorLabels they come from exported_*, even if that makes two targets' series one."""
    found = ask(name).one(uid="u3", **keep(name))
    labels = {"namespace": "exported", "pod": "p", "container": "app", "node": "n1"}
    assert found == ask(name).one(**labels, **keep(name)) == dict.fromkeys(STEPS, SIZES[name])


@pytest.mark.parametrize("name", OBJECT)
def test_requests_of_a_pod_that_lived_two_minutes_are_there(ask: Ask, name: str) -> None:
    assert ask(name).one(namespace="short", **keep(name)) == {1800: SIZES[name]}


@pytest.mark.parametrize("name", OBJECT)
def test_the_largest_request_in_a_step_is_kept(ask: Ask, name: str) -> None:
    values = ask(name).one(namespace="changed", **keep(name))
    assert values == {**dict.fromkeys(STEPS, SIZES[name]), 1800: 2 * SIZES[name]}


@pytest.mark.parametrize("name", OBJECT)
def test_pods_of_one_name_and_another_uid_stay_apart(ask: Ask, name: str) -> None:
    found = ask(name)
    assert max(found.one(namespace="again", uid="u6", **keep(name))) == 1800
    assert min(found.one(namespace="again", uid="u7", **keep(name))) == 1800


def test_gpu_requests_are_all_kinds_of_gpu(ask: Ask) -> None:
    found = ask("gpu_requests").where(namespace="double")
    sizes = {dict(labels)["resource"]: values[0] for labels, values in found.items()}
    assert sizes == {"nvidia_com_gpu": 1, "nvidia_com_mig_1g_5gb": 2, "amd_com_gpu": 3}


@pytest.mark.parametrize(
    ("name", "one", "unit"),
    [("cpu_usage", 0.5, 1), ("memory_usage", 100, 1),
     ("bytes_received", 10, STEP), ("bytes_transmitted", 5, STEP)],
)  # fmt: skip
def test_a_kubelet_scraped_twice_counts_once(ask: Ask, name: str, one: float, unit: int) -> None:
    """Through two Services of one job, or through two jobs of which only one sets `node`."""
    found = ask(name)
    interfaces = 1.5 if name.startswith("bytes") else 1
    for namespace, times in (("double", interfaces), ("jobs", 1)):
        values = found.one(namespace=namespace)
        assert found.one(namespace=namespace, pod="p", node="n1") == values
        assert list(values) == STEPS
        assert list(values.values()) == pytest.approx([one * unit * times] * len(STEPS))


@pytest.mark.parametrize(("name", "one"), [("cpu_usage", 0.5), ("memory_usage", 100)])
@pytest.mark.parametrize("namespace", ["resource", "resource-only", "cgroup", "percpu", "exported"])
def test_usage_is_that_of_the_containers(ask: Ask, name: str, one: float, namespace: str) -> None:
    """Pods' cgroups, sandboxes, the machine and /metrics/resource are not counted on top."""
    values = ask(name).one(namespace=namespace)
    assert values == ask(name).one(namespace=namespace, pod="p", container="app", node="n1")
    assert list(values.values()) == pytest.approx([one] * len(STEPS))
    assert not ask(name).where(pod="")
    assert not ask(name).where(container="POD")


@pytest.mark.parametrize("name", ["cpu_usage", "memory_usage"])
def test_node_comes_from_instance_where_it_is_not_set(ask: Ask, name: str) -> None:
    found = ask(name).where(namespace="instance")
    assert {dict(labels)["node"] for labels in found} == set(INSTANCES.values())
    assert {key for labels in found for key, _ in labels} == POD - {"uid"}


@pytest.mark.parametrize("name", ["bytes_received", "bytes_transmitted"])
def test_traffic_has_its_node_and_no_container(ask: Ask, name: str) -> None:
    """Old kubelets call the sandbox POD, new ones nothing; both are the pod's traffic."""
    found = ask(name)
    assert found.one(namespace="instance", node="n2")
    assert found.one(namespace="docker", node="n1")
    assert found.one(namespace="exported", pod="p", node="n1")
    assert {key for labels in found.series for key, _ in labels} == {"namespace", "pod", "node"}
    assert not found.where(pod="")


def test_cpu_adds_up_over_a_restart(ask: Ask) -> None:
    """Both containers' seconds are there: 140 s with one core, then 160 s with two."""
    values = ask("cpu_usage").one(namespace="restart")
    assert values[1500] == pytest.approx(1.0)
    assert values[2100] == pytest.approx(2.0)
    assert values[1800] == pytest.approx((140 * 1 + 160 * 2) / 300, rel=0.15)


def test_memory_over_a_restart_is_the_largest(ask: Ask) -> None:
    values = ask("memory_usage").one(namespace="restart")
    assert [values[t] for t in (1500, 1800, 2100)] == [300, 300, 200]


@pytest.mark.parametrize(("name", "each"), [("bytes_received", 1.0), ("bytes_transmitted", 0.5)])
def test_traffic_adds_up_over_a_restart(ask: Ask, name: str, each: float) -> None:
    values = ask(name).one(namespace="restart")
    assert values[1500] == pytest.approx(3000 * each)
    assert values[1800] == pytest.approx((140 * 10 + 160 * 20) * each, rel=0.15)


def test_a_counter_that_begins_anew_shows_no_peak_and_no_gap(ask: Ask) -> None:
    values = ask("cpu_usage").one(namespace="reset")
    assert list(values) == STEPS
    assert max(values.values()) == pytest.approx(2.0, rel=0.01)
    assert values[1800] > 1.4


@pytest.mark.parametrize(
    "name", ["cpu_usage", "memory_usage", "bytes_received", "bytes_transmitted"]
)
def test_a_pod_that_moved_is_on_both_nodes(ask: Ask, name: str) -> None:
    """Within the step of the move neither hides the other, whatever names their nodes."""
    found = ask(name)
    before, after = found.one(namespace="moved", node="n1"), found.one(namespace="moved", node="n2")
    assert 1800 in before
    assert 1800 in after
    assert max(before) == 1800
    assert min(after) == 1800


def test_usage_of_a_pod_that_lived_two_minutes_is_there(ask: Ask) -> None:
    assert ask("memory_usage").one(namespace="short") == {1800: 700}
    cpu = ask("cpu_usage").one(namespace="short")
    assert list(cpu) == [1800]
    assert cpu[1800] == pytest.approx(1.5 * 130 / 300, rel=0.2)
    traffic = ask("bytes_received").one(namespace="short")
    assert traffic[1800] == pytest.approx(10 * 130, rel=0.2)


def test_a_peak_of_memory_between_two_steps_is_kept(ask: Ask) -> None:
    assert ask("memory_usage").one(namespace="peak")[1800] == 900


def test_page_cache_is_not_in_the_memory(ask: Ask) -> None:
    assert max(max(v.values()) for v in ask("memory_usage").series.values()) == 900


@pytest.mark.parametrize("step", [30, 60])
def test_no_gap_where_the_step_is_as_short_as_the_scrapes(ask: Ask, step: int) -> None:
    """The range is never less than two scrapes of 60 s; sums over the steps stay right."""
    steps = list(range(0, END - T0 + 1, step))
    cpu = ask("cpu_usage", step).one(namespace="double")
    assert list(cpu) == steps
    assert list(cpu.values()) == pytest.approx([0.5] * len(steps))
    assert list(ask("memory_usage", step).one(namespace="double")) == steps
    assert list(ask("cpu_requests", step).one(namespace="exported")) == steps
    traffic = ask("bytes_received", step).one(namespace="double")
    assert sum(v for t, v in traffic.items() if t) == pytest.approx(15 * 3600)
    assert list(traffic) == steps


@pytest.mark.parametrize("name", [*OBJECT, "cpu_usage", "memory_usage", "bytes_received"])
def test_two_clusters_in_one_store(ask: Ask, name: str) -> None:
    """CLUSTER_LABEL keeps them apart, MATCHERS picks one; without them they would become one."""
    named = {"namespace": "shared", **keep(name)}
    both = ask(name, CLUSTER_LABEL="cluster")
    east, west = both.one(cluster="east", **named), both.one(cluster="west", **named)
    assert east[600] == pytest.approx(west[600] / 2)
    picked = ask(name, MATCHERS='cluster="east"')
    assert picked.one(**named) == east
    assert len(picked.series) == (3 if name == "gpu_requests" else 1), "nothing of anybody else"
    assert ask(name, MATCHERS='cluster="west"', CLUSTER_LABEL="cluster").one(**named) == west
    assert len(ask(name).where(**named)) == 1


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("pvc_requests", {}, 1000),
        ("pvc_usage", {}, 400),
        ("pvc_info", {"volumename": "pv-1", "storageclass": "gp3"}, 1),
        ("pod_volumes", {"pod": "p", "uid": "u"}, 1),
    ],
)
def test_claims(ask: Ask, name: str, labels: dict[str, str], value: float) -> None:
    for namespace in ("double", "exported"):
        identity = {"namespace": namespace, "persistentvolumeclaim": "c", **labels}
        found = ask(name).where(namespace=namespace)
        assert list(found) == [frozenset(identity.items())]
        assert ask(name).one(**identity)[600] == value


def test_the_largest_fill_of_a_volume_in_a_step_is_kept(ask: Ask) -> None:
    assert ask("pvc_usage").one(namespace="double")[1800] == 900


def test_not_a_number_stays_not_a_number(ask: Ask) -> None:
    values = ask("pvc_usage").one(namespace="nan")
    assert list(values) == STEPS
    assert all(map(math.isnan, values.values()))


def test_volumes(ask: Ask) -> None:
    found = ask("pv_capacity").series
    assert {k: v[0] for k, v in found.items()} == {frozenset({("persistentvolume", "pv-1")}): 1000}
    info = {"persistentvolume": "pv-1", "storageclass": "gp3", "csi_driver": "ebs.csi.aws.com",
            "csi_volume_handle": "vol-1"}  # fmt: skip
    assert list(ask("pv_info").series) == [frozenset(info.items())]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("node_cpu_capacity", {("cpu", "core"): 4}),
        ("node_memory_capacity", {("memory", "byte"): 16}),
        (
            "node_gpu_capacity",
            {("nvidia_com_gpu", "integer"): 2, ("nvidia_com_mig_1g_5gb", "integer"): 7},
        ),
        ("node_cpu_allocatable", {("cpu", "core"): 3.5}),
        ("node_memory_allocatable", {("memory", "byte"): 15.5}),
    ],
)
def test_sizes_of_nodes(ask: Ask, name: str, sizes: dict[tuple[str, str], float]) -> None:
    """Each node once, under its own name, also where the scrape's node label won."""
    expected = {
        frozenset({("node", node), ("resource", resource), ("unit", unit)}): size
        for node in ("n1", "n2")
        for (resource, unit), size in sizes.items()
    }
    assert {labels: values[0] for labels, values in ask(name).series.items()} == expected


def test_node_info_leads_to_the_bill(ask: Ask) -> None:
    expected = {frozenset({"node": node, **NODE}.items()) for node in ("n1", "n2")}
    assert set(ask("node_info").series) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "node_labels",
            [{"node": n, "label_zone": "a", "label_x_y": 'q"\\\n'} for n in ("n1", "n2")],
        ),
        (
            "pod_labels",
            [{"namespace": n, "pod": "p", "uid": "u", "label_app": "web"}
             for n in ("double", "exported")],
        ),
        (
            "namespace_labels",
            [{"namespace": n, "label_team": "a b"} for n in ("double", "exported")],
        ),
    ],
)  # fmt: skip
def test_labels_are_those_of_the_object(
    ask: Ask, name: str, expected: list[dict[str, str]]
) -> None:
    """All label_* are kept, and nothing says who scraped them: two targets give one series."""
    assert set(ask(name).series) == {frozenset(labels.items()) for labels in expected}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (
            "pod_info",
            {"pod": "p", "uid": "u", "node": "n1", "host_ip": "10.0.1.1", "pod_ip": "10.1.1.1",
             "host_network": "false", "created_by_kind": "ReplicaSet", "created_by_name": "rs",
             "priority_class": "high"},
        ),
        ("pod_owner", {"pod": "p", "uid": "u", "owner_kind": "ReplicaSet", "owner_name": "rs"}),
        (
            "replicaset_owner",
            {"replicaset": "rs", "owner_kind": "Deployment", "owner_name": "web"},
        ),
        ("job_owner", {"job_name": "nightly-1", "owner_kind": "CronJob", "owner_name": "nightly"}),
    ],
)  # fmt: skip
def test_pods_and_owners(ask: Ask, name: str, labels: dict[str, str]) -> None:
    expected = {frozenset({"namespace": n, **labels}.items()) for n in ("double", "exported")}
    found = ask(name)
    assert set(found.series) == expected
    if "pod" in labels:
        assert found.one(namespace="exported") == {1800: 1}, "it lived two minutes"


def test_phases_are_those_that_a_pod_was_in(ask: Ask) -> None:
    """Also one that lasted less than a step; never one that it was not in."""
    found = ask("pod_phase")
    pending, running = (found.one(namespace="double", phase=p) for p in ("Pending", "Running"))
    assert max(pending) == min(running) == 1800
    assert set(pending.values()) == set(running.values()) == {1}
    for phase in ("Pending", "Running"):
        assert found.one(namespace="exported", pod="p", uid="u", phase=phase) == {1800: 1}
    assert not found.where(phase="Failed")


def test_load_balancers_survive_a_second_kube_state_metrics(ask: Ask) -> None:
    """No many-to-many, no gap when it restarts, and only Services of the type."""
    found = ask("service_load_balancers")
    expected = [
        {"namespace": "double", "service": "web", "hostname": "lb.example"},
        {"namespace": "exported", "service": "db", "ip": "203.0.113.7"},
    ]
    assert set(found.series) == {frozenset(labels.items()) for labels in expected}
    assert all(values == dict.fromkeys(STEPS, 1) for values in found.series.values())


def test_gpu_utilization_has_one_unit_and_one_source(ask: Ask) -> None:
    """The newer metric where the GPU has it, else the older one, from percent to a share."""
    found = ask("gpu_utilization")
    user = {"namespace": "ml", "pod": "train", "container": "main", "node": "n1"}
    newer = {**user, "UUID": "GPU-0", "modelName": "A100"}
    assert found.one(stat="max", **newer)[1800] == 0.9
    assert found.one(stat="avg", **newer)[1800] == pytest.approx((4 * 0.4 + 0.9) / 5)
    assert found.one(stat="max", UUID="GPU-1", **user)[1800] == 0.5
    slices = found.where(UUID="GPU-3", stat="avg")
    assert sorted(values[600] for values in slices.values()) == [0.25, 0.75]
    assert {dict(labels)["GPU_I_PROFILE"] for labels in slices} == {"1g.5gb"}
    honoured = {"pod": "infer", "node": "n1.example", "UUID": "GPU-4", "Hostname": "n1"}
    assert found.one(stat="max", **honoured)[600] == 0.2
    assert len(found.series) == 2 * 6


@pytest.mark.parametrize("name", ["gpu_utilization", "gpu_memory_used"])
def test_an_idle_gpu_is_nobodys(ask: Ask, name: str) -> None:
    """The exporter's own pod is not taken for its user."""
    idle = {"UUID": "GPU-2", "node": "n1", "namespace": "", "pod": "", "container": ""}
    assert ask(name).one(stat="max", **idle)
    assert not ask(name).where(namespace="gpu-operator")


def test_gpu_memory_is_average_and_largest(ask: Ask) -> None:
    found = ask("gpu_memory_used")
    user = {"namespace": "ml", "pod": "train", "UUID": "GPU-0"}
    assert found.one(stat="max", **user)[1800] == 30
    assert found.one(stat="avg", **user)[1800] == pytest.approx(14)


def test_every_metric_is_tested_here() -> None:
    """A metric without a test of its own is not in the catalogue."""
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123
        text = file.read()
    missing = [m.name for m in catalogue().metrics if f'"{m.name}"' not in text]
    assert not missing
