"""The whole job inside the image: the same objects as outside; stopped, killed and started anew."""

from __future__ import annotations

import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import yaml

from promferry.core import layout
from promferry.core.state import from_json
from tests.faults import proof
from tests.image.conftest import Past
from tests.image.container import Container
from tests.servers.relay import Answer, Relay, Request, send
from tests.servers.s3 import Moto, plain_environ

REFERENCE = Path(__file__).parents[1] / "deploy/reference-cronjob.yaml"
PREFIX = "k8s/prometheus/"
FEW = "cpu_requests,cpu_usage,memory_usage,node_info,pod_info,pod_owner,pod_labels"
UNHURRIED = "0.25"
"""Seconds between queries with which a run lasts long enough for something to happen to it."""
KILLED = 137
"""SIGKILL, which nobody here sends but the kernel."""
Objects = Mapping[str, bytes]


@attrs.frozen
class Bucket:
    """An empty bucket, and the variables that lead a job to it."""

    store: Moto
    name: str

    @property
    def settings(self) -> dict[str, str]:
        return {"S3_BUCKET": self.name, **self.store.root.environ(self.store.url)}

    def holds(self) -> dict[str, bytes]:
        """Return every object, by its key below the prefix."""
        found = self.store.objects(self.name)
        return {key.removeprefix(PREFIX): body for key, body in found.items()}

    def count(self) -> int:
        """Return how many objects there are."""
        client = self.store.client()
        listed = client.list_objects_v2(Bucket=self.name, Prefix=PREFIX)
        client.close()
        return int(listed["KeyCount"])


@pytest.fixture
def bucket(moto: Moto) -> Bucket:
    return Bucket(moto, moto.make_bucket())


