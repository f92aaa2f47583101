"""Start-up: `--version`, and a run that has nothing to do but the growing window of a metric."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.servers.prometheus import Prometheus

from .export import BIN, ROOT
from .measure import Contender, compare, table


def main(folder: Path, given: argparse.Namespace) -> None:
    """Print the table."""
    with Prometheus(folder / "prometheus") as server:
        environ = {
            "PYTHONPATH": str(ROOT), "CLUSTER_NAME": "bench", "HOSTNAME": "127.0.0.1",
            "PORT": str(server.port), "QUERY_DELAY": "0", "METRICS": "node_info",
            "SINK": "local", "LOCAL_DIR": str(folder / "out"), "LOG_LEVEL": "WARNING",
        }  # fmt: skip
        promferry = str(BIN / "promferry")
        found = compare(
            [
                Contender("python -c pass", [str(BIN / "python"), "-c", "pass"], folder / "a"),
                Contender("promferry --version", [promferry, "--version"], folder / "b", environ),
                Contender("promferry run, nothing new", [promferry, "run"], folder / "c", environ),
            ],
            given.rounds,
        )
    print(f"start-up, medians of {given.rounds}:\n")
    print(table(found, "python -c pass"))
    print(flush=True)
