"""The whole way of a run's outcome: gateway and textfile, node-exporter, Prometheus, alerts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import requests

from examples.demo.cluster import Cluster
from tests.faults import proof
from tests.servers.process import Process, program
from tests.servers.prometheus import Prometheus

RULES = Path(__file__).parents[2] / "deploy/alerts/promferry.rules.yaml"
BROKEN = "name: broken\nquery: kube_node_info + on () kube_pod_info\n"


@attrs.frozen
class Monitoring:
    """Where runs publish, and the Prometheus that scrapes it under the sample rules."""

    textfile: Path
    gateway: str
    prometheus: str

    def ask(self, path: str, **params: str) -> Any:
        answer = requests.get(f"{self.prometheus}/api/v1/{path}", params=params, timeout=10)
        return answer.json()["data"]

    def value(self, expr: str) -> float | None:
        """Return the one value of an expression, None where there is none."""
        result = self.ask("query", query=expr)["result"]
        assert len(result) < 2, result
        return float(result[0]["value"][1]) if result else None

    def comes_to(self, expr: str, value: float) -> None:
        """Wait until an expression has that value."""
        end = time.monotonic() + 20
        while (now := self.value(expr)) != value:
            assert time.monotonic() < end, f"{expr} is {now}, not {value}"
            time.sleep(0.1)

    def alerts(self, cluster: str) -> set[tuple[str, str]]:
        """Return name and metric of a cluster's alerts, those that are pending too."""
        return {
            (alert["labels"]["alertname"], alert["labels"].get("metric", ""))
            for alert in self.ask("alerts")["alerts"]
            if alert["labels"]["cluster"] == cluster
        }


@pytest.fixture(scope="module")
def monitoring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitoring]:
    folder = tmp_path_factory.mktemp("monitoring")
    textfiles = folder / "textfiles"
    textfiles.mkdir()

    def server(name: str, ready: str, *flags: str) -> Process:
        return Process(
            name, lambda port: [program(name), f"--web.listen-address=127.0.0.1:{port}", *flags],
            folder=folder, ready=ready,
        )  # fmt: skip

    gateway = server(
        "prometheus-pushgateway", "/-/ready",
        f"--persistence.file={folder}/pushed",  # Debian's keeps one for all
    )  # fmt: skip
    exporter = server(
        "prometheus-node-exporter", "/", "--collector.disable-defaults", "--collector.textfile",
        f"--collector.textfile.directory={textfiles}",
    )  # fmt: skip
    config = folder / "prometheus.yml"
    prometheus = server(
        "prometheus", "/-/ready", f"--config.file={config}", f"--storage.tsdb.path={folder}/data"
    )
    servers = [gateway, exporter, prometheus]
    try:
        gateway.start()
        exporter.start()
        config.write_text(json.dumps({
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms",
                       "evaluation_interval": "200ms"},
            "rule_files": [str(RULES)],
            "scrape_configs": [
                scrape("pushgateway", gateway, honor_labels=True), scrape("node", exporter),
            ],
        }))  # fmt: skip
        prometheus.start()
        yield Monitoring(textfiles / "promferry.prom", gateway.url, prometheus.url)
    finally:
        for each in reversed(servers):
            each.stop()


def scrape(job: str, target: Process, **more: Any) -> dict[str, Any]:
    targets = [{"targets": [target.url.removeprefix("http://")]}]
    return {"job_name": job, "static_configs": targets, **more}


def published(into: Mapping[str, str], cluster: str, port: int, tmp_path: Path) -> dict[str, str]:
    """Return a job's environment that publishes there."""
    return proof.environ(
        port, SINK="local", LOCAL_DIR=str(tmp_path / "export"), CLUSTER_NAME=cluster,
        METRICS="node_info,pod_info", **into,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["gateway", "textfile"])
def test_a_run_is_seen_by_prometheus_and_a_failing_metric_alerts(
    way: str, cluster: Cluster, cluster_prometheus: Prometheus, monitoring: Monitoring,
    tmp_path: Path,
) -> None:  # fmt: skip
    """A good run, then one with a metric that fails: the last success stays, alerts name it."""
    into = {
        "gateway": {"PUSHGATEWAY_URL": monitoring.gateway},
        "textfile": {"METRICS_TEXTFILE": str(monitoring.textfile)},
    }[way]
    settings = published(into, way, cluster_prometheus.port, tmp_path)
    moment = cluster.end - 1750
    of = f'{{cluster="{way}"}}'

    status, said = proof.finished(moment, settings)
    assert status == 0, said
    assert "WARNING" not in said
    monitoring.comes_to(f"promferry_last_success_timestamp_seconds{of}", moment)
    objects = proof.contents(proof.local_objects(tmp_path))
    assert monitoring.value(f"promferry_last_run_objects{of}") == len(objects)
    assert monitoring.value(f"promferry_last_run_queries{of}") == len(objects)
    assert monitoring.value(f"sum(promferry_metric_holes{of})") == 0
    newest = (moment - 120) // 300 * 300
    until = f"promferry_metric_exported_until_timestamp_seconds{of}"
    assert monitoring.value(f"max({until})") == monitoring.value(f"min({until})") == newest

    queries = tmp_path / "queries"
    queries.mkdir()
    (queries / "broken.yaml").write_text(BROKEN)
    broken = {**settings, "QUERIES_DIR": str(queries), "METRICS": "node_info,pod_info,broken"}
    status, said = proof.finished(moment + 1800, broken)
    assert status == 1, said
    monitoring.comes_to(f"promferry_last_run_exit_status{of}", 1)
    assert monitoring.value(f"promferry_last_success_timestamp_seconds{of}") == moment
    failed = f'promferry_metric_failed{{cluster="{way}",metric='
    assert monitoring.value(failed + '"broken"}') == 1
    assert monitoring.value(failed + '"pod_info"}') == 0
    end = time.monotonic() + 20
    wanted = {("PromferryMetricFailing", "broken"), ("PromferryHoles", "broken")}
    while not wanted <= monitoring.alerts(way):
        assert time.monotonic() < end, monitoring.alerts(way)
        time.sleep(0.1)
    # The runs were a long time ago, as far as the alerts on age can see.
    aged = {"PromferryExportStale", "PromferryNoSuccess"}
    assert {alert for alert in monitoring.alerts(way) if alert[0] not in aged} == wanted
