"""`--from`, `--to`, `--metric`, `--dry-run`, a changed `TIME_FRAME`, and long queries."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from promferry.core.times import iso
from tests.run.command import Said, objects, promferry, records, settings, state
from tests.servers.prometheus import Prometheus
from tests.servers.relay import Relay

DAY = 1761955200  # 2025-11-01, in the middle of the made-up days
HOUR = 3600


def written(said: Said) -> list[tuple[str, int]]:
    return [(m[2], int(m[1])) for m in re.finditer(r"/(\d+)_(\w+)\.json\.gz: ", said.err)]


@pytest.fixture
def environ(cluster_prometheus: Prometheus, tmp_path: Path) -> dict[str, str]:
    return settings(
        cluster_prometheus.port, tmp_path / "out", METRICS="cpu_usage,pod_info", BACKFILL_DAYS="1"
    )


def test_a_dry_run_prints_windows_and_queries_and_sends_nothing(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    with Relay(cluster_prometheus.url) as relay:
        environ = settings(relay.port, tmp_path / "out", METRICS="pod_info", BACKFILL_DAYS="1")
        said = promferry("run", "--dry-run", moment=DAY + 600, environ=environ)
        assert relay.seen == []
    assert said.status == 0, said.text
    assert not (tmp_path / "out").exists()
    assert "kube_pod_info" in said.out
    assert f"{iso(DAY)}  {iso(DAY + 300)}  prod/end=20251201/day=1/metric=pod_info/" in said.out
    assert "25 windows of 1 metrics are due; nothing was sent" in said.out


def test_a_range_is_exported_again_and_only_that(environ: dict[str, str], tmp_path: Path) -> None:
    assert promferry("run", moment=DAY + 7200, environ=environ).status == 0
    before = objects(tmp_path / "out")
    asked = ("--from", "2025-10-31T20:00", "--to", "2025-10-31T22:00:00Z", "--metric", "cpu_us*")
    said = promferry("run", *asked, moment=DAY + 7200, environ=environ)
    assert said.status == 0, said.text
    assert written(said) == [("cpu_usage", DAY - 4 * HOUR), ("cpu_usage", DAY - 3 * HOUR)]
    assert objects(tmp_path / "out") == before


def test_a_date_as_end_is_included(environ: dict[str, str]) -> None:
    asked = ("--from", "2025-10-31", "--to", "2025-10-31", "--metric", "pod_info")
    said = promferry("run", *asked, moment=DAY + 7200, environ=environ)
    assert said.status == 0, said.text
    assert [start for _, start in written(said)] == [DAY - n * HOUR for n in range(24, 0, -1)]


def test_a_range_before_the_backfill_does_not_stop_the_backfill_later(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """A first run with `--from` leaves the rest due, and names no window twice."""
    said = promferry(
        "run", "--from", "2025-10-31T12:00", "--to", "2025-10-31T13:00",
        moment=DAY + 7200, environ=environ,
    )  # fmt: skip
    assert said.status == 0, said.text
    said = promferry("run", moment=DAY + 7200, environ=environ)
    assert said.status == 0, said.text
    metrics = state(tmp_path / "out/prod")["metrics"]
    assert {name: len(each["exported"]) for name, each in metrics.items()} == {
        "cpu_usage": 1,
        "pod_info": 1,
    }


def test_a_changed_time_frame_leaves_no_sample_in_two_files(
    environ: dict[str, str], tmp_path: Path
) -> None:
    """Days begun keep their windows, later days have the new ones, nothing is missing."""
    assert promferry("run", moment=DAY - 7200, environ=environ).status == 0
    changed = {**environ, "TIME_FRAME": "7200"}
    for moment in (DAY - 3600, DAY + 3 * HOUR, DAY + 5 * HOUR):
        said = promferry("run", moment=moment, environ=changed)
        assert said.status == 0, said.text
        assert ("TIME_FRAME has changed to 7200" in said.err) == (moment < DAY)
    times: Counter[object] = Counter()
    starts = set()
    for key, body in objects(tmp_path / "out").items():
        if "metric=pod_info" in key:
            starts.add(int(key.rpartition("/")[2].partition("_")[0]))
            times.update((labels, at) for labels, values in records(body) for at, _ in values)
    assert max(times.values()) == 1
    assert {start for start in starts if start >= DAY} == {DAY, DAY + 7200, DAY + 14_400}
    assert len(state(tmp_path / "out/prod")["metrics"]["pod_info"]["exported"]) == 1


def test_a_metric_added_later_has_a_backfill_of_its_own(
    environ: dict[str, str], tmp_path: Path
) -> None:
    one = {**environ, "METRICS": "pod_info"}
    assert promferry("run", moment=DAY + 7200, environ=one).status == 0
    said = promferry("run", moment=DAY + 7200, environ=environ)
    assert said.status == 0, said.text
    assert Counter(name for name, _ in written(said)) == {"cpu_usage": 24, "pod_info": 1}


def test_a_query_too_long_for_a_url_is_posted(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    (tmp_path / "more").mkdir()
    names = "|".join(f"no-such-pod-{number:04}" for number in range(500))
    query = f'kube_pod_info{{pod!~"{names}"}}'
    (tmp_path / "more/long.yaml").write_text(f"name: long\nquery: '{query}'\n", "utf-8")
    with Relay(cluster_prometheus.url) as relay:
        environ = settings(
            relay.port, tmp_path / "out", METRICS="long", QUERIES_DIR=str(tmp_path / "more"),
            BACKFILL_DAYS="1",
        )  # fmt: skip
        said = promferry("run", "--from", "2025-10-31T12:00", "--to", "2025-10-31T13:00",
                         moment=DAY, environ=environ)  # fmt: skip
        assert said.status == 0, said.text
        assert {request.method for request in relay.seen} == {"POST"}
    (body,) = objects(tmp_path / "out").values()
    start = DAY - 12 * HOUR
    answer = cluster_prometheus.api_range("kube_pod_info", start, start + HOUR - 1, 300)
    assert len(list(records(body))) == len(answer) > 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--from", "yesterday"], "neither a date"),
        (["--from", "2025-11-02", "--to", "2025-11-01"], "is not after --from"),
        (["--metric", "no_such_metric"], "fits no metric"),
        (["--from", "2025-02-30"], "neither a date"),
        (["extra"], "extra"),
    ],
)
def test_a_wrong_wish_is_refused(asked: list[str], said: str, environ: dict[str, str]) -> None:
    answer = promferry("run", *asked, moment=DAY, environ=environ)
    assert answer.status == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
