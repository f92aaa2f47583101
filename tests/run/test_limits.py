"""Too much at once: the range is halved until the server can answer; the samples are the same."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from examples.demo.everything import wide
from tests.faults.proof import samples
from tests.run.command import in_process, settings
from tests.servers.faults import FaultProxy, script
from tests.servers.history import History
from tests.servers.prometheus import Prometheus
from tests.servers.relay import Relay

DAY = 1761955200
HOUR = 3600
ASKED = ("run", "--from", "2025-11-01", "--to", "2025-11-01T03:00")


@pytest.fixture(scope="module")
def history() -> History:
    """Give 600 containers over three hours."""
    made = History()
    for series in wide(600, start=DAY - HOUR, hours=4):
        made.add(series.name, series.labels, series.samples)
    return made


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return settings(9090, tmp_path / "out", METRICS="memory_usage", BACKFILL_DAYS="1")


def export(environ: dict[str, str], server: Prometheus | Relay, into: Path) -> dict[str, bytes]:
    """Export three windows; return the objects, packed."""
    port = int(server.url.rpartition(":")[2])
    environ = {**environ, "PORT": str(port), "LOCAL_DIR": str(into)}
    said = in_process(*ASKED, moment=DAY + 4 * HOUR, environ=environ)
    assert said.status == 0, said.text
    return {str(path.relative_to(into)): path.read_bytes() for path in into.rglob("*.json.gz")}


def test_a_limit_on_samples_is_met_by_halving_and_remembered(
    history: History, environ: dict[str, str], tmp_path: Path
) -> None:
    """A window loads 600 x 60 samples: the limit lets a quarter through."""
    with Prometheus(tmp_path / "free") as server:
        server.push(history)
        whole = export(environ, server, tmp_path / "whole")
    with Prometheus(tmp_path / "limited", flags=["--query.max-samples=15000"]) as server:
        server.push(history)
        with Relay(server.url) as relay:
            parts = export(environ, relay, tmp_path / "parts")
            queries = [request for request in relay.seen if "query_range" in request.target]
    assert samples(parts) == samples(whole)
    assert any(len(series) for series in samples(whole).values())
    # What worked for the first window is asked for at once in the second and third.
    assert len(queries) <= 2 + 4 * 3


def test_a_short_time_limit_of_the_server_is_met_by_halving(
    history: History, environ: dict[str, str], tmp_path: Path
) -> None:
    """`--query.timeout` as short as a query over part of the window needs."""
    (tmp_path / "more").mkdir()
    slow = "quantile_over_time(0.9, container_memory_working_set_bytes[1h:1s])"
    (tmp_path / "more/slow.yaml").write_text(f'name: slow\nstep: 60\nquery: "{slow}"\n', "utf-8")
    environ |= {"METRICS": "slow", "QUERIES_DIR": str(tmp_path / "more"), "RETENTION_DAYS": "0"}
    asked = ("run", "--from", "2025-11-01", "--to", "2025-11-01T01:00")
    found: list[object] = []
    told = ""
    for flags in ([], ["--query.timeout=700ms"]):
        with Prometheus(tmp_path / f"server{len(found)}", flags=flags) as server:
            made = History()
            for series in wide(60, start=DAY - HOUR, hours=4):
                made.add(series.name, series.labels, series.samples)
            server.push(made)
            into = tmp_path / f"out{len(found)}"
            environ |= {"PORT": str(server.port), "LOCAL_DIR": str(into)}
            said = in_process(*asked, moment=DAY + 4 * HOUR, environ=environ)
            assert said.status == 0, said.text
            told = said.err
            found.append(
                samples({str(p.relative_to(into)): p.read_bytes() for p in into.rglob("*.gz")})
            )
    assert "asking for half the range" in told
    assert found[0] == found[1]


@pytest.mark.parametrize("fault", ["503", "504"])
def test_an_overloaded_gateway_is_asked_for_less(
    fault: str, history: History, environ: dict[str, str], tmp_path: Path
) -> None:
    with Prometheus(tmp_path / "prometheus") as server:
        server.push(history)
        whole = export(environ, server, tmp_path / "whole")
        with FaultProxy(server.url, script(fault, fault)) as proxy:
            parts = export(environ, proxy, tmp_path / "parts")
            spans = [
                int(asked["end"]) - int(asked["start"])
                for request in proxy.seen
                if "query_range" in request.target
                for asked in [request.query or dict(parse_qsl(request.body.decode()))]
            ]
    assert samples(parts) == samples(whole)
    assert spans[1] < spans[0]
    assert spans[2] < spans[1]


def test_retry_after_is_waited_for(environ: dict[str, str], tmp_path: Path) -> None:
    """The test's clock waits a hundredth of it."""
    with (
        Prometheus(tmp_path / "prometheus") as server,
        FaultProxy(server.url, script("429"), retry_after="40") as proxy,
    ):
        environ |= {"PORT": str(proxy.url.rpartition(":")[2])}
        began = time.monotonic()
        said = in_process(*ASKED, moment=DAY + 4 * HOUR, environ=environ)
        assert said.status == 0, said.text
        assert time.monotonic() - began > 0.4
