"""Where the time of an export goes: our own process, sampled by cProfile over some windows."""

from __future__ import annotations

import argparse
import os
import pstats
import subprocess
import sys
from pathlib import Path

from tests.servers.prometheus import Prometheus

from .export import fill, job, ours

_WINDOWS = 6
_LINES = 16


def main(folder: Path, given: argparse.Namespace) -> None:
    """Print the functions that took longest by themselves."""
    (folder / "queries").mkdir()
    (folder / "queries/wide.yaml").write_text(
        "name: wide\nquery: container_memory_working_set_bytes\n", "utf-8"
    )
    with Prometheus(folder / "prometheus") as server:
        fill(server, given.series, _WINDOWS)
        environ = {
            "PATH": os.environ["PATH"], **job(server, folder),
            "SINK": "local", "LOCAL_DIR": str(folder / "out"),
        }  # fmt: skip
        code = (
            f"import cProfile, sys; sys.argv = ['promferry', *{ours(_WINDOWS)[1:]!r}];"
            "from promferry.core.main import main;"
            f"cProfile.run('try:\\n main()\\nexcept SystemExit: pass', {str(folder / 'stats')!r})"
        )
        command = [sys.executable, "-c", code]
        subprocess.run(command, env=environ, check=True, stdin=subprocess.DEVNULL)
    print(
        f"profile of {_WINDOWS} windows of {given.series} series (seconds, slowed by profiling):\n"
    )
    stats = pstats.Stats(str(folder / "stats"))
    rows = sorted(stats.stats.items(), key=lambda row: row[1][2], reverse=True)  # type: ignore[attr-defined]
    total = sum(row[1][2] for row in rows)
    print("| function | own s | share |\n|---|---:|---:|")
    for (file, _, name), (_, _, own, _, _) in rows[:_LINES]:
        where = Path(file).stem if "/" in file else ""
        print(f"| `{where}{'.' if where else ''}{name}` | {own:.2f} | {100 * own / total:.0f} % |")
    print(flush=True)
