"""Servers that tests share. A program that is missing is a failure, not a skip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.demo.cluster import Cluster
from examples.demo.everything import everything
from tests.servers.history import History
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import Ministack, Moto
from tests.servers.victoria import VictoriaMetrics


@pytest.fixture(scope="session")
def empty_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Give a running Prometheus without a sample."""
    with Prometheus(tmp_path_factory.mktemp("empty-prometheus")) as server:
        yield server


@pytest.fixture(scope="session")
def victoria(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VictoriaMetrics]:
    """Give a running VictoriaMetrics without a sample; load into it what the test needs."""
    with VictoriaMetrics(tmp_path_factory.mktemp("victoria")) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """Give an S3 server that takes any credentials; make a bucket of your own in it."""
    with Moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    """Give an S3 server that enforces policies; make a bucket and a writer of your own in it."""
    with Ministack(tmp_path_factory.mktemp("ministack")) as server:
        yield server


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Give two made-up days, 31 October and 1 November 2025: a month ends between them."""
    start = 1761868800  # 2025-10-31T00:00:00Z
    return Cluster(start, start + 2 * 86400)


@pytest.fixture(scope="session")
def cluster_prometheus(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Give a running Prometheus that has watched the made-up cluster; write nothing into it."""
    history = History()
    for series in everything(cluster):
        history.add(series.name, series.labels, series.samples)
    with Prometheus(tmp_path_factory.mktemp("cluster-prometheus")) as server:
        server.push(history)
        yield server
