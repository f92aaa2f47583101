"""The run's outcome for monitoring: the file, the push, and the alerts on them."""

from __future__ import annotations

import logging
import shutil
import subprocess
from pathlib import Path

import attrs
import pytest
import requests

from promferry.core.environ import read
from promferry.core.errors import ConfigurationError
from promferry.core.telemetry import (
    MetricOutcome,
    RunOutcome,
    TelemetrySettings,
    publish,
    render,
)
from tests.servers.process import Process, free_port, program

ROOT = Path(__file__).parents[2]
GOOD = RunOutcome(
    cluster="prod", started=1000, finished=1060.5, exit_status=0, objects=7, samples=70,
    bytes=700, queries=8, query_seconds=1.25,
    metrics={"cpu_usage": MetricOutcome(exported_until=900, holes=0, failed=False),
             "never": MetricOutcome(exported_until=None, holes=3, failed=True)},
)  # fmt: skip
BAD = attrs.evolve(GOOD, finished=2000, exit_status=1)


def test_promtool_accepts_what_is_rendered() -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=render(GOOD), text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr + checked.stdout
    text = render(GOOD)
    assert 'promferry_metric_exported_until_timestamp_seconds{cluster="prod",metric="cpu' in text
    assert 'exported_until_timestamp_seconds{cluster="prod",metric="never"' not in text
    assert 'promferry_metric_failed{cluster="prod",metric="never"} 1' in text


def test_the_file_is_replaced_readable_and_keeps_the_last_success(tmp_path: Path) -> None:
    file = tmp_path / "promferry.prom"
    settings = read(TelemetrySettings, {"METRICS_TEXTFILE": str(file)})
    publish(settings, GOOD)
    publish(settings, BAD)
    text = file.read_text()
    assert 'promferry_last_success_timestamp_seconds{cluster="prod"} 1060.5' in text
    assert 'promferry_last_run_timestamp_seconds{cluster="prod"} 2000' in text
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [file]


def test_a_gateway_shows_the_outcome_and_keeps_the_last_success(tmp_path: Path) -> None:
    gateway = Process(
        "pushgateway",
        lambda port: [program("prometheus-pushgateway"), f"--web.listen-address=127.0.0.1:{port}",
                      f"--persistence.file={tmp_path}/pushed"],  # Debian's keeps one for all
        folder=tmp_path, ready="/-/ready",
    )  # fmt: skip
    gateway.start()
    try:
        settings = read(TelemetrySettings, {"PUSHGATEWAY_URL": gateway.url})
        publish(settings, GOOD)
        publish(settings, BAD)
        publish(settings, attrs.evolve(BAD, shard="1/4"))
        lines = requests.get(f"{gateway.url}/metrics", timeout=5).text.splitlines()
    finally:
        gateway.stop()
    shown = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
             for line in lines if line.startswith("promferry_")}  # fmt: skip
    own = '{cluster="prod",instance="",job="promferry"}'
    assert shown["promferry_last_success_timestamp_seconds" + own] == 1060.5
    assert shown["promferry_last_run_exit_status" + own] == 1
    sharded = '{cluster="prod",instance="",job="promferry",shard="1/4"}'
    assert shown["promferry_last_run_exit_status" + sharded] == 1


def test_a_failure_to_publish_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    settings = read(
        TelemetrySettings,
        {"PUSHGATEWAY_URL": f"http://127.0.0.1:{free_port()}",
         "METRICS_TEXTFILE": str(folder / "a.prom")},
    )  # fmt: skip
    folder.rmdir()
    with caplog.at_level(logging.WARNING):
        publish(settings, GOOD)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_password_in_the_gateways_address_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(TelemetrySettings, {"PUSHGATEWAY_URL": "http://me:hunter2@gateway:9091"})
    assert "hunter2" not in str(refused.value)


def test_the_alert_rules_hold(tmp_path: Path) -> None:
    """Stale export, no success, holes and a failing metric alert; a healthy cluster does not."""
    rules = ROOT / "deploy/alerts/promferry.rules.yaml"
    shutil.copy(rules, tmp_path)
    tests = shutil.copy(ROOT / "tests/deploy/alerts.test.yaml", tmp_path)
    for arguments in (["check", "rules", str(rules)], ["test", "rules", str(tests)]):
        done = subprocess.run(
            [program("promtool"), *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
