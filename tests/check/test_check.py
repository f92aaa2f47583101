"""`promferry check` against staged clusters: each finding is found and its cure named."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from examples.demo.cluster import Cluster
from examples.demo.everything import everything
from examples.demo.series import Series
from promferry.core.check.expected import EVERYWHERE, SOMEWHERE, TOGETHER
from promferry.core.check.finding import Code
from tests.catalogue.conftest import catalogue
from tests.documents import TOP
from tests.run.command import Said, in_process, settings
from tests.servers.faults import FaultProxy
from tests.servers.history import History
from tests.servers.process import free_port
from tests.servers.prometheus import Prometheus
from tests.servers.relay import Relay
from tests.servers.s3 import Credentials, LikeAws, Ministack, writer_policy

Change = Callable[[Series], Sequence[Series]]


def cluster_series(now: int, hours: int = 26) -> list[Series]:
    """Return the made-up cluster's last hours, without the second kube-state-metrics."""
    made = Cluster(now - hours * 3600, now)
    found = [each for each in everything(made) if not is_double(each)]
    return [*found, *relabelled(found, "kube_state_metrics_build_info", version="v2.13.0")]


def is_double(one: Series) -> bool:
    """Whether a second exporter brings it, of which the made-up cluster has some."""
    return one.labels.get("job") == "kube-state-metrics-old" or (
        one.labels.get("service") == "prometheus-kubelet"
    )


def relabelled(found: Sequence[Series], name: str, **labels: str) -> list[Series]:
    """Return a series of that name beside the first kube_node_info."""
    like = next(each for each in reversed(found) if each.name == "kube_node_info")
    kept = {key: like.labels[key] for key in ("job", "instance")}
    return [Series(name, {**kept, **labels}, like.samples)]


@attrs.frozen
class Stage:
    """A Prometheus that has seen a cluster of the last hours, and the settings of a job."""

    server: Prometheus
    now: float
    environ: dict[str, str]

    def check(self, *arguments: str, **environ: str) -> Said:
        return in_process("check", *arguments, moment=self.now, environ={**self.environ, **environ})

    def found(self, **environ: str) -> dict[str, dict[str, Any]]:
        """Return what is worse than ok, by code."""
        said = self.check("--json", **environ)
        assert "Traceback" not in said.text, said.text
        document = json.loads(said.out)
        assert document["exit_status"] == said.status
        levels = {each["level"] for each in document["findings"]}
        assert said.status == (2 if "wrong" in levels else 1 if "down" in levels else 0)
        return {each["code"]: each for each in document["findings"] if each["level"] != "ok"}


@pytest.fixture(scope="module")
def stage_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stage]]:
    """Give what stages a cluster after a change to its series; the servers end with the module."""
    servers: list[Prometheus] = []

    def make(change: Change = lambda one: [one], *, hours: int = 26) -> Stage:
        now = int(time.time())
        folder = tmp_path_factory.mktemp("check")
        server = Prometheus(folder)
        history = History()
        for series in cluster_series(now, hours):
            for each in change(series):
                history.add(each.name, each.labels, each.samples)
        server.start()
        servers.append(server)
        server.push(history)
        environ = settings(server.port, folder / "out", BACKFILL_DAYS="1", QUERY_DELAY="")
        return Stage(server, float(now), environ)

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def healthy(stage_of: Callable[..., Stage]) -> Stage:
    return stage_of()


def test_a_healthy_cluster_gives_no_finding(healthy: Stage) -> None:
    """All lines are ok, the exit status is 0, and the probe in the sink is gone."""
    said = healthy.check()
    assert said.status == 0, said.text
    assert healthy.found() == {}
    lines = said.out.splitlines()
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert lines[-1] == "nothing found: this set-up works"
    assert any("Prometheus 2." in line for line in lines)
    assert any("cpu_usage" in line and "series" in line for line in lines)
    assert not [path for path in Path(healthy.environ["LOCAL_DIR"]).rglob("*") if path.is_file()]


def test_it_costs_the_server_little(healthy: Stage) -> None:
    """One small question after the other: fewer than two for each metric, none of them a range."""
    with Relay(healthy.server.url) as relay:
        assert healthy.check(PORT=str(relay.url.rpartition(":")[2])).status == 0
        assert len(relay.seen) < 34 + 34
        assert not [each for each in relay.seen if "query_range" in each.target]


def without(*names: str) -> Change:
    return lambda one: [] if one.name.startswith(names) else [one]


