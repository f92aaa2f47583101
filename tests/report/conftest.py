"""A real export of the made-up cluster: two days, what a report needs of them."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

from examples.demo.cluster import Cluster
from tests.report.independent import HOUR, Sums
from tests.run.command import Said, in_process, settings
from tests.servers.prometheus import Prometheus

METRICS = (
    "cpu_requests,cpu_usage,memory_requests,memory_usage,pod_phase,pod_owner,replicaset_owner,"
    "job_owner"
)
_UNITS = {"cpu": "core_hours", "memory": "gib_hours"}


@attrs.frozen
class Exported:
    """Its settings and the time it covers, Unix seconds."""

    environ: Mapping[str, str]
    begin: int
    end: int

    @property
    def folder(self) -> Path:
        """Where the cluster's files are."""
        return Path(self.environ["LOCAL_DIR"]) / "prod"

    def report(self, *arguments: str) -> Said:
        """Report on it, as a person would."""
        return in_process("report", *arguments, moment=self.end, environ=self.environ)

    def copy(self, folder: Path) -> Exported:
        """Return another like it, to be changed."""
        shutil.copytree(self.environ["LOCAL_DIR"], folder)
        return attrs.evolve(self, environ={**self.environ, "LOCAL_DIR": str(folder)})


def rows(said: Said) -> dict[tuple[str, ...], dict[str, Sums]]:
    """Return the amounts that a report's CSV gives, by what comes before the column `pods`."""
    lines = list(csv.DictReader(io.StringIO(said.out)))
    found = {}
    for line in lines:
        names = list(line)
        who = tuple(line[name] for name in names[: names.index("pods")])
        found[who] = {
            resource: Sums(
                *(float(line[f"{resource}_{column}_{unit}"])
                  for column in ("requested", "used", "billed", "wasted"))
            )
            for resource, unit in _UNITS.items()
            if f"{resource}_requested_{unit}" in names
        }  # fmt: skip
    return found


@pytest.fixture(scope="session")
def exported(
    cluster: Cluster, cluster_prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    """Give the export."""
    folder = tmp_path_factory.mktemp("exported")
    end = cluster.end + HOUR
    environ = settings(
        cluster_prometheus.port, folder, METRICS=METRICS,
        INITIAL_BACKFILL_DATE="2025-10-31", RETENTION_DAYS="0",
    )  # fmt: skip
    said = in_process("run", moment=end + 120, environ=environ)
    assert said.status == 0, said.text
    return Exported(environ, cluster.start, end)
