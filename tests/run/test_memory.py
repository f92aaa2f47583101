"""Memory stays flat, however many series a window has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from examples.demo.everything import wide
from tests.faults import proof
from tests.run.command import objects, settings
from tests.servers.history import History
from tests.servers.prometheus import Prometheus

DAY = 1761955200
PEAK = """
import os, sys
from pathlib import Path
from promferry.core.main import run
from promferry.core.setup import Setup
from tests.faults.job import FixedClock
status = run(sys.argv[2:], Setup(os.environ, FixedClock(float(sys.argv[1]))))
lines = Path("/proc/self/status").read_text().splitlines()
print("peak", *(line.split()[1] for line in lines if line.startswith("VmHWM")))
sys.exit(status)
"""


def test_a_window_of_20000_series_takes_less_than_100_mb(tmp_path: Path) -> None:
    history = History()
    for series in wide(20_000, start=DAY, hours=1, interval=300):
        history.add(series.name, series.labels, series.samples)
    (tmp_path / "more").mkdir()
    (tmp_path / "more/wide.yaml").write_text(
        "name: wide\nquery: container_memory_working_set_bytes\n", "utf-8"
    )
    with Prometheus(tmp_path / "prometheus") as server:
        server.push(history)
        environ = settings(
            server.port, tmp_path / "out", METRICS="wide", QUERIES_DIR=str(tmp_path / "more")
        )
        asked = ["run", "--from", "2025-11-01", "--to", "2025-11-01T01:00"]
        said = subprocess.run(
            [sys.executable, "-c", PEAK, str(DAY + 7200), *asked],
            env=environ, cwd=proof.ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert said.returncode == 0, said.stderr
    (body,) = objects(tmp_path / "out").values()
    assert body.count(b"\n") == 20_000
    assert len(body) > 10_000_000
    peak = int(said.stdout.split()[-1])
    assert peak < 100_000, f"{peak} kB"
