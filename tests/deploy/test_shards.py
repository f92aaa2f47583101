"""An Indexed Job: its pods start at once, share out the metrics, and write one state."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.demo.cluster import Cluster
from tests.faults import proof
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import Moto

JOB = Path(__file__).parents[2] / "deploy/indexed-job.yaml"
INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
PREFIX = "k8s/prometheus/"
METRICS = "cpu_*,node_info"
Place = tuple[dict[str, str], Callable[[], Mapping[str, bytes]]]


def shards() -> list[str]:
    """Return `SHARD` of each pod of the Indexed Job, worked out as Kubernetes does.

    A variable's value may name those that stand above it.
    """
    spec = yaml.safe_load(JOB.read_text())["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    return [expanded(container["env"], index)["SHARD"] for index in range(spec["completions"])]


def expanded(entries: list[dict[str, Any]], index: int) -> dict[str, str]:
    """Return a container's environment as the pod of that index sees it."""
    known: dict[str, str] = {}
    for entry in entries:
        if "valueFrom" in entry:
            assert entry["valueFrom"] == {"fieldRef": {"fieldPath": INDEX}}
            known[entry["name"]] = str(index)
        else:
            value = re.sub(r"\$\((\w+)\)", lambda name: known[name[1]], entry["value"])
            known[entry["name"]] = value
    return known


def places(kind: str, tmp_path: Path, moto: Moto) -> tuple[Place, Place]:
    """Return settings and contents of two empty places."""

    def folder(name: str) -> Place:
        top = tmp_path / name
        return (
            {"SINK": "local", "LOCAL_DIR": str(top)},
            lambda: proof.local_objects(top / PREFIX),
        )

    def bucket() -> Place:
        name = moto.make_bucket()
        return {"S3_BUCKET": name, **moto.root.environ(moto.url)}, lambda: moto.objects(name)

    if kind == "local":
        return folder("one"), folder("four")
    return bucket(), bucket()


def test_the_pods_of_the_manifest_are_all_of_the_shards() -> None:
    assert shards() == ["0/4", "1/4", "2/4", "3/4"]


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_four_started_at_once_export_together_exactly_what_one_does(
    kind: str, cluster: Cluster, cluster_prometheus: Prometheus, moto: Moto, tmp_path: Path
) -> None:
    """The same objects, the same coverage, no window exported twice, nothing left behind."""
    moment = cluster.end - 1750
    (one, one_holds), (four, four_hold) = places(kind, tmp_path, moto)
    settings = proof.environ(cluster_prometheus.port, METRICS=METRICS)
    status, said = proof.finished(moment, {**settings, **one})
    assert status == 0, said

    pods = [proof.start(moment, {**settings, **four, "SHARD": shard}) for shard in shards()]
    logs = []
    for pod in pods:
        _, log = pod.communicate(timeout=120)
        assert pod.returncode == 0, log
        logs.append(log)

    expected, found = one_holds(), four_hold()
    assert proof.contents(found) == proof.contents(expected)
    assert proof.coverage(found) == proof.coverage(expected)
    assert sorted(found) == sorted(expected)
    written = [set(re.findall(r"\S+\.json\.gz(?=: \d+ series)", log)) for log in logs]
    assert all(written)
    assert sum(map(len, written)) == len(proof.contents(expected))
