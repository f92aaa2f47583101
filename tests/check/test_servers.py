"""`promferry check` and servers of every kind: what they are, and what bars the way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from examples.demo.cluster import Cluster
from promferry.core.check.server import kind
from tests.auth.certificates import Authority
from tests.run.command import in_process, settings
from tests.run.test_terminal import on_a_terminal
from tests.servers.faults import FaultProxy
from tests.servers.history import History
from tests.servers.nginx import Nginx
from tests.servers.process import free_port
from tests.servers.prometheus import Prometheus
from tests.servers.victoria import VictoriaMetrics

MOMENT = 1762039850  # half an hour before the made-up cluster ends
SECRET = "s3cret-bearer-t0ken"


def check(port: int, folder: Path, **environ: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return exit status and findings by code, or by subject where it is a metric's.

    The moment is long past, so there is always one that our clock is wrong.
    """
    given = settings(port, folder / "out", **{"METRICS": "pod_info", **environ})
    said = in_process("check", "--json", moment=MOMENT, environ=given)
    assert "Traceback" not in said.text, said.text
    assert SECRET not in said.text
    found = json.loads(said.out)["findings"]
    for each in found:
        assert each["level"] == "ok" or each["cure"], each
    return said.status, {
        each["subject"] if each["code"].startswith("metric") else each["code"]: each
        for each in found
    }


def always(fault: str) -> Iterator[str]:
    while True:
        yield fault


def test_the_made_up_cluster_ends_where_the_tests_think(cluster: Cluster) -> None:
    assert cluster.end - 3600 < MOMENT < cluster.end


