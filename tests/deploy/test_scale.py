"""docs/scale.md: its table of requests is what a steady job sends."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from examples.demo.cluster import Cluster
from promferry.core.catalogue import load
from promferry.core.environ import read
from promferry.core.plugins import Plugins
from promferry.core.settings import CatalogueSettings
from tests.faults import proof
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import LikeAws, Moto, call_of

DOCUMENT = Path(__file__).parents[2] / "docs/scale.md"
HALF = 1800


def table() -> dict[str, float]:
    """Return the figures for one cluster, by the first word of their row."""
    rows = re.findall(
        r"^\| (\w+)[^|]*\| ([\d,.]+) \| [^|]+ \| [^|]+ \|$", DOCUMENT.read_text(), re.MULTILINE
    )
    return {name: float(number.replace(",", "")) for name, number in rows}


def test_the_requests_of_a_day_are_those_of_the_table(
    cluster: Cluster, cluster_prometheus: Prometheus, moto: Moto
) -> None:
    """An hour of a job that has two metrics, on the hour and at half past, as of all metrics."""
    bucket = moto.make_bucket()
    moment = cluster.start + 28 * 3600  # a month has ended, as it has on most days
    with LikeAws(moto.url) as aws:
        settings = proof.environ(
            cluster_prometheus.port, METRICS="node_info,pod_info", S3_BUCKET=bucket,
            INITIAL_BACKFILL_DATE="2025-10-31", **moto.root.environ(aws.url),
        )  # fmt: skip
        assert proof.finished(moment, settings)[0] == 0
        before = len(aws.seen)
        queries = 0
        for run in (1, 2):
            status, said = proof.finished(moment + run * HALF, settings)
            assert status == 0, said
            queries += said.count(".json.gz: ")
        calls = Counter(call[1] for each in aws.seen[before:] if (call := call_of(each)))
    metrics = len(load(read(CatalogueSettings, {}), Plugins().query_packs().values()).metrics)

    def a_day(calls_of_two: int, of_each_run: int) -> int:
        return 24 * ((calls_of_two - 2 * of_each_run) // 2 * metrics + 2 * of_each_run)

    found = table()
    assert found["windows"] == 24 * metrics
    assert found["queries"] == a_day(queries, 0)
    assert found["PUT"] == a_day(calls["PutObject"], 1)  # the state's last word
    assert found["LIST"] == a_day(calls["ListObjectsV2"], 3)
    assert found["GET"] == a_day(calls["GetObject"], 3)
    price = (found["PUT"] + found["LIST"]) * 0.005 / 1000 + found["GET"] * 0.0004 / 1000
    assert found["requests"] == round(30 * price, 2)
    assert found["objects"] == 30 * 24 * metrics
