"""The image's tests: run by `make test-image`, which builds the image first, and by CI.

`make test` does not collect them: they need root, and programs that a developer may not want.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import attrs
import pytest

from examples.demo.cluster import Cluster
from examples.demo.everything import everything
from tests.image.container import IMAGE
from tests.servers.history import History
from tests.servers.prometheus import Prometheus

collect_ignore_glob = [] if IMAGE else ["*"]
DAY = 86_400
STEP = 1800


@attrs.frozen
class Past:
    """A Prometheus with a past up to now, and the settings that make two runs equal.

    The clock inside a container is the machine's. So that runs which follow one another export the
    same windows, the begin is a date, and `SETTLE` has the newest step end a minute before what
    is asked for: it stays the newest for the half hour to come.
    """

    server: Prometheus
    settings: dict[str, str]


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Give a Prometheus that has watched the made-up cluster since yesterday, and still does."""
    now = int(time.time())
    midnight = now // DAY * DAY
    history = History()
    for series in everything(Cluster(midnight - DAY, midnight + DAY)):
        samples = [sample for sample in series.samples if sample[0] <= now]
        if samples:
            history.add(series.name, series.labels, samples)
    with Prometheus(tmp_path_factory.mktemp("past")) as server:
        server.push(history)
        yield Past(server, {
            "CLUSTER_NAME": "prod", "S3_PREFIX": "k8s/prometheus",
            "HOSTNAME": "127.0.0.1", "PORT": str(server.port), "QUERY_DELAY": "0",
            "INITIAL_BACKFILL_DATE": time.strftime("%Y-%m-%d", time.gmtime(midnight - DAY)),
            "TIME_FRAME": "14400", "QUERY_STEP": str(STEP), "SETTLE": str((now - 60) % STEP),
        })  # fmt: skip
