"""A real export, what the server itself says of it, and the engines that read it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from examples.demo.cluster import Cluster
from tests.run.command import in_process, settings
from tests.servers.process import ServerError
from tests.servers.prometheus import Prometheus

HOUR: Final = 3600
STEP: Final = 300
READERS: Final = Path(__file__).resolve().parents[2] / ".venv/servers/readers/bin/python"
_ENGINES: Final = Path(__file__).parent / "engines"
_SPARK: Final = (
    "--master local[1] --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=1"
    " --conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1"
    # To compile what runs once takes longer than to interpret it.
    " --conf spark.sql.codegen.wholeStage=false --conf spark.sql.codegen.factoryMode=NO_CODEGEN"
    " --driver-java-options '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' pyspark-shell"
)
_ODD: Final = """
- name: odd_values
  description: What is no ordinary number
  query: >-
    label_replace(vector(0) / 0, "kind", "none", "", "")
    or label_replace(vector(1) / 0, "kind", "more", "", "")
    or label_replace(vector(-1) / 0, "kind", "less", "", "")
    or label_replace(vector(1e21) / 3, "kind", "large", "", "")
- name: nothing_there
  description: A metric without a series
  query: no_such_series
"""

Sample = tuple[tuple[tuple[str, str], ...], float, str]
"""Labels, Unix time, the value as `repr()` writes it."""


METRICS: Final = ("namespace_labels", "nothing_there", "odd_values", "cpu_usage")


@attrs.frozen
class Exported:
    """Thirty hours, a month ends in them, in `folder`/export; `told` is what the server says."""

    folder: Path
    begin: int
    told: Mapping[str, frozenset[Sample]]

    @property
    def files(self) -> list[Path]:
        """All exported files."""
        return sorted((self.folder / "export").rglob("*.json.gz"))

    def core_hours(self) -> dict[tuple[str, str], float]:
        """Return what the server says that was used by day and namespace."""
        found: dict[tuple[str, str], float] = {}
        for labels, t, value in self.told["cpu_usage"]:
            day = "2025-10-31" if t < self.begin + 24 * HOUR else "2025-11-01"
            key = day, dict(labels)["namespace"]
            found[key] = found.get(key, 0.0) + float(value) * STEP / HOUR
        return found


def _told(server: Prometheus, query: str, begin: int, end: int) -> frozenset[Sample]:
    """Return every sample that the server itself answers with."""
    return frozenset(
        (tuple(sorted(one["metric"].items())), float(t), repr(float(value)))
        for one in server.api_range(query, begin, end - STEP, STEP)
        for t, value in one["values"]
    )


@pytest.fixture(scope="session")
def exported(
    cluster: Cluster, cluster_prometheus: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    """Give the export, below a folder where `export` is what the document calls so."""
    folder = tmp_path_factory.mktemp("readers")
    (folder / "more").mkdir()
    (folder / "more/odd.yaml").write_text(_ODD, "utf-8")
    end = cluster.start + 30 * HOUR
    environ = settings(
        cluster_prometheus.port, folder / "export", S3_PREFIX="k8s/prometheus",
        METRICS=",".join(METRICS), QUERIES_DIR=str(folder / "more"),
        INITIAL_BACKFILL_DATE="2025-10-31", RETENTION_DAYS="0",
    )  # fmt: skip
    said = in_process("run", moment=end + 120, environ=environ)
    assert said.status == 0, said.text
    told = {}
    for metric in METRICS:
        query = in_process("metrics", "show", metric, moment=end, environ=environ).out
        told[metric] = _told(cluster_prometheus, query, cluster.start, end)
    return Exported(folder, cluster.start, told)


def run(engine: str, job: Mapping[str, Any], folder: Path, python: str = "") -> dict[str, Any]:
    """Run a job in an engine, in that folder, with the readers' Python or another."""
    if not python and not READERS.exists():
        raise ServerError("the readers are not installed: run `make test`, which installs them")
    kept = ("PATH", "HOME", "LANG", "JAVA_HOME", "TMPDIR")
    environ = {name: os.environ[name] for name in kept if name in os.environ}
    environ |= {"PYSPARK_SUBMIT_ARGS": _SPARK, "SPARK_LOCAL_IP": "127.0.0.1", "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [python or str(READERS), str(_ENGINES / f"in_{engine}.py")], input=json.dumps(job),
        capture_output=True, text=True, check=False, cwd=folder, env=environ, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def here() -> str:
    """Return the Python that the tests run in, with what `promferry[test]` brings."""
    return sys.executable
