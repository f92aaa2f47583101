"""Servers that let nobody in without the right credentials."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.auth.certificates import Authority
from tests.auth.gateway import PASSWORD, PASSWORD_HASH, USER, Gateway
from tests.servers.history import History
from tests.servers.prometheus import Prometheus

DAY = 1761868800  # 2025-10-31T00:00:00Z, a day of the made-up cluster


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Give a certificate authority that nobody trusts who was not told to."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def gateway(
    cluster_prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Give nginx before the cluster's Prometheus, with a sub-path for each kind of guard."""
    with Gateway(tmp_path_factory.mktemp("gateway"), cluster_prometheus.url) as server:
        yield server


@pytest.fixture(scope="session")
def guarded(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Give a Prometheus with TLS, Basic authentication and a sub-path, all its own."""
    cert, key = authority.issue("prometheus", ["localhost", "127.0.0.1"])
    history = History()
    labels = {"namespace": "shop", "pod": "web-1", "container": "web", "node": "n1", "uid": "u1",
              "resource": "cpu", "unit": "core"}  # fmt: skip
    samples = [(float(at), 0.25) for at in range(DAY, DAY + 7200, 60)]
    history.add("kube_pod_container_resource_requests", labels, samples)
    server = Prometheus(
        tmp_path_factory.mktemp("guarded"),
        web_config=f"tls_server_config: {{cert_file: {cert}, key_file: {key}}}\n"
        f"basic_auth_users: {{{USER}: '{PASSWORD_HASH}'}}\n",
        prefix="/monitoring/prom",
        auth=(USER.encode(), PASSWORD.encode()),
        verify=str(authority.file),
    )
    with server:
        server.push(history)
        yield server


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Give an environment without anything that the AWS SDK reads; it reads the process' own."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch
