"""A whole backfill: the files hold what the API answers, and later runs add what is new."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from promferry.core import layout
from promferry.core.catalogue import load
from promferry.core.environ import read
from promferry.core.plugins import Plugins
from promferry.core.settings import CatalogueSettings
from promferry.core.times import iso
from tests.run.command import as_series, objects, promferry, records, state
from tests.run.conftest import Export
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import Moto

HOUR = 3600
CATALOGUE = load(read(CatalogueSettings, {}), Plugins().query_packs().values())
NAMES = [metric.name for metric in CATALOGUE.metrics]


def windows(export: Export) -> list[tuple[int, int]]:
    """Return start and end of the windows that the backfill has to hold."""
    newest = (export.moment - 120) // 300 * 300
    first = (export.moment - 2 * 86_400) // HOUR * HOUR
    return [(start, min(start + HOUR, newest)) for start in range(first, newest, HOUR)]


def test_every_metric_has_a_file_for_every_window_and_there_is_nothing_else(export: Export) -> None:
    wanted = {layout.key("prod", name, start) for name in NAMES for start, _ in windows(export)}
    found = {
        f"prod/{path.relative_to(export.folder)}"
        for path in export.folder.rglob("*")
        if path.is_file()
    }
    assert found == {*wanted, "prod/_state.json"}


@pytest.mark.parametrize("metric", CATALOGUE.metrics, ids=NAMES)
def test_files_hold_what_the_api_answers_to_the_last_digit(
    metric: Any, export: Export, cluster_prometheus: Prometheus
) -> None:
    """Series by series, window by window; no sample stands in two files."""
    assert metric.step == 300
    begin, end = windows(export)[0][0], windows(export)[-1][1]
    answer = cluster_prometheus.api_range(metric.query, begin, end - 1, metric.step)
    expected: dict[Any, list[list[Any]]] = as_series(answer)
    found: dict[Any, list[list[Any]]] = defaultdict(list)
    for start, until in windows(export):
        file = export.folder.parent / layout.key("prod", metric.name, start)
        for labels, values in records(gzip.decompress(file.read_bytes())):
            assert all(start <= moment < until for moment, _ in values)
            found[labels] += values
    assert found == expected


@pytest.mark.parametrize("name", ["cpu_usage", "pod_owner", "gpu_utilization"])
def test_a_file_is_the_answer_to_its_own_range_line_by_line(
    name: str, export: Export, cluster_prometheus: Prometheus
) -> None:
    """Asked as promferry asks: a window, first to last step."""
    (metric,) = [each for each in CATALOGUE.metrics if each.name == name]
    for start, until in windows(export)[20:24]:
        answer = cluster_prometheus.api_range(metric.query, start, until - 1, metric.step)
        file = export.folder.parent / layout.key("prod", name, start)
        lines = gzip.decompress(file.read_bytes()).splitlines()
        assert [json.loads(line) for line in lines] == answer


def test_the_state_says_what_is_there(export: Export) -> None:
    begin, end = windows(export)[0][0], windows(export)[-1][1]
    found = state(export.folder)
    assert found["version"] == 1
    assert set(found["metrics"]) == set(NAMES)
    for each in found["metrics"].values():
        assert each == {"since": iso(begin), "exported": [f"{iso(begin)}/{iso(end)}"], "failed": []}


def test_the_log_has_a_line_for_each_object_and_a_closing_summary(export: Export) -> None:
    """With key, series, samples, bytes and seconds; the newest window of each metric first."""
    lines = [line for line in export.said.lines_of("INFO") if ".json.gz: " in line]
    pattern = re.compile(
        r"/(\d+)_(\w+)\.json\.gz: \d+ series, \d+ samples, \d+ bytes, \d+\.\d\d s$"
    )
    told = [(int(match[1]), match[2]) for line in lines if (match := pattern.search(line))]
    assert len(told) == len(lines) == len(NAMES) * len(windows(export))
    newest = windows(export)[-1][0]
    assert {start for start, _ in told[: len(NAMES)]} == {newest}
    assert told[len(NAMES) :] == sorted(told[len(NAMES) :])
    assert "nothing is missing" in export.said.err.splitlines()[-1]
    assert export.said.out == ""


def copied(export: Export, folder: Path) -> dict[str, str]:
    """Return the environment of a job that goes on with a copy of the backfill."""
    shutil.copytree(export.folder, folder / "prod")
    return {**export.environ, "LOCAL_DIR": str(folder)}


def written(said: Any) -> set[tuple[str, int]]:
    """Return metric and start of every object that a run says it wrote."""
    return {(m[2], int(m[1])) for m in re.finditer(r"/(\d+)_(\w+)\.json\.gz: ", said.err)}


def test_a_second_run_writes_the_growing_windows_alone(export: Export, tmp_path: Path) -> None:
    environ = copied(export, tmp_path)
    before = objects(tmp_path)
    said = promferry("run", moment=export.moment, environ=environ)
    assert said.status == 0, said.text
    assert written(said) == {(name, windows(export)[-1][0]) for name in NAMES}
    assert objects(tmp_path) == before


def test_a_third_an_hour_later_writes_what_is_new(export: Export, tmp_path: Path) -> None:
    """The window that has become whole, and the one that grows now."""
    environ = copied(export, tmp_path)
    before = objects(tmp_path)
    later = export.moment + HOUR
    said = promferry("run", moment=later, environ=environ)
    assert said.status == 0, said.text
    newest = windows(export)[-1][0]
    assert written(said) == {(name, at) for name in NAMES for at in (newest, newest + HOUR)}
    after = objects(tmp_path)
    changed = {key for key, body in after.items() if before.get(key) != body}
    assert {int(key.rpartition("/")[2].partition("_")[0]) for key in changed} <= {
        newest,
        newest + HOUR,
    }
    reached = state(tmp_path / "prod")["metrics"]["cpu_usage"]["exported"][-1].partition("/")[2]
    assert reached == iso((later - 120) // 300 * 300)


def test_the_same_job_gives_the_same_objects_in_s3(export: Export, moto: Moto) -> None:
    bucket = moto.make_bucket()
    environ = {
        **export.environ,
        "SINK": "",
        "S3_BUCKET": bucket,
        "S3_PREFIX": "k8s/prometheus",
        **moto.root.environ(moto.url),
    }
    said = promferry("run", moment=export.moment, environ=environ)
    assert said.status == 0, said.text
    found = moto.objects(bucket)
    s3_objects = {
        key.removeprefix("k8s/prometheus/"): gzip.decompress(body)
        for key, body in found.items()
        if key.endswith(".json.gz")
    }
    assert s3_objects == objects(export.folder.parent)
    assert set(found) - {f"k8s/prometheus/{key}" for key in s3_objects} == {
        "k8s/prometheus/prod/_state.json"
    }
    assert f"s3://{bucket}/k8s/prometheus/prod/end=" in said.err


def test_a_store_shared_by_two_clusters_is_exported_apart(export: Export, tmp_path: Path) -> None:
    """`MATCHERS` that fit nothing give empty files: the matcher reaches every selector."""
    environ = {
        **export.environ,
        "LOCAL_DIR": str(tmp_path),
        "MATCHERS": 'cluster="other"',
        "METRICS": "cpu_usage,pod_owner",
        "BACKFILL_DAYS": "1",
    }
    said = promferry("run", moment=export.moment, environ=environ)
    assert said.status == 0, said.text
    assert set(objects(tmp_path).values()) == {b""}
