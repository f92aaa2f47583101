"""Servers that tests share. A program that is missing is a failure, not a skip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