@pytest.fixture(scope="module")
def outside(past: Past, tmp_path_factory: pytest.TempPathFactory) -> Objects:
    """Give what the job exports without a container, into a folder."""
    folder = tmp_path_factory.mktemp("outside")
    command = [str(Path(sys.executable).with_name("promferry")), "run"]
    environ = plain_environ() | past.settings | {"SINK": "local", "LOCAL_DIR": str(folder)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return proof.local_objects(folder / PREFIX)


def of_few(objects: Objects) -> dict[str, bytes]:
    """Return the contents of the objects of a few metrics."""
    return {
        key: body
        for key, body in proof.contents(objects).items()
        if key.split("/")[-2].removeprefix("metric=") in FEW.split(",")
    }


def recorded(holds: Objects) -> set[str]:
    """Return the keys of all windows that the state says are exported, wholly or in part."""
    state = from_json(holds["prod/_state.json"], "the bucket")
    return {
        layout.key("prod", name, window.start)
        for name, metric in state.metrics.items()
        for span in metric.exported
        for window in state.grid.between(*span)
    }


def written(log: str) -> list[str]:
    """Return the keys that a log says were written, in order."""
    return re.findall(rf"/{PREFIX}(\S+\.json\.gz): \d+ series", log)


def until(condition: Callable[[], Any], container: Container) -> None:
    """Wait for something to happen while the container runs."""
    end = time.monotonic() + 60
    while not condition():
        assert container.state["Running"], container.log
        assert time.monotonic() < end, container.log


def test_the_whole_job_inside_gives_the_objects_that_it_gives_outside(
    past: Past, bucket: Bucket, outside: Objects
) -> None:
    """Read-only, without capabilities, in 128 MiB: every metric, every window, the same state."""
    with Container(environ={**past.settings, **bucket.settings}) as container:
        assert container.run() == 0, container.log
        assert "nothing is missing" in container.log
    found = bucket.holds()
    assert sorted(found) == sorted(outside)
    assert proof.contents(found) == proof.contents(outside)
    assert proof.coverage(found) == proof.coverage(outside)


def test_the_references_block_literally_runs_the_image(past: Past, bucket: Bucket) -> None:
    """Its five variables with the names filled in; keys and address of S3 are the node's.

    With its pause of five seconds the newest window of each metric comes first. A stop in a pause
    does not wait for its end.
    """
    environ = reference(bucket.name)
    service = Relay(past.server.url, host="127.0.0.90", port=int(environ["PORT"]))
    options = [f"--add-host={environ['HOSTNAME']}:{service.host}"]
    node = bucket.store.root.environ(bucket.store.url)
    with service, Container(environ={**environ, **node}, options=options) as container:
        container.start()
        until(lambda: bucket.count() > 2, container)
        began = time.monotonic()
        assert container.stop() == 143, container.log
        assert time.monotonic() - began < 5
        assert "progress is saved" in container.log
        keys = written(container.log)
    assert len({key.rpartition("/")[2].partition("_")[0] for key in keys}) == 1
    assert recorded(bucket.holds()) == set(keys)
    assert all(re.fullmatch(r"prod/end=\d{6}01/day=\d+/metric=\w+/\d+_\w+\.json\.gz", key)
               for key in keys)  # fmt: skip


def reference(bucket: str) -> dict[str, str]:
    """Return the environment of the reference's CronJob, with what stands for a name filled in."""
    spec = yaml.safe_load(REFERENCE.read_text())["spec"]["jobTemplate"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    names = {
        "<BUCKET_NAME>": bucket, "<CLUSTER_NAME>": "prod",
        "<PROMETHEUS_SERVICE>": "prometheus-server", "<NAMESPACE>": "monitoring",
    }  # fmt: skip
    found = {}
    for entry in container["env"]:
        value = str(entry["value"])
        for placeholder, name in names.items():
            value = value.replace(placeholder, name)
        found[entry["name"]] = value
    return found


def test_a_stop_in_the_middle_saves_the_progress_and_the_next_run_goes_on(
    past: Past, bucket: Bucket, outside: Objects
) -> None:
    """Inside 30 seconds, with status 143; no window that is whole is fetched twice."""
    environ = {**past.settings, **bucket.settings, "METRICS": FEW}
    with Container(environ={**environ, "QUERY_DELAY": UNHURRIED}) as container:
        container.start()
        until(lambda: bucket.count() > 10, container)
        began = time.monotonic()
        assert container.stop() == 143, container.log
        assert time.monotonic() - began < 30
        assert "progress is saved" in container.log
        first = written(container.log)
    stopped = bucket.holds()
    assert recorded(stopped) == set(first)
    assert len(set(proof.contents(stopped)) - recorded(stopped)) <= 1
    assert len(first) < len(of_few(outside))

    with Container(environ=environ) as container:
        assert container.run() == 0, container.log
        second = written(container.log)
    assert proof.contents(bucket.holds()) == of_few(outside)
    newest = {max(key for key in of_few(outside) if f"={name}/" in key) for name in FEW.split(",")}
    assert set(first) & set(second) <= newest


class Flood(Relay):
    """Stands before Prometheus and makes the answer to one query far too large, once."""

    def __init__(self, upstream: str, *, after: int) -> None:
        super().__init__(upstream)
        self._left = after

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Count the range queries; flood the one after the last."""
        if request.path.endswith("/query_range"):
            self._left -= 1
            if self._left == -1:
                headers = [("Content-Type", "application/json")]
                send(connection, Answer(200, "OK", headers, flood(request.query["start"])), request)
                return True
        return super().handle(connection, request)


def flood(moment: str) -> bytes:
    """Return an answer of 200 MB that is valid and can't be compressed to less than half."""
    series = (
        f'{{"metric":{{"noise":"{secrets.token_hex(5 << 20)}"}},"values":[[{moment},"1"]]}}'
        for _ in range(20)
    )
    body = ",".join(series)
    return f'{{"status":"success","data":{{"resultType":"matrix","result":[{body}]}}}}'.encode()


def test_a_run_that_is_killed_for_its_memory_loses_nothing(
    past: Past, bucket: Bucket, outside: Objects
) -> None:
    """Far too low a limit kills it at its start; a large answer, where temporary files are memory.

    The kubelet starts the same container again: what was exported stays exported.
    """
    environ = {**past.settings, **bucket.settings, "METRICS": FEW}
    with Container(environ=environ, memory="10m") as container:
        assert container.run() == KILLED, container.log
    assert bucket.holds() == {}

    with Flood(past.server.url, after=20) as server:
        environ["PORT"] = str(server.port)
        environ["TMPDIR"] = "/spool"
        spool = ["--tmpfs=/spool:size=512m,mode=1777"]
        with Container(environ=environ, options=spool) as container:
            assert container.run() == KILLED, container.log
            killed = bucket.holds()
            assert recorded(killed) == set(written(container.log)) == set(proof.contents(killed))
            assert len(proof.contents(killed)) == 20

            assert container.run() == 0, container.log
    after = bucket.holds()
    assert proof.contents(after) == of_few(outside)
    assert {key for key in after if not key.endswith(".gz")} == {"prod/_state.json"}
