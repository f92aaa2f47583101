"""What two exports have in common, and what a state says: the proof that nothing is lost."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
Objects = Callable[[], Mapping[str, bytes]]
"""Shows every object that a sink holds now, by its key."""

METRICS: Final = "cpu_requests,memory_usage,node_info,pod_info,gpu_requests"


def environ(port: int, **more: str) -> dict[str, str]:
    """Return the environment of a job that exports a few metrics of the last day."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "CLUSTER_NAME": "demo",
        "S3_PREFIX": "k8s/prometheus",
        "HOSTNAME": "127.0.0.1",
        "PORT": str(port),
        "QUERY_DELAY": "0",
        "BACKFILL_DAYS": "1",
        "METRICS": METRICS,
        **more,
    }


def start(moment: float, settings: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start a command of promferry's at that time; without arguments it is `run`."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.job", str(moment), *(arguments or ("run",))],
        env=dict(settings),
        cwd=ROOT if (ROOT / "tests").is_dir() else None,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(moment: float, settings: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Run it to its end; return exit status and what it said."""
    process = start(moment, settings, *arguments)
    out, err = process.communicate(timeout=300)
    return process.returncode, out + err


def local_objects(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its key."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def contents(objects: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the exported objects, decompressed; a broken one raises."""
    return {key: gzip.decompress(body) for key, body in objects.items() if key.endswith(".json.gz")}


def samples(objects: Mapping[str, bytes]) -> dict[str, dict[str, list[object]]]:
    """Return every object's samples by series; a sample that stands twice stays twice.

    A window that was queried in pieces has a line a series and piece.
    """
    found: dict[str, dict[str, list[object]]] = {}
    for key, body in contents(objects).items():
        series: dict[str, list[object]] = {}
        for line in body.splitlines():
            record = json.loads(line)
            labels = json.dumps(record["metric"], sort_keys=True)
            series.setdefault(labels, []).extend(record["values"])
        found[key] = series
    return found


def coverage(objects: Mapping[str, bytes]) -> dict[str, tuple[object, object]]:
    """Return, for each metric, what the state says is exported and what failed."""
    (text,) = [body for key, body in objects.items() if key.endswith("/_state.json")]
    metrics = json.loads(text)["metrics"]
    return {name: (each["exported"], each["failed"]) for name, each in metrics.items()}


def mended(
    moment: float, settings: Mapping[str, str], objects: Objects, reference: Mapping[str, bytes]
) -> None:
    """Run once more, undisturbed, and prove that the sink holds what the reference does."""
    status, said = finished(moment, settings)
    assert status == 0, said
    now = objects()
    assert contents(now) == contents(reference)
    assert coverage(now) == coverage(reference)
    assert sorted(now) == sorted(reference), "something is left behind"
