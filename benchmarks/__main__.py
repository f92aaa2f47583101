"""Measure promferry beside what one would use instead, in one run, alternating.

python -m benchmarks                      everything, at the size of docs/performance.md
python -m benchmarks export --series 20000 --windows 24 --rounds 5
python -m benchmarks export --only curl,promferry --rounds 5
python -m benchmarks large --megabytes 1000
python -m benchmarks pace
python -m benchmarks start
python -m benchmarks profile
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from pathlib import Path

from . import export, large, pace, profile, start

PARTS = {
    "export": export.main,
    "large": large.main,
    "pace": pace.main,
    "start": start.main,
    "profile": profile.main,
}


def machine() -> str:
    """Return what this is measured on, in a line."""
    cpu = ""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
    cores = len([line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
                 if line.startswith("processor")])  # fmt: skip
    return f"{cpu or platform.machine()}, {cores} cores, Python {platform.python_version()}"


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--series", type=int, default=20_000)
    parser.add_argument("--windows", type=int, default=24)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--only", default="", help="contenders whose names have this in them")
    given = parser.parse_args()
    unknown = set(given.part) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    print(f"measured on: {machine()}\n")
    with tempfile.TemporaryDirectory() as name:
        for part in given.part or PARTS:
            folder = Path(name) / part
            folder.mkdir()
            PARTS[part](folder, given)
            sys.stdout.flush()
        if not given.part:  # the larger one too
            given.series, given.windows = 100_000, 4
            folder = Path(name) / "export-larger"
            folder.mkdir()
            export.main(folder, given)


if __name__ == "__main__":
    main()
