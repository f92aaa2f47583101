"""An export of the made-up cluster that several tests look at."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from examples.demo.cluster import Cluster
from tests.run.command import Said, promferry, settings
from tests.servers.prometheus import Prometheus


@attrs.frozen
class Export:
    """A backfill of two days as it was done, half an hour into the third."""

    moment: int
    environ: dict[str, str]
    folder: Path
    said: Said


@pytest.fixture(scope="session")
def export(
    cluster: Cluster, cluster_prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Export:
    """Give the backfill; write nothing below its folder."""
    folder = tmp_path_factory.mktemp("export")
    moment = cluster.end - 1750  # the last window is growing
    environ = settings(cluster_prometheus.port, folder, BACKFILL_DAYS="2")
    said = promferry("run", moment=moment, environ=environ)
    assert said.status == 0, said.text
    return Export(moment, environ, folder / "prod", said)
