"""An export with a hole, a window that is gone, and an empty metric."""

from __future__ import annotations

import attrs
import pytest

from examples.demo.cluster import Cluster
from tests.run.command import Said, in_process, settings
from tests.servers.faults import FaultProxy, script
from tests.servers.prometheus import Prometheus

HOUR = 3600


@attrs.frozen
class Staged:
    """Its settings, its clock, and what has to be found: (metric, start) of hole and loss."""

    environ: dict[str, str]
    moment: int
    hole: tuple[str, int]
    lost: tuple[str, int]

    def status(self, *arguments: str) -> Said:
        return in_process("status", *arguments, moment=self.moment, environ=self.environ)


@pytest.fixture(scope="module")
def staged(
    cluster: Cluster, cluster_prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Staged:
    """Give the export."""
    folder = tmp_path_factory.mktemp("staged")
    (folder / "more").mkdir()
    (folder / "more/none.yaml").write_text("name: nothing_there\nquery: no_such_series\n", "utf-8")
    moment = cluster.start + 86_400 + 7200
    environ = settings(
        9090, folder / "out", METRICS="cpu_usage,pod_info,nothing_there", BACKFILL_DAYS="1",
        QUERIES_DIR=str(folder / "more"),
    )  # fmt: skip
    # The fourth window of the run, oldest of all, is answered with an error four times.
    with FaultProxy(cluster_prometheus.url, script(*["pass"] * 3, *["502"] * 4)) as proxy:
        said = in_process("run", moment=moment, environ={**environ, "PORT": str(proxy.port)})
    assert said.status == 1, said.text
    gone = sorted((folder / "out").rglob("metric=pod_info/*.json.gz"))[5]
    gone.unlink()
    start = moment - 86_400
    return Staged(environ, moment, ("cpu_usage", start), ("pod_info", int(gone.name[:10])))
