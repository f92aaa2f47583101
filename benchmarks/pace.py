"""`QUERY_DELAY=auto`: three days of the whole catalogue, beside the fixed delay (computed)."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from examples.demo.cluster import Cluster
from examples.demo.everything import everything
from tests.faults import proof
from tests.servers.history import History
from tests.servers.prometheus import Prometheus

FIXED = 5.0
BEGIN = 1761868800
DAYS = 3


def main(folder: Path, given: argparse.Namespace) -> None:
    """Print the figures."""
    del given
    history = History()
    for series in everything(Cluster(BEGIN, BEGIN + DAYS * 86_400)):
        history.add(series.name, series.labels, series.samples)
    with Prometheus(folder / "prometheus") as server:
        server.push(history)
        environ = proof.environ(
            server.port, SINK="local", LOCAL_DIR=str(folder / "out"), METRICS="",
            QUERY_DELAY="auto", BACKFILL_DAYS=str(DAYS), TEST_HASTE="1",
        )  # fmt: skip
        began = time.monotonic()
        status, said = proof.finished(BEGIN + DAYS * 86_400, environ)
        wall = time.monotonic() - began
    assert status == 0, said
    match = re.search(r"(\d+) queries took ([\d.]+) s", said)
    assert match is not None, said
    queries, seconds = int(match[1]), float(match[2])
    print(f"QUERY_DELAY=auto, {DAYS} days of the whole catalogue on the demo cluster:\n")
    print("| | |\n|---|---:|")
    print(f"| queries | {queries} |")
    print(f"| wall time | {wall:.1f} s |")
    print(f"| in queries | {seconds:.1f} s, {100 * seconds / wall:.1f} % |")
    print(
        f"| with a fixed delay of {FIXED:g} s, by arithmetic | {queries * FIXED + seconds:.0f} s |"
    )
    print(f"| ratio | {wall / (queries * FIXED + seconds):.4f} |")
    print(flush=True)
