"""Windows of very many series, from a real Prometheus: ours beside curl, promtool, a client."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

from examples.demo.everything import wide
from tests.servers.history import History
from tests.servers.process import program
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import Moto

from .measure import Contender, compare, table

DAY = 1761955200
HOUR = 3600
STEP = 300
QUERY = "container_memory_working_set_bytes"
ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def main(folder: Path, given: argparse.Namespace) -> None:
    """Print the table."""
    with Prometheus(folder / "prometheus") as server, Moto(folder / "moto") as moto:
        fill(server, given.series, given.windows)
        wanted = given.only.split(",")
        chosen = [
            each
            for each in contenders(folder, server, moto, given.windows)
            if any(part in each.name for part in wanted)
        ]
        found = compare(chosen, given.rounds, lambda: cpu_of(server))
    print(f"{given.windows} windows of {given.series} series, medians of {given.rounds}:\n")
    print(table(found, "curl > /dev/null"))
    print(flush=True)


def fill(server: Prometheus, series: int, windows: int) -> None:
    """Give the server that many series for that many hours."""
    history = History()
    for each in wide(series, start=DAY, hours=windows, interval=STEP):
        history.add(each.name, each.labels, each.samples)
    server.push(history)


def cpu_of(server: Prometheus) -> float:
    """Return the CPU seconds that Prometheus has used, by its own account."""
    with urllib.request.urlopen(f"{server.url}/metrics") as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("process_cpu_seconds_total"):
                return float(line.split()[1])
    raise RuntimeError("no process_cpu_seconds_total")


def contenders(folder: Path, server: Prometheus, moto: Moto, windows: int) -> list[Contender]:
    """Return every way to get these windows out of Prometheus."""
    for each in ("queries", "piped", "promtool", "client"):
        (folder / each).mkdir(exist_ok=True)
    (folder / "queries/wide.yaml").write_text(f"name: wide\nquery: {QUERY}\n", "utf-8")
    starts = [DAY + HOUR * n for n in range(windows)]
    asked = [{"query": QUERY, "start": at, "end": at + HOUR - STEP, "step": STEP} for at in starts]
    urls = [f"{server.url}/api/v1/query_range?{urlencode(each)}" for each in asked]
    (folder / "discard").write_text(
        "".join(f'url = "{url}"\noutput = "/dev/null"\n' for url in urls), "utf-8"
    )
    (folder / "pipe").write_text("".join(f'url = "{url}"\n' for url in urls), "utf-8")
    (folder / "asked.json").write_text(json.dumps({"url": server.url, "asked": asked}), "utf-8")
    promtool = " ".join(
        f"{program('promtool')} query range --start={at} --end={at + HOUR - STEP} --step={STEP}s"
        f" -o json {server.url} {QUERY} | gzip > {folder / 'promtool' / str(at)}.gz;"
        for at in starts
    )
    return [
        Contender("curl > /dev/null", ["curl", "-sS", "-K", str(folder / "discard")],
                  folder / "nothing"),
        *promferry(ours(windows), folder, job(server, folder), moto),
        Contender("curl, gzip", shell(f"curl -sS -K {folder}/pipe | gzip > {folder}/piped/all.gz"),
                  folder / "piped"),
        Contender("promtool, gzip", shell(promtool), folder / "promtool"),
        Contender("prometheus-api-client, json, gzip",
                  [str(client()), str(ROOT / "benchmarks/api_client.py"),
                   str(folder / "asked.json"), str(folder / "client")], folder / "client"),
    ]  # fmt: skip


def job(server: Prometheus, folder: Path) -> dict[str, str]:
    """Return the settings of our job over these windows."""
    return {
        "PYTHONPATH": str(ROOT),
        "CLUSTER_NAME": "bench", "HOSTNAME": "127.0.0.1", "PORT": str(server.port),
        "QUERY_DELAY": "0", "QUERIES_DIR": str(folder / "queries"), "METRICS": "wide",
        "RETENTION_DAYS": "0", "BACKFILL_DAYS": "1", "LOG_LEVEL": "WARNING",
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


def ours(windows: int) -> list[str]:
    """Return our command over these windows."""

    def told(at: int) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))

    return [
        str(BIN / "promferry"), "run", "--from", told(DAY), "--to", told(DAY + HOUR * windows),
    ]  # fmt: skip


def promferry(
    command: list[str], folder: Path, environ: dict[str, str], moto: Moto
) -> list[Contender]:
    """Return our command with either sink."""
    local, bucket = folder / "local", moto.make_bucket()
    return [
        Contender("promferry, local", command, local,
                  {**environ, "SINK": "local", "LOCAL_DIR": str(local)},
                  prepare=lambda: shutil.rmtree(local, ignore_errors=True)),
        Contender("promferry, S3", command, folder / "s3",
                  {**environ, "S3_BUCKET": bucket, "S3_PREFIX": "k8s",
                   **moto.root.environ(moto.url)},
                  prepare=lambda: empty(moto, bucket),
                  written=lambda: sum(moto.sizes(bucket).values())),
    ]  # fmt: skip


def empty(moto: Moto, bucket: str) -> None:
    """Delete every object."""
    client = moto.client()
    for key in moto.sizes(bucket):
        client.delete_object(Bucket=bucket, Key=key)
    client.close()


def shell(command: str) -> list[str]:
    """Return a command line that fails where a part of it fails."""
    return ["bash", "-c", f"set -e -o pipefail; {command}"]


def client() -> Path:
    """Return the Python that has prometheus-api-client: `make bench` installs it."""
    found = ROOT / ".venv/servers/rivals/bin/python"
    if not found.exists():
        raise RuntimeError(
            f"prometheus-api-client is missing: run `make bench` ({shlex.quote(str(found))})"
        )
    return found