def bare(one: Series) -> list[Series]:
    """Take pod and container off cAdvisor's series."""
    labels = dict(one.labels)
    if one.labels.get("metrics_path") == "/metrics/cadvisor":
        labels = {k: v for k, v in labels.items() if k not in ("pod", "container", "namespace")}
    return [Series(one.name, labels, one.samples)]


def twice(job: str) -> Change:
    def change(one: Series) -> list[Series]:
        instance = one.labels["instance"].replace("10.", "10.2")
        second = {**one.labels, "job": f"{job}-2", "instance": instance}
        return [one, Series(one.name, second, one.samples)] if one.labels["job"] == job else [one]

    return change


def two_clusters(one: Series) -> list[Series]:
    return [Series(one.name, {**one.labels, "cluster": name}, one.samples) for name in ("a", "b")]


def thinned(one: Series) -> list[Series]:
    """Scrape every five minutes instead of every minute."""
    return [Series(one.name, one.labels, list(one.samples)[::5])]


def unlabelled(one: Series) -> list[Series]:
    labels = {k: v for k, v in one.labels.items() if not k.startswith("label_")}
    return [Series(one.name, labels, one.samples)]


def old(one: Series) -> list[Series]:
    if one.name != "kube_state_metrics_build_info":
        return [one]
    return [Series(one.name, {**one.labels, "version": "v1.9.8"}, one.samples)]


def image_of(version: str) -> Change:
    """Have it say its version by its image alone."""

    def change(one: Series) -> list[Series]:
        if one.name != "kube_state_metrics_build_info":
            return [one]
        labels = {"container": "ksm", "image": f"registry.example/kube-state-metrics:{version}"}
        return [Series("kube_pod_container_info", labels, one.samples)]

    return change


