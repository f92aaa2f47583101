"""The servers that other tests stand on do what those tests take for granted."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from examples.demo.cluster import MADE_UP
from tests.servers.faults import CUTS, PROMETHEUS_FAULTS, FaultProxy, script, seeded
from tests.servers.history import History
from tests.servers.nginx import Nginx
from tests.servers.process import ServerError, program
from tests.servers.prometheus import Prometheus
from tests.servers.remote_write import STALE
from tests.servers.s3 import Credentials, LikeAws, Ministack, Moto
from tests.servers.victoria import VictoriaMetrics

START = 1_759_622_400


def some_history(name: str = "level") -> History:
    history = History()
    for number, text in enumerate(MADE_UP):
        samples = [(START + 60.0 * n, number + n / 3) for n in range(20)]
        history.add(name, {"text": text}, samples)
    return history


def expected() -> dict[str, list[float]]:
    return {text: [n + k / 3 for k in range(20)] for n, text in enumerate(MADE_UP)}


def answered(series: list[dict[str, object]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in series:
        metric, values = one["metric"], one["values"]
        assert isinstance(metric, dict)
        assert isinstance(values, list)
        found[metric["text"]] = [float(value) for _, value in values]
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with Prometheus(tmp_path_factory.mktemp("server"), history=some_history()) as server:
        yield server


def test_history_of_any_age_comes_back_to_the_last_digit_and_label(server: Prometheus) -> None:
    assert answered(server.api_range("level", START, START + 1140, 60)) == expected()


def test_pushed_history_comes_back_the_same_and_keeps_nan_and_staleness(tmp_path: Path) -> None:
    history = some_history()
    history.add("odd", {}, [(START, math.nan), (START + 60, math.inf), (START + 120, STALE)])
    with Prometheus(tmp_path) as server:
        server.push(history)
        assert answered(server.api_range("level", START, START + 1140, 60)) == expected()
        assert server.api_range("odd", START, START + 240, 60)[0]["values"] == [
            [START, "NaN"],
            [START + 60, "+Inf"],
        ]


def test_a_stopped_prometheus_comes_back_on_its_port_with_its_data(tmp_path: Path) -> None:
    with Prometheus(tmp_path) as server:
        server.push(some_history())
        url = server.url
        server.stop()
        with pytest.raises(requests.ConnectionError):
            server.api("labels")
        server.start()
        assert server.url == url
        assert answered(server.api_range("level", START, START + 1140, 60)) == expected()


def test_limits_and_a_sub_path_can_be_asked_for(tmp_path: Path) -> None:
    flags = ["--query.max-samples=50"]
    with Prometheus(
        tmp_path, history=some_history(), flags=flags, prefix="/monitoring/prom"
    ) as server:
        assert server.url.endswith("/monitoring/prom")
        refused = server.api("query_range", query="level", start=START, end=START + 1140, step=60)
        assert refused["errorType"] == "execution"


def test_victoria_metrics_gives_back_what_it_was_given(victoria: VictoriaMetrics) -> None:
    history = some_history("level_of_victoria")
    victoria.load(history)
    answer = victoria.api_range("level_of_victoria", START, START + 1140, 60)
    for text, values in answered(answer).items():
        assert values == pytest.approx(expected()[text])
    assert len(answer) == len(MADE_UP)


def test_nginx_stands_before_prometheus_and_asks_for_a_token(
    server: Prometheus, tmp_path: Path
) -> None:
    body = f"""
    location / {{
      if ($http_authorization != "Bearer right") {{ return 401; }}
      proxy_pass {server.url};
    }}"""
    with Nginx(tmp_path, body) as nginx:
        url = f"{nginx.url}/api/v1/labels"
        assert requests.get(url, timeout=5).status_code == 401
        right = {"Authorization": "Bearer right"}
        assert requests.get(url, headers=right, timeout=5).json()["status"] == "success"


def test_moto_stores_objects(moto: Moto) -> None:
    bucket = moto.make_bucket()
    s3 = moto.client()
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"text")
    s3.close()
    assert moto.objects(bucket) == {"a/b": b"text"}


ALLOWED: list[tuple[str, dict[str, Any]]] = [
    ("put_object", {"Key": "k8s/prometheus/c/x", "Body": b"1"}),
    ("get_object", {"Key": "k8s/prometheus/c/there"}),
    ("delete_object", {"Key": "k8s/prometheus/c/x"}),
    ("list_objects_v2", {"Prefix": "k8s/prometheus/", "Delimiter": "/"}),
]
DENIED: list[tuple[str, dict[str, Any]]] = [
    ("put_object", {"Key": "elsewhere/x", "Body": b"1"}),
    ("get_object", {"Key": "elsewhere/x"}),
    ("get_object", {"Key": "k8s/prometheus/c/missing"}),
    ("head_object", {"Key": "k8s/prometheus/c/missing"}),
    ("delete_object", {"Key": "elsewhere/x"}),
    ("list_objects_v2", {"Prefix": "k8s/prometheus/"}),
    ("list_objects_v2", {"Delimiter": "/"}),
    ("list_objects_v2", {"Prefix": "k8s/other/", "Delimiter": "/"}),
    ("head_bucket", {}),
]


def test_the_writer_may_do_what_its_policy_says_and_nothing_else(ministack: Ministack) -> None:
    bucket = ministack.make_bucket()
    admin = ministack.client()
    admin.put_object(Bucket=bucket, Key="k8s/prometheus/c/there", Body=b"1")
    admin.close()
    with LikeAws(ministack.url) as aws:
        s3 = ministack.client("s3", ministack.make_writer(bucket), aws.url)
        for call, arguments in ALLOWED:
            getattr(s3, call)(Bucket=bucket, **arguments)
        for call, arguments in DENIED:
            with pytest.raises(ClientError) as caught:
                getattr(s3, call)(Bucket=bucket, **arguments)
            status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status == 403, (call, arguments)
        s3.close()
        assert {call for _, call in aws.actions} == {
            "PutObject", "GetObject", "HeadObject", "DeleteObject", "ListObjectsV2", "HeadBucket",
        }  # fmt: skip


def test_a_role_is_given_for_the_right_external_id_only(ministack: Ministack) -> None:
    bucket = ministack.make_bucket()
    role = ministack.make_role(bucket)
    sts = ministack.client("sts", role.caller)
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=role.arn, RoleSessionName="test", ExternalId="wrong")
    given = sts.assume_role(
        RoleArn=role.arn, RoleSessionName="test", ExternalId=role.external_id
    )["Credentials"]  # fmt: skip
    sts.close()
    keys = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    s3 = ministack.client("s3", keys)
    s3.put_object(Bucket=bucket, Key="k8s/prometheus/c/x", Body=b"1")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"1")
    s3.close()


RANGE = f"/api/v1/query_range?query=level&start={START}&end={START + 1140}&step=60"


def ask(proxy: FaultProxy, timeout: float = 0.3) -> requests.Response:
    return requests.get(f"{proxy.url}{RANGE}", timeout=timeout)


@pytest.mark.parametrize("fault", ["refuse", "reset", "cut_length", "stall", "hang"])
def test_a_broken_connection_is_seen_as_one(server: Prometheus, fault: str) -> None:
    with FaultProxy(server.url, script(fault)) as proxy:
        with pytest.raises(requests.RequestException):
            ask(proxy)
        assert proxy.counts == {fault: 1}


@pytest.mark.parametrize("fault", ["cut_close", "cut_chunked"])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_cut_looks_whole_to_http_and_ends_after_a_series(
    server: Prometheus, fault: str, encoding: str
) -> None:
    with FaultProxy(server.url, script(fault)) as proxy:
        answer = requests.get(
            f"{proxy.url}{RANGE}", timeout=5, headers={"Accept-Encoding": encoding}
        )  # fmt: skip
        assert answer.status_code == 200
        assert answer.text.endswith("]]}")
        with pytest.raises(requests.JSONDecodeError):
            answer.json()


@pytest.mark.parametrize("status", ["429", "500", "502", "503", "504"])
def test_a_status_is_answered_without_asking_the_server(server: Prometheus, status: str) -> None:
    with FaultProxy(server.url, script(status), retry_after="7") as proxy:
        answer = ask(proxy)
        assert answer.status_code == int(status)
        assert answer.headers.get("Retry-After") == ("7" if status == "429" else None)


def test_after_the_plan_and_in_a_drip_the_answer_is_whole(server: Prometheus) -> None:
    with FaultProxy(server.url, script("html", "drip"), drip=0.1) as proxy:
        assert ask(proxy).headers["Content-Type"] == "text/html"
        slow, plain = ask(proxy, 5).json(), ask(proxy).json()
        assert slow == plain
        assert plain["status"] == "success"
        assert len(proxy.seen) == 3


def test_a_refusing_proxy_listens_again(server: Prometheus) -> None:
    with FaultProxy(server.url, script("refuse")) as proxy:
        with pytest.raises(requests.ConnectionError):
            ask(proxy)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                assert ask(proxy).ok
            except requests.ConnectionError:
                continue
            break
        else:
            pytest.fail("the proxy refuses for ever")


def test_a_seed_repeats_its_plan_and_reaches_every_fault() -> None:
    first, second = seeded(3), seeded(3)
    plan = [next(first) for _ in range(1000)]
    assert plan == [next(second) for _ in range(1000)]
    assert set(plan) == {"pass", *PROMETHEUS_FAULTS}
    assert set(CUTS) < set(PROMETHEUS_FAULTS)


def test_a_missing_program_is_an_error_that_says_what_installs_it() -> None:
    with pytest.raises(ServerError, match="make test"):
        program("no-such-program")


def test_no_server_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    """Not even when that process is killed and can clean up nothing."""
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from tests.servers.prometheus import Prometheus\n"
        "server = Prometheus(Path(sys.argv[1]))\nserver.start()\n"
        "print(server.process.pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as starter:  # fmt: skip
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        starter.kill()
    end = time.monotonic() + 10
    while time.monotonic() < end and is_alive(pid):
        time.sleep(0.02)
    if is_alive(pid):
        os.kill(pid, signal.SIGKILL)
        pytest.fail("Prometheus outlived the process that started it")


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
