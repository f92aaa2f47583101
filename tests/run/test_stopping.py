"""SIGTERM and SIGINT: the process ends well inside 30 seconds, and what was done is saved."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import proof
from tests.run.command import objects, promferry, settings, state
from tests.servers.faults import FaultProxy, script
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import Moto

DAY = 1761955200
MOMENT = DAY + 7200
FEW = {"METRICS": "cpu_usage,pod_info", "BACKFILL_DAYS": "1"}


def hanging(after: int) -> Iterator[str]:
    """Let some requests pass, then answer none."""
    yield from ["pass"] * after
    while True:
        yield "hang"


def stopped(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, float, str]:
    """Send a signal; return exit status, seconds until the end, and what was said."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return process.returncode, time.monotonic() - began, out + err


def wait_until(happened: object, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 20
    while not happened():  # type: ignore[operator]
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["TERM", "INT"]
)
def test_a_signal_breaks_off_a_query(
    number: signal.Signals, status: int, cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    """The server hangs with its sixth answer; five windows are saved."""
    with FaultProxy(cluster_prometheus.url, hanging(5), stall=60) as proxy:
        process = proof.start(MOMENT, settings(proxy.port, tmp_path / "out", **FEW))
        wait_until(lambda: proxy.counts["hang"], process)
        code, seconds, said = stopped(process, number)
    assert code == status, said
    assert seconds < 5
    assert "Traceback" not in said
    assert "interrupted; progress is saved" in said
    assert len(objects(tmp_path / "out")) == 5
    exported = [
        interval
        for each in state(tmp_path / "out/prod")["metrics"].values()
        for interval in each["exported"]
    ]
    assert len(exported) == 4  # the newest of both, and the oldest: two of one, one of the other
    said_next = promferry(
        "run", moment=MOMENT, environ=settings(cluster_prometheus.port, tmp_path / "out", **FEW)
    )
    assert said_next.status == 0, said_next.text
    assert said_next.err.count(".json.gz: ") == 48 - 5 + 2  # the growing ones are written again
    assert not list((tmp_path / "out").rglob("*_tmp*"))


def test_a_signal_breaks_off_a_wait(cluster_prometheus: Prometheus, tmp_path: Path) -> None:
    """The clock of the test waits a hundredth: 1,000 seconds are ten."""
    environ = settings(cluster_prometheus.port, tmp_path / "out", **FEW)
    process = proof.start(MOMENT, {**environ, "QUERY_DELAY": "2000"})
    wait_until(lambda: len(objects(tmp_path / "out")) == 1, process)
    code, seconds, said = stopped(process, signal.SIGTERM)
    assert code == 143, said
    assert seconds < 5
    assert len(state(tmp_path / "out/prod")["metrics"]) == 2


def test_a_signal_breaks_off_a_put(
    cluster_prometheus: Prometheus, moto: Moto, tmp_path: Path
) -> None:
    """The store takes in three objects and then hangs."""
    bucket = moto.make_bucket()

    def only(request: object) -> bool:
        return request.method == "PUT" and ".json.gz" in request.path  # type: ignore[attr-defined]

    with FaultProxy(moto.url, hanging(3), only=only, stall=60) as proxy:
        environ = settings(
            cluster_prometheus.port, None, **FEW, S3_BUCKET=bucket, S3_PREFIX="p",
            **moto.root.environ(proxy.url),
        )  # fmt: skip
        process = proof.start(MOMENT, environ)
        wait_until(lambda: proxy.counts["hang"], process)
        code, seconds, said = stopped(process, signal.SIGTERM)
    assert code == 143, said
    assert seconds < 20
    assert "Traceback" not in said
    assert len([key for key in moto.objects(bucket) if key.endswith(".json.gz")]) == 3
    environ |= moto.root.environ(moto.url)
    said_next = promferry("run", moment=MOMENT, environ=environ)
    assert said_next.status == 0, said_next.text
    assert len([key for key in moto.objects(bucket) if key.endswith(".json.gz")]) == 48


def test_a_slow_server_is_given_up_after_the_timeout(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    """An answer that drips for longer than `QUERY_TIMEOUT` is broken off, and asked for again."""
    with FaultProxy(cluster_prometheus.url, script("drip"), drip=30) as proxy:
        environ = settings(proxy.port, tmp_path / "out", **FEW, QUERY_TIMEOUT="1")
        began = time.monotonic()
        said = promferry("run", moment=MOMENT, environ=environ)
        assert time.monotonic() - began < 20
    assert said.status == 0, said.text
    assert len(objects(tmp_path / "out")) == 48