def test_every_metric_is_counted_through_a_gateway_with_its_usual_limits(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    """Some queries are longer than the address of a request may be."""
    server = f"location / {{ proxy_pass {cluster_prometheus.url}; }}"
    with Nginx(tmp_path / "nginx", server) as gateway:
        _, found = check(gateway.port, tmp_path, METRICS="*")
    assert found["gpu_utilization"]["text"].endswith("series")
    assert found["gpu_utilization"]["facts"]["series"] > 0


@pytest.mark.parametrize(
    ("build", "headers", "host", "named"),
    [
        ({"version": "2.53.1", "goVersion": "go1.22"}, {}, "p", "Prometheus 2.53.1"),
        ({"version": "0.34.1", "goVersion": "go1.21"}, {}, "thanos", "Thanos 0.34.1"),
        ({"application": "Grafana Mimir", "version": "2.12.0"}, {}, "m", "Grafana Mimir 2.12.0"),
        ({"version": "2.24.0"}, {"X-Server-Hostname": "vm"}, "v", "VictoriaMetrics"),
        ({}, {}, "aps-workspaces.eu-west-1.amazonaws.com", "Amazon Managed Prometheus"),
        ({}, {}, "example.com", "a server that does not tell its version"),
    ],
)
def test_a_server_is_known_by_what_it_says(
    build: Mapping[str, str], headers: Mapping[str, str], host: str, named: str
) -> None:
    assert kind(build, headers, host) == named


def test_victoria_metrics_is_named_and_its_clock_is_read(
    victoria: VictoriaMetrics, tmp_path: Path
) -> None:
    _, found = check(victoria.port, tmp_path)
    assert found["server"]["text"] == "VictoriaMetrics answers"
    assert found["clock"]["facts"]["ahead_seconds"] < -86_400


def test_a_certificate_of_an_unknown_authority(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    pair = authority.issue("server", ["localhost"])
    server = f"location / {{ proxy_pass {cluster_prometheus.url}; }}"
    with Nginx(tmp_path / "nginx", server, tls=pair) as front:
        https = {"SCHEME": "https", "HOSTNAME": "localhost"}
        status, found = check(front.port, tmp_path, **https)
        assert status == 2
        assert found["server.tls"]["level"] == "wrong"
        assert "PROMETHEUS_CA_FILE" in found["server.tls"]["cure"]
        assert "sink" in found, "the sink is tried all the same"
        _, found = check(front.port, tmp_path, **https, PROMETHEUS_CA_FILE=str(authority.file))
        assert found["pod_info"]["level"] == "ok"
        _, found = check(front.port, tmp_path, **https, PROMETHEUS_INSECURE_SKIP_VERIFY="true")
        assert found["server.insecure"]["level"] == "note"
        assert "PROMETHEUS_CA_FILE" in found["server.insecure"]["cure"]
        status, found = check(front.port, tmp_path)
        assert "SCHEME=https" in found["server.tls"]["cure"], "http where https is spoken"
    status, found = check(cluster_prometheus.port, tmp_path, **https)
    assert "SCHEME=http" in found["server.tls"]["cure"], "https where http is spoken"


def test_credentials_that_are_refused(cluster_prometheus: Prometheus, tmp_path: Path) -> None:
    server = f"""location / {{
        if ($http_authorization != "Bearer {SECRET}") {{ return 401 "no such token"; }}
        proxy_pass {cluster_prometheus.url}; }}"""
    with Nginx(tmp_path / "nginx", server) as front:
        for environ in ({}, {"PROMETHEUS_BEARER_AUTH_TOKEN": f"another-{SECRET[2:]}"}):
            status, found = check(front.port, tmp_path, **environ)
            assert status == 2
            assert found["server.refuses"]["level"] == "wrong"
            assert "HTTP 401" in found["server.refuses"]["text"]
            assert "PROMETHEUS_BEARER_AUTH_TOKEN" in found["server.refuses"]["cure"]
        _, found = check(front.port, tmp_path, PROMETHEUS_BEARER_AUTH_TOKEN=SECRET)
        assert found["pod_info"]["level"] == "ok"
        assert "bearer token from PROMETHEUS_BEARER_AUTH_TOKEN" in found["credentials"]["text"]


def test_a_store_that_asks_for_a_tenant(cluster_prometheus: Prometheus, tmp_path: Path) -> None:
    server = f"""location / {{
        if ($http_x_scope_orgid = "") {{ return 401 "no org id"; }}
        proxy_pass {cluster_prometheus.url}; }}"""
    with Nginx(tmp_path / "nginx", server) as front:
        _, found = check(front.port, tmp_path)
        assert "PROMETHEUS_X_SCOPE_ORGID" in found["server.refuses"]["cure"]


@pytest.mark.parametrize("fault", ["500", "502", "503", "cut_length"])
def test_a_server_that_fails_may_work_later(
    fault: str, cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    with FaultProxy(cluster_prometheus.url, always(fault)) as proxy:
        status, found = check(proxy.port, tmp_path)
        assert sum(proxy.counts.values()) <= 4
    assert status == 1
    assert found["server.fails"]["level"] == "down"
    assert found["sink"]["level"] == "ok"


def test_a_path_without_an_api(cluster_prometheus: Prometheus, tmp_path: Path) -> None:
    status, found = check(cluster_prometheus.port, tmp_path, PATH_PREFIX="/nothing/here")
    assert status == 2
    assert "PATH_PREFIX" in found["server.not-prometheus"]["cure"]


def test_a_metric_that_is_too_much_for_the_server_even_at_one_moment(tmp_path: Path) -> None:
    """No shorter range helps then, so something has to be done."""
    history = History()
    for number in range(100):
        history.add("kube_pod_info", {"namespace": "a", "pod": f"p{number}", "uid": f"u{number}"},
                    [(float(at), 1.0) for at in range(MOMENT - 3600, MOMENT, 60)])  # fmt: skip
    with Prometheus(tmp_path / "prometheus", flags=["--query.max-samples=200"]) as server:
        server.push(history)
        _, found = check(server.port, tmp_path)
    assert found["pod_info"]["code"] == "metric.too-much"
    assert found["pod_info"]["level"] == "down"
    assert "--query.max-samples" in found["pod_info"]["cure"]


def test_on_a_terminal_the_findings_are_rows_of_its_width(tmp_path: Path) -> None:
    """Elsewhere each is one line, however long, for grep."""
    environ = settings(free_port(), tmp_path / "out", METRICS="pod_info", NO_COLOR="1")
    rows = on_a_terminal("check", environ={**environ, "COLUMNS": "80"}).splitlines()
    assert all(len(row) <= 80 for row in rows)
    assert any(row.startswith("DOWN   http://127.0.0.1") for row in rows)
    assert any(row.strip().startswith("-> start it, or set SCHEME") for row in rows)
    narrow = on_a_terminal("check", environ={**environ, "COLUMNS": "40"}).splitlines()
    piped = in_process("check", moment=MOMENT, environ=environ).out.splitlines()
    assert len(narrow) == len(piped) == 4
    assert all(each.startswith(("ok  ", "DOWN  ", "1 down")) for each in piped)
