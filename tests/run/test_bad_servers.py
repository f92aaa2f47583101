"""Servers and sinks that fail: one clear line, the right exit status, nothing lost."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.demo.cluster import Cluster
from promferry.core.times import iso
from tests.run.command import Said, in_process, objects, settings, state
from tests.servers.faults import FaultProxy, script
from tests.servers.process import free_port
from tests.servers.prometheus import Prometheus

DAY = 1761955200
FEW = {"METRICS": "cpu_usage,pod_info", "BACKFILL_DAYS": "1"}


def always(fault: str) -> Iterator[str]:
    while True:
        yield fault


def run(environ: dict[str, str], moment: float = DAY + 7200) -> Said:
    """Run; the clock of the process waits a hundredth of what it is told."""
    said = in_process("run", moment=moment, environ=environ)
    assert "Traceback" not in said.text
    return said


def test_a_server_that_is_down_ends_the_run_after_a_few_tries(tmp_path: Path) -> None:
    said = run(settings(free_port(), tmp_path / "out", **FEW))
    assert said.status == 1
    assert "Connection refused" in said.err
    assert "48 windows are missing" in said.err.splitlines()[-1]
    assert len(said.err.splitlines()) < 15
    assert objects(tmp_path / "out") == {}
    failed = state(tmp_path / "out/prod")["metrics"]["cpu_usage"]["failed"]
    assert [each["window"] for each in failed] == [iso(DAY + 3600)]


@pytest.mark.parametrize(
    ("fault", "line", "requests"),
    [
        ("html", "begins with '<!DOCTYPE html>", 8),
        ("503", "503", 60),
        ("500", "500", 8),
        ("502", "502", 8),
        ("429", "429", 60),
        ("cut_length", "cut short", 50),
        ("cut_close", "cut short", 50),
        ("cut_chunked", "cut short", 50),
        ("reset", "cut short", 50),
    ],
)
def test_a_server_that_always_fails_is_asked_a_bounded_number_of_times(
    fault: str, line: str, requests: int, cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    """Nothing is stored, the windows stay due, and the next run against a sound server mends it."""
    with FaultProxy(cluster_prometheus.url, always(fault), stall=0.2) as proxy:
        said = run(settings(proxy.port, tmp_path / "out", **FEW))
        asked = sum(proxy.counts.values())
    assert said.status == 1, said.text
    assert any(line in each for each in said.lines_of("ERROR")), said.text
    assert asked <= requests
    assert "48 windows are missing" in said.err.splitlines()[-1]
    assert objects(tmp_path / "out") == {}
    said = run(settings(cluster_prometheus.port, tmp_path / "out", **FEW))
    assert said.status == 0, said.text
    assert all(not each["failed"] for each in state(tmp_path / "out/prod")["metrics"].values())


@pytest.mark.parametrize(
    "fault", ["cut_length", "cut_close", "cut_chunked", "reset", "500", "html"]
)
def test_one_failure_is_healed_in_the_same_run(
    fault: str, cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    with FaultProxy(cluster_prometheus.url, script("pass", fault)) as proxy:
        said = run(settings(proxy.port, tmp_path / "out", **FEW))
    assert said.status == 0, said.text
    run(settings(cluster_prometheus.port, tmp_path / "direct", **FEW))
    assert objects(tmp_path / "out") == objects(tmp_path / "direct")


def test_a_rejected_query_fails_alone(cluster_prometheus: Prometheus, tmp_path: Path) -> None:
    """It is left for the rest of the run after one request, and the others go on."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more/bad.yaml").write_text("name: bad\nquery: no_such_function(up)\n", "utf-8")
    (tmp_path / "more/worse.yaml").write_text("name: worse\nquery: 'sum('\n", "utf-8")
    more = {**FEW, "METRICS": "bad,worse,pod_info", "QUERIES_DIR": str(tmp_path / "more")}
    said = run(settings(cluster_prometheus.port, tmp_path / "out", **more))
    assert said.status == 1, said.text
    assert len(objects(tmp_path / "out")) == 24
    errors = "\n".join(said.lines_of("ERROR"))
    assert "unknown function" in errors
    assert "bad" in errors
    assert "worse" in errors
    assert (
        len([line for line in said.lines_of("ERROR") if "bad:" in line]) == 2
    )  # then, and summed up


def test_a_path_without_an_api_is_a_configuration_error(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    more = {**FEW, "PATH_PREFIX": "/nothing/here"}
    said = run(settings(cluster_prometheus.port, tmp_path / "out", **more))
    assert said.status == 2
    (line,) = said.error_lines()
    assert "PATH_PREFIX" in line


def test_a_sink_folder_that_can_not_be_written(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    said = run(settings(cluster_prometheus.port, tmp_path / "file" / "out", **FEW))
    assert said.status == 2
    (line,) = said.error_lines()
    assert str(tmp_path / "file") in line


def test_a_read_only_folder_is_named(cluster_prometheus: Prometheus, tmp_path: Path) -> None:
    """As a user that rights hold for: root may write anywhere."""
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(stat.S_IRUSR | stat.S_IXUSR | stat.S_IROTH | stat.S_IXOTH | stat.S_IRGRP)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder not in (Path("/"), Path("/tmp")):
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    environ = settings(cluster_prometheus.port, out, **FEW)
    said = run(environ) if os.getuid() else as_nobody(environ)
    assert said.status == 2, said.text
    (line,) = said.error_lines()
    assert str(out) in line
    assert "Traceback" not in said.text


def as_nobody(environ: dict[str, str]) -> Said:
    """Run in process as the user nobody: file rights are those of the effective user."""
    nobody = 65_534
    os.setegid(nobody)
    os.seteuid(nobody)
    try:
        return in_process("run", moment=DAY + 7200, environ=environ)
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_windows_before_the_data_are_empty_files_not_failures(
    cluster: Cluster, cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    """Exported and empty is not the same as missing."""
    more = {**FEW, "METRICS": "pod_info"}
    said = run(settings(cluster_prometheus.port, tmp_path / "out", **more), cluster.start - 86_400)
    assert said.status == 0, said.text
    assert set(objects(tmp_path / "out").values()) == {b""}