@pytest.mark.parametrize(
    ("change", "code", "level", "cure"),
    [
        (without("kube_"), "kube-state-metrics.missing", "wrong", "install kube-state-metrics"),
        (old, "kube-state-metrics.old", "wrong", "2.1 or later"),
        (image_of("v2.0.0"), "kube-state-metrics.old", "wrong", "2.1 or later"),
        (twice("kube-state-metrics"), "kube-state-metrics.twice", "note", "remove one"),
        (unlabelled, "kube-state-metrics.labels", "note", "--metric-labels-allowlist"),
        (without("container_"), "cadvisor.missing", "wrong", "/metrics/cadvisor"),
        (bare, "cadvisor.labels", "wrong", "metric_relabel_configs"),
        (twice("kubelet"), "cadvisor.twice", "note", "remove one of the two"),
        (two_clusters, "clusters.mixed", "wrong", "MATCHERS='cluster=\"a\"'"),
        (thinned, "interval.long", "wrong", "QUERY_STEP to at least 600"),
        (without("DCGM_"), "metric.unexpectedly-empty", "note", "dcgm-exporter"),
        (without("kubelet_volume_stats"), "metric.unexpectedly-empty", "note", "/metrics too"),
        (without("kube_pod_owner"), "metric.unexpectedly-empty", "note", "metrics show pod_owner"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_a_staged_fault_is_found_and_its_cure_named(
    change: Change, code: str, level: str, cure: str, stage_of: Callable[..., Stage]
) -> None:
    found = stage_of(change, hours=2).found(BACKFILL_DAYS="0")
    assert code in found, found
    assert found[code]["level"] == level
    assert cure in found[code]["cure"]


def test_who_scrapes_twice_is_named(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(twice("kubelet"), hours=1)
    found = stage.found(METRICS="cpu_usage", BACKFILL_DAYS="0")
    assert "by job=kubelet and job=kubelet-2" in found["cadvisor.twice"]["text"]


def test_two_clusters_told_apart_are_no_finding(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(two_clusters, hours=2)
    stage.environ["BACKFILL_DAYS"] = "0"
    for environ in ({"MATCHERS": 'cluster="a"'}, {"CLUSTER_LABEL": "cluster"}):
        assert stage.found(**environ) == {}
    found = stage.found(MATCHERS='cluster="c"')
    assert found["matchers.nothing"]["level"] == "wrong"
    found = stage.found(CLUSTER_LABEL="cluster_name", METRICS="pod_info")
    assert found["clusters.label"]["level"] == "wrong"
    assert "CLUSTER_LABEL=cluster;" in found["clusters.label"]["cure"]


def test_data_that_begins_later_than_the_backfill(healthy: Stage) -> None:
    found = healthy.found(BACKFILL_DAYS="3")
    assert list(found) == ["history.short"]
    assert found["history.short"]["level"] == "note"
    assert healthy.check(BACKFILL_DAYS="3").status == 0


def test_a_beginning_that_a_first_run_refuses(healthy: Stage, tmp_path: Path) -> None:
    """Only before the first export: later the date says nothing any more."""
    wrong = {"INITIAL_BACKFILL_DATE": "2025-10-01", "METRICS": "node_info",
             "LOCAL_DIR": str(tmp_path)}  # fmt: skip
    found = healthy.found(**wrong)
    assert "RETENTION_DAYS" in found["history.beginning"]["cure"]
    (tmp_path / "prod").mkdir()
    (tmp_path / "prod/_state.json").write_text("{}", "utf-8")
    assert "history.beginning" not in healthy.found(**wrong)


def test_a_step_that_is_a_scrape_long_is_no_finding(healthy: Stage) -> None:
    """Rates never cover less than two scrapes of a minute, whatever the step."""
    few = {"METRICS": "cpu_usage"}
    assert healthy.found(**few, QUERY_STEP="60") == {}
    found = healthy.found(**few, QUERY_STEP="30")
    assert list(found) == ["interval.step"]
    assert "QUERY_STEP=60" in found["interval.step"]["cure"]


def test_exporters_that_no_metric_needs_are_not_asked_for(
    stage_of: Callable[..., Stage], tmp_path: Path
) -> None:
    """Metrics of one's own: empty is told from misspelt by the series they are made of."""
    (tmp_path / "own.yaml").write_text(
        "- {name: own, query: sum(DCGM_FI_DEV_FB_USED)}\n"
        "- {name: nobody, query: 'sum(DCGM_FI_DEV_FB_USED{pod=\"none\"})'}\n"
        "- {name: misspelt, query: sum(DCGM_FI_DEV_FB_USE)}\n",
        "utf-8",
    )
    stage = stage_of(without("kube_", "container_"), hours=1)
    own = {"QUERIES_DIR": str(tmp_path), "METRICS": "own,nobody,misspelt"}
    found = stage.found(**own)
    assert list(found) == ["metric.unexpectedly-empty"]
    assert "no DCGM_FI_DEV_FB_USE" in found["metric.unexpectedly-empty"]["text"]
    assert "misspelt" in found["metric.unexpectedly-empty"]["cure"]


def test_a_clock_that_is_off(healthy: Stage) -> None:
    said = in_process("check", "--json", moment=healthy.now - 600, environ=healthy.environ)
    assert said.status == 2
    (found,) = [each for each in json.loads(said.out)["findings"] if each["code"] == "clock"]
    assert "behind the server's" in found["text"]
    assert "NTP" in found["cure"]


def test_a_clock_that_is_ahead_is_the_only_finding(healthy: Stage) -> None:
    """What is not there yet at our time is not missing."""
    environ = {**healthy.environ, "METRICS": "pod_info,cpu_usage"}
    said = in_process("check", "--json", moment=healthy.now + 3600, environ=environ)
    assert said.status == 2
    (found,) = [each for each in json.loads(said.out)["findings"] if each["level"] != "ok"]
    assert found["code"] == "clock"
    assert "raise SETTLE" in found["cure"]


def test_a_rejected_metric(healthy: Stage, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("name: bad\nquery: no_such_function(up)\n", "utf-8")
    found = healthy.found(QUERIES_DIR=str(tmp_path), METRICS="bad,pod_info")
    assert found["metric.rejected"]["subject"] == "bad"
    assert "unknown function" in found["metric.rejected"]["text"]


def test_a_server_that_is_down_is_one_finding_and_the_sink_is_tried_all_the_same(
    healthy: Stage,
) -> None:
    said = healthy.check(PORT=str(free_port()))
    assert said.status == 1, said.text
    lines = said.out.splitlines()
    assert any(line.startswith("DOWN") and "Connection refused" in line for line in lines)
    assert any(line.startswith("ok") and "writes, reads, lists" in line for line in lines)


def test_a_page_in_place_of_a_server(healthy: Stage) -> None:
    def pages() -> Iterator[str]:
        while True:
            yield "html"

    with FaultProxy(healthy.server.url, pages()) as proxy:
        found = healthy.found(PORT=str(proxy.url.rpartition(":")[2]))
    assert found["server.not-prometheus"]["level"] == "wrong"
    assert "PATH_PREFIX" in found["server.not-prometheus"]["cure"]


def test_a_server_that_dies_on_the_way_is_told_once(healthy: Stage) -> None:
    def plan() -> Iterator[str]:
        yield from ["pass"] * 12
        while True:
            yield "502"

    with FaultProxy(healthy.server.url, plan()) as proxy:
        environ = {**healthy.environ, "PORT": str(proxy.port)}
        said = in_process("check", moment=healthy.now, environ=environ)
        assert sum(proxy.counts.values()) < 20
    assert said.status == 1
    assert len([line for line in said.out.splitlines() if line.startswith("DOWN")]) == 1


def test_wrong_settings_are_told_as_in_a_run(healthy: Stage) -> None:
    said = healthy.check(TIME_FRAME="1h", CLUSTER_NAME="../x")
    assert said.status == 2
    assert len(said.error_lines()) == 2


def test_a_missing_right_is_named_by_its_action(
    healthy: Stage, ministack: Ministack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the writer's policy all is well; below another prefix each action is named."""
    bucket = ministack.make_bucket()
    keys = ministack.make_writer(bucket)
    with LikeAws(ministack.url) as s3:
        for name, value in keys.environ(s3.url).items():
            monkeypatch.setenv(name, value)
        sink = {"SINK": "s3", "S3_BUCKET": bucket, "METRICS": "pod_info"}
        assert healthy.found(**sink, S3_PREFIX="k8s/prometheus") == {}
        assert ministack.objects(bucket) == {}
        found = healthy.found(**sink, S3_PREFIX="elsewhere")
    for code, action in (("sink.write", "s3:PutObject"), ("sink.list", "s3:ListBucket"),
                         ("sink.read", "s3:GetObject"), ("sink.delete", "s3:DeleteObject"),
                         ):  # fmt: skip
        assert found[code]["level"] == "wrong"
        assert action in found[code]["text"]


@pytest.mark.parametrize("missing", ["PutObject", "GetObject", "DeleteObject", "ListBucket"])
def test_one_right_that_is_missing_is_the_only_finding(
    missing: str, healthy: Stage, ministack: Ministack, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = ministack.make_bucket()
    policy = writer_policy(bucket, "k8s/prometheus")
    listing, objects = policy["Statement"]
    objects["Action"] = [each for each in objects["Action"] if each != f"s3:{missing}"]
    if missing == "ListBucket":
        policy["Statement"].remove(listing)
    code = {"PutObject": "write", "GetObject": "read", "DeleteObject": "delete",
            "ListBucket": "list"}[missing]  # fmt: skip
    with LikeAws(ministack.url) as s3:
        for name, value in ministack.make_user(policy).environ(s3.url).items():
            monkeypatch.setenv(name, value)
        found = healthy.found(
            SINK="s3", S3_BUCKET=bucket, S3_PREFIX="k8s/prometheus", METRICS="node_info"
        )
    assert list(found) == [f"sink.{code}"]
    assert f"s3:{missing}" in found[f"sink.{code}"]["text"]
    assert "allow it in the policy" in found[f"sink.{code}"]["cure"]


def test_a_store_that_is_down_is_told_once(healthy: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Credentials("a", "b").environ(f"http://127.0.0.1:{free_port()}")
    for name, value in {**keys, "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    sink = {"SINK": "s3", "S3_BUCKET": "some-bucket", "S3_PREFIX": "k8s", "METRICS": "node_info"}
    said = healthy.check("--json", **sink)
    assert said.status == 1
    (found,) = [each for each in json.loads(said.out)["findings"] if each["level"] != "ok"]
    assert found["code"] == "sink.write"
    assert found["level"] == "down"


def test_every_code_is_in_the_document() -> None:
    """Those that can be worse than ok; the others say that something is well."""
    told = (TOP / "docs/troubleshooting.md").read_text("utf-8")
    well = {"server", "history", "clusters", "kube-state-metrics", "cadvisor", "interval",
            "metric", "metric.empty", "sink"}  # fmt: skip
    assert {code.value for code in Code} - well == {
        code.value for code in Code if f"`{code.value}`" in told
    }


def test_the_check_knows_each_metric_of_the_catalogue() -> None:
    """Whether it may be empty is said of every one, and of none that is not there."""
    names = {metric.name for metric in catalogue().metrics}
    assert names == EVERYWHERE | set(SOMEWHERE)
    assert set(TOGETHER) | {other for other, _, _ in TOGETHER.values()} <= names
