"""`promferry report` on a real export gives what the server's own PromQL gives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest

from examples.demo.cluster import Cluster
from tests.documents import TOP
from tests.report.conftest import Exported, rows
from tests.report.independent import HOUR, PodHour, Sums, pod_hours, sums
from tests.servers.prometheus import Prometheus

Measured = Mapping[str, tuple[Mapping[PodHour, float], Mapping[PodHour, float]]]


@pytest.fixture(scope="module")
def measured(cluster_prometheus: Prometheus, exported: Exported) -> Measured:
    """Give what the server says of each pod and hour."""
    return pod_hours(cluster_prometheus, exported.begin, exported.end)


@pytest.fixture(scope="module")
def workload_of(cluster: Cluster) -> Callable[[str, str], tuple[str, ...]]:
    """Give the workload of a pod, as those know it who made the cluster."""

    def workload(namespace: str, name: str) -> tuple[str, ...]:
        pod = next(
            each for each in cluster.pods if (each.namespace, each.name) == (namespace, name)
        )
        kind, owner = pod.owner
        if kind == "ReplicaSet":
            kind, owner = "Deployment", cluster.replicasets[namespace, owner]
        elif kind == "Job" and cluster.jobs[namespace, owner]:
            kind, owner = "CronJob", cluster.jobs[namespace, owner]
        return namespace, f"{kind}/{owner}"

    return workload


def same(found: Mapping[tuple[str, ...], Mapping[str, Sums]],
         expected: Mapping[tuple[str, ...], Mapping[str, Sums]]) -> None:  # fmt: skip
    """Compare every amount of every row, to what the CSV rounds to."""
    assert found.keys() == expected.keys()
    for who, resources in expected.items():
        for resource, amounts in resources.items():
            assert attrs.astuple(found[who][resource]) == pytest.approx(
                attrs.astuple(amounts), rel=1e-9, abs=1e-6
            ), (who, resource)


def test_workloads_are_what_promql_says(
    exported: Exported, measured: Measured, workload_of: Callable[[str, str], tuple[str, ...]]
) -> None:
    """Pods that moved, restarted, lingered, were scraped twice or waited for a node among them."""
    said = exported.report("--csv", "-")
    assert (said.status, said.err) == (0, "")
    same(rows(said), sums(measured, workload_of))
    assert ("ml", "Job/too-big") not in rows(said), "what waits for a node holds nothing"


def test_namespaces_and_a_range_are_what_promql_says(
    exported: Exported, measured: Measured
) -> None:
    """A time as `--to` is not included, a date is; both are UTC."""
    begin, end = exported.begin + 20 * HOUR, exported.begin + 29 * HOUR
    said = exported.report(
        "--by", "namespace", "--csv", "-", "--from", "2025-10-31T20:00", "--to", "2025-11-01T05:00Z"
    )
    by_namespace = sums(measured, lambda namespace, _: (namespace,), lambda h: begin <= h < end)
    same(rows(said), by_namespace)
    said = exported.report("--by", "namespace", "--csv", "-", "--to", "2025-10-31")
    midnight = exported.begin + 24 * HOUR
    same(rows(said), sums(measured, lambda namespace, _: (namespace,), lambda h: h < midnight))


def test_an_hour_that_lacks_one_of_two_metrics_is_left_out_and_told(
    exported: Exported, measured: Measured, tmp_path: Path
) -> None:
    """Else all that was requested in it would look wasted."""
    other = exported.copy(tmp_path / "copy")
    gone = [exported.begin + 5 * HOUR, exported.begin + 30 * HOUR]
    for start in gone:
        (file,) = other.folder.rglob(f"{start}_cpu_usage.json.gz")
        file.unlink()
    said = other.report("--by", "namespace", "--csv", "-")
    expected = sums(measured, lambda namespace, _: (namespace,))
    left = sums(measured, lambda namespace, _: (namespace,), lambda hour: hour not in gone)
    for who, resources in left.items():
        expected[who]["cpu"] = resources["cpu"]
    same(rows(said), expected)
    (note,) = said.err.splitlines()
    assert "cpu: 2 h are left out, since cpu_usage has no sample in them" in note


def test_the_largest_waste_comes_first(exported: Exported) -> None:
    """As a share of all that is billed of CPU and of memory, taken together."""
    found = rows(exported.report("--csv", "-"))
    billed = {
        resource: sum(each[resource].billed for each in found.values())
        for resource in ("cpu", "memory")
    }
    shares = [
        sum(each[resource].wasted / billed[resource] for resource in billed)
        for each in found.values()
    ]
    assert shares == sorted(shares, reverse=True)
    assert list(rows(exported.report("--csv", "-", "--top", "3"))) == list(found)[:3]


def test_dates_in_the_table_are_those_of_the_hours_that_count(exported: Exported) -> None:
    out = exported.report().out
    first = dt.datetime.fromtimestamp(exported.begin, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"{first} to " in out
    assert "\x1b" not in out, "no colours where there is no terminal"


def test_the_table_in_the_document_is_that_of_this_cluster(exported: Exported) -> None:
    text = (TOP / "docs/report.md").read_text("utf-8")
    table = text[text.index("    namespace  ") : text.index("| option |")]
    two_days = ("--from", "2025-10-31", "--to", "2025-11-01")
    said = [line.rstrip() for line in exported.report(*two_days).out.splitlines()]
    shown = [line[4:].rstrip() for line in table.splitlines() if line.strip(" .")]
    assert [line for line in shown if line not in said] == []
