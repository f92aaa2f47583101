"""A backfill through a proxy that fails at random, before Prometheus and before S3.

python -m tests.faults.chaos --share 0.3 --seed 1
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from examples.demo.cluster import Cluster
from examples.demo.everything import everything
from tests.faults import proof
from tests.servers.faults import S3_FAULTS, FaultProxy, seeded
from tests.servers.history import History
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import Moto

BEGIN = 1761868800
MOMENT = BEGIN + 86400 + 1830
S3_ERROR = b"<Error><Code>ServiceUnavailable</Code><Message>made to fail</Message></Error>"


def until_whole(
    settings: Mapping[str, str], *, runs: int, told: Callable[[str], None] = lambda _: None
) -> int:
    """Run the job until it says that all is exported; return how many runs that took."""
    for number in range(1, runs + 1):
        began = time.monotonic()
        status, said = proof.finished(MOMENT, settings)
        told(f"run {number}: status {status} in {time.monotonic() - began:.0f} s")
        assert status in (0, 1), said
        assert "Traceback" not in said, said
        if status == 0:
            return number
    raise AssertionError(f"not whole after {runs} runs: {said}")


@contextmanager
def staged(folder: Path) -> Iterator[tuple[Prometheus, dict[str, bytes]]]:
    """Give a Prometheus with a day of history, and what an undisturbed export of it holds."""
    history = History()
    for series in everything(Cluster(BEGIN, BEGIN + 86400 + 3600)):
        history.add(series.name, series.labels, series.samples)
    with Prometheus(folder / "prometheus") as server:
        server.push(history)
        settings = proof.environ(server.port, SINK="local", LOCAL_DIR=str(folder / "reference"))
        status, said = proof.finished(MOMENT, settings)
        assert status == 0, said
        yield server, proof.local_objects(folder / "reference" / "k8s/prometheus")


def same(found: Mapping[str, bytes], reference: Mapping[str, bytes]) -> None:
    """Prove that two exports hold the same, and their states too."""
    assert proof.samples(found) == proof.samples(reference)
    assert proof.coverage(found) == proof.coverage(reference)
    assert sorted(found) == sorted(reference), "something is left behind"


def main() -> int:
    """Run the harness at full size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with staged(folder) as (server, reference):
            plan = seeded(given.seed, share=given.share)
            with FaultProxy(server.url, plan, stall=3, drip=3) as proxy:
                settings = proof.environ(
                    proxy.port, SINK="local", LOCAL_DIR=str(folder / "export"), QUERY_TIMEOUT="1"
                )
                runs = until_whole(settings, runs=40, told=print)
                same(proof.local_objects(folder / "export" / "k8s/prometheus"), reference)
                print(f"Prometheus: {runs} runs, {sum(proxy.counts.values())} requests for"
                      f" {len(reference) - 1} objects: {dict(proxy.counts)}")  # fmt: skip
            with Moto(folder / "moto") as moto:
                bucket = moto.make_bucket()
                plan = seeded(given.seed, S3_FAULTS, share=given.share)
                with FaultProxy(moto.url, plan, stall=3, drip=1, error_body=S3_ERROR) as proxy:
                    settings = proof.environ(
                        server.port, S3_BUCKET=bucket, **moto.root.environ(proxy.url)
                    )
                    runs = until_whole(settings, runs=40, told=print)
                found = {
                    key.removeprefix("k8s/prometheus/"): body
                    for key, body in moto.objects(bucket).items()
                }
                same(found, reference)
                print(f"S3: {runs} runs, {sum(proxy.counts.values())} requests for"
                      f" {len(reference) - 1} objects: {dict(proxy.counts)}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
