"""The made-up cluster has what it promises, and `make demo` shows the job at work."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from examples.demo.cluster import MADE_UP, Cluster
from examples.demo.everything import everything, wide
from tests.servers.prometheus import Prometheus

TOP = Path(__file__).resolve().parents[1]
START = 1761868800


def test_the_same_arguments_give_the_same_series() -> None:
    first, second = (list(everything(Cluster(START, START + 7200))) for _ in range(2))
    assert first == second
    other = list(everything(Cluster(START, START + 7200, seed=8)))
    assert other != first


def test_no_two_series_of_a_cluster_are_the_same_to_prometheus(cluster: Cluster) -> None:
    """Of one name and one set of labels there may be several stretches, never at the same time."""
    seen: dict[object, float] = defaultdict(float)
    for series in everything(cluster):
        key = (series.name, frozenset(series.labels.items()))
        times = [t for t, _ in series.samples]
        assert times == sorted(set(times))
        assert times[0] > seen[key], series
        assert cluster.start <= times[0]
        assert times[-1] < cluster.end
        seen[key] = times[-1]


def count(server: Prometheus, expr: str, at: float) -> int:
    found = server.api_instant(f"count({expr})", at)
    return int(found[0]["value"][1]) if found else 0


def test_a_second_kube_state_metrics_doubles_everything_for_a_while(
    cluster: Cluster, cluster_prometheus: Prometheus
) -> None:
    doubled = cluster.doubled[0] + 600
    assert count(cluster_prometheus, "kube_node_info", cluster.start + 600) == 3
    assert count(cluster_prometheus, "kube_node_info", doubled) == 6


def test_the_first_kubelet_is_scraped_by_two_services(
    cluster: Cluster, cluster_prometheus: Prometheus
) -> None:
    expr = (
        'count by (service) (container_cpu_usage_seconds_total{id="/",instance="10.0.1.11:10250"})'
    )
    assert len(cluster_prometheus.api_instant(expr, cluster.start + 600)) == 2


def test_cadvisor_shows_the_node_as_label_as_instance_and_with_a_port(
    cluster: Cluster, cluster_prometheus: Prometheus
) -> None:
    expr = 'group by (node, instance) (container_cpu_usage_seconds_total{id="/"})'
    shown = cluster_prometheus.api_instant(expr, cluster.start + 600)
    assert sorted((s["metric"].get("node", ""), s["metric"]["instance"]) for s in shown) == [
        ("", "10.0.3.13:10250"), ("", "worker-2"), ("worker-1", "10.0.1.11:10250"),
    ]  # fmt: skip


def test_a_restart_is_another_series_and_a_reset_is_the_same(
    cluster: Cluster, cluster_prometheus: Prometheus
) -> None:
    over = f"[{cluster.end - cluster.start}s]"
    name = "container_cpu_usage_seconds_total"
    app = f'count_over_time({name}{{container="app",service="kubelet"}}{over})'
    assert count(cluster_prometheus, app, cluster.end) == 3
    redis = f'resets({name}{{container="redis"}}{over})'
    assert [s["value"][1] for s in cluster_prometheus.api_instant(redis, cluster.end)] == ["1"]


def test_the_short_pod_is_between_two_steps_and_was_scraped_twice(
    cluster: Cluster, cluster_prometheus: Prometheus
) -> None:
    pod = '{pod="short-lived",container="task"}'
    span = f"[{cluster.end - cluster.start}s]"
    seen = cluster_prometheus.api_instant(
        f"count_over_time(container_cpu_usage_seconds_total{pod}{span})", cluster.end
    )
    assert int(seen[0]["value"][1]) >= 2
    assert int(cluster.short.start // 300) == int(cluster.short.end // 300)


def test_a_pod_that_moved_keeps_its_name_and_changes_node_and_uid(cluster: Cluster) -> None:
    before, after = cluster.moved
    assert before.name == after.name
    assert (before.node, before.uid) != (after.node, after.uid)
    assert before.node != after.node
    assert before.uid != after.uid


def test_label_values_that_trip_readers_are_in_it(
    cluster: Cluster, cluster_prometheus: Prometheus
) -> None:
    found = cluster_prometheus.api_instant(
        'kube_namespace_labels{namespace="shop"}', cluster.start + 600
    )
    assert set(MADE_UP) <= set(found[0]["metric"].values())


def test_gpus_come_with_exported_labels_slices_and_one_without_the_newer_metric(
    cluster: Cluster, cluster_prometheus: Prometheus
) -> None:
    at = cluster.at(0.5)
    newer = cluster_prometheus.api_instant("DCGM_FI_PROF_GR_ENGINE_ACTIVE", at)
    assert {s["metric"].get("exported_pod") for s in newer} == {"train-0", "infer-5d4c3b2a1-abcde"}
    assert {s["metric"].get("GPU_I_PROFILE") for s in newer} == {None, "1g.5gb"}
    older = cluster_prometheus.api_instant("DCGM_FI_DEV_GPU_UTIL", at)
    assert {s["metric"]["gpu"] for s in older} == {"0", "1"}


def test_wide_gives_as_many_different_series_as_asked_for() -> None:
    series = list(wide(3000, start=START, hours=1, interval=300))
    assert len({frozenset(one.labels.items()) for one in series}) == 3000
    assert {len(one.samples) for one in series} == {12}


def demo(into: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "examples.demo", "--into", str(into)],
        cwd=TOP if "PROMFERRY_TEST_WHEEL" not in os.environ else None,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"},
             "S3_BUCKET": "not-for-the-demo"},
    )  # fmt: skip


def test_demo_exports_two_days_and_shows_a_record(tmp_path: Path) -> None:
    with demo(tmp_path / "export") as running:
        text, _ = running.communicate(timeout=300)
    assert running.returncode == 0, text
    top = tmp_path / "export" / "k8s" / "prometheus" / "demo"
    files = list(top.glob("end=*/day=*/metric=cpu_requests/*_cpu_requests.json.gz"))
    assert len(files) >= 47
    assert (top / "_state.json").is_file()
    with gzip.open(max(files, key=lambda file: file.name)) as file:
        series = json.loads(file.readline())
    assert series["metric"]["namespace"]
    assert "metric=" in text
    assert '"namespace"' in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("said", ["http://127.0.0.1:", "promferry run"])
def test_an_interrupted_demo_leaves_no_process_behind(
    tmp_path: Path, number: int, said: str
) -> None:
    with demo(tmp_path / "export") as running:
        assert running.stdout is not None
        line = next(line for line in running.stdout if "http://127.0.0.1:" in line)
        port = line.partition("127.0.0.1:")[2].split(";")[0]
        if said not in line:
            next(line for line in running.stdout if said in line)
        running.send_signal(number)
        running.communicate(timeout=60)
    assert running.returncode == 128 + number
    end = time.monotonic() + 5
    while time.monotonic() < end and mentions(port):
        time.sleep(0.02)
    assert not mentions(port)


def mentions(port: str) -> list[str]:
    """Return the command lines of the processes that were started with this port."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = line.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"127.0.0.1:{port}" in words:
            found.append(words)
    return found
