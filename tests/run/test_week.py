"""A week that goes wrong: at its end every window that the server can answer is there."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.run.command import Said, in_process, objects, records, settings, state
from tests.servers.history import History
from tests.servers.process import free_port
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import Moto

MONDAY = 1761523200  # 2025-10-27T00:00:00Z
HOUR = 3600
DAY = 86_400


def week() -> History:
    """Return kube_pod_info with six hours missing on Wednesday, and a metric that never stops."""
    made = History()
    times = range(MONDAY, MONDAY + 7 * DAY, 150)
    gap = range(MONDAY + 2 * DAY + 6 * HOUR, MONDAY + 2 * DAY + 12 * HOUR)
    for pod in range(4):
        labels = {"namespace": "shop", "pod": f"web-{pod}", "uid": f"u{pod}", "node": "n1"}
        made.add(
            "kube_pod_info", {**labels, "job": "kube-state-metrics", "instance": "k:8080"},
            [(float(at), 1.0) for at in times if at not in gap],
        )  # fmt: skip
        node = {"node": f"n{pod}", "job": "kube-state-metrics", "instance": "k:8080"}
        made.add("kube_node_info", node, [(float(at), 1.0) for at in times])
    return made


def test_a_week_heals(tmp_path: Path) -> None:
    """Prometheus dead on Tuesday, its exporter on Wednesday, the job off on Friday and Saturday."""
    with Prometheus(tmp_path / "prometheus") as server:
        server.push(week())
        dead = free_port()
        environ = settings(
            server.port, tmp_path / "out", METRICS="pod_info,node_info", BACKFILL_DAYS="1",
        )  # fmt: skip
        summaries: dict[str, Said] = {}
        for hour in range(24, 7 * 24 + 1, 2):
            day = hour / 24
            if 4 <= day < 6:
                continue
            is_dead = 1.25 <= day < 1.75
            moment = MONDAY + hour * HOUR + 600
            port = dead if is_dead else server.port
            said = in_process("run", moment=moment, environ={**environ, "PORT": str(port)})
            assert said.status == (1 if is_dead else 0), said.text
            closing = said.err.splitlines()[-1]
            if is_dead:
                assert "windows are missing" in closing
                assert "Connection refused" in said.err
            else:
                assert "nothing is missing" in closing
            summaries[str(hour)] = said
        answer = {
            tuple(sorted(one["metric"].items())): one["values"]
            for one in server.api_range(query_of("pod_info"), MONDAY, MONDAY + 7 * DAY - 1, 300)
        }
    missing_more_each_time = [
        int(summaries[str(hour)].err.splitlines()[-1].split(";")[-1].split()[0])
        for hour in (30, 34, 40)
    ]
    assert missing_more_each_time == sorted(missing_more_each_time)
    found: dict[object, list[object]] = {}
    files = sorted(objects(tmp_path / "out").items(), key=lambda each: each[0].rpartition("/")[2])
    for key, body in files:
        if "metric=pod_info" in key:
            for labels, values in records(body):
                found.setdefault(labels, []).extend(values)
    end = MONDAY + 7 * DAY
    assert {
        labels: [value for value in values if value[0] < end]  # type: ignore[index]
        for labels, values in found.items()
    } == answer
    for each in state(tmp_path / "out/prod")["metrics"].values():
        assert len(each["exported"]) == 1
        assert each["failed"] == []


def query_of(name: str) -> str:
    """Return the query of a built-in metric."""
    said = in_process("metrics", "show", name, moment=0, environ={})
    return said.out.strip()


@pytest.mark.parametrize(
    ("today", "keep", "gone"),
    [
        ("2026-01-02", 3, ["2025-12-28", "2025-12-29"]),
        ("2024-03-02", 2, ["2024-02-26", "2024-02-27", "2024-02-28"]),
        ("2025-03-01", 1, ["2025-02-24", "2025-02-25", "2025-02-26", "2025-02-27"]),
    ],
)
@pytest.mark.parametrize("kind", ["local", "s3"])
def test_retention_deletes_exactly_the_days_due(  # noqa: PLR0917
    kind: str, today: str, keep: int, gone: list[str], moto: Moto, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Across a year's end and a leap day; foreign files beside ours are never touched."""
    now = int(dt.datetime.fromisoformat(f"{today}T12:00:00+00:00").timestamp())
    keys = []
    for back in range(5, -1, -1):
        at = now - 12 * HOUR - back * DAY
        day = dt.datetime.fromtimestamp(at, dt.UTC)
        month = dt.date(day.year + day.month // 12, day.month % 12 + 1, 1)
        folder = f"prod/end={month:%Y%m%d}/day={day.day}/metric=up"
        keys.append((f"{day:%Y-%m-%d}", f"{folder}/{at}_up.json.gz"))
    foreign = [
        keys[0][1].replace("_up.json.gz", "_up.json.gz.bak"),
        keys[0][1].replace("metric=up", "metric=up/notes"),
        keys[0][1].replace("prod/", "prod-2/"),
        "prod/README",
        keys[0][1].rpartition("/metric=")[0] + "/README",
        "prod/_state.json.bak",
    ]
    every = [key for _, key in keys] + foreign
    environ = settings(9090, tmp_path, RETENTION_DAYS=str(keep), BACKFILL_DAYS="1")
    if kind == "s3":
        for name, value in moto.root.environ(moto.url).items():
            monkeypatch.setenv(name, value)
        bucket = moto.make_bucket()
        environ |= {"SINK": "s3", "S3_BUCKET": bucket, "S3_PREFIX": "k8s"}
        s3 = moto.client()
        for key in every:
            s3.put_object(Bucket=bucket, Key=f"k8s/{key}", Body=b"x")
        s3.close()

        def there() -> set[str]:
            return {key.removeprefix("k8s/") for key in moto.objects(bucket)}
    else:
        for key in every:
            (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / key).write_bytes(b"x")

        def there() -> set[str]:
            files = (path for path in tmp_path.rglob("*") if path.is_file())
            return {str(path.relative_to(tmp_path)) for path in files}

    before = there()
    said = in_process("prune", "--dry-run", moment=now, environ=environ)
    assert said.status == 0, said.text
    assert there() == before
    assert f"{len(gone)} objects" in said.out
    said = in_process("prune", moment=now, environ=environ)
    assert said.status == 0, said.text
    kept = {key for day, key in keys if day not in gone}
    assert [day for day, key in keys if key not in kept] == gone
    assert there() - {"prod/_state.json"} == kept | set(foreign)
