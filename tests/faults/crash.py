"""Kill the job at random moments, again and again, and see that nothing is lost or doubled.

python -m tests.faults.crash --kills 200 --sink local
python -m tests.faults.crash --kills 200 --sink s3
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from examples.demo.cluster import Cluster
from examples.demo.everything import everything
from tests.faults import proof
from tests.servers.history import History
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import Moto


def survive(
    moment: float,
    settings: Mapping[str, str],
    objects: proof.Objects,
    reference: Mapping[str, bytes],
    clear: Callable[[], None],
    *,
    kills: int,
    chance: random.Random,
) -> int:
    """Kill `kills` runs; after each backfill that came to its end compare and begin anew.

    Returns how many backfills were completed. Raises AssertionError where the proof fails.
    """
    whole = 0
    killed = 0
    longest = 2.0
    while killed < kills:
        process = proof.start(moment, settings)
        time.sleep(chance.uniform(0.3, longest))
        if process.poll() is None:
            process.kill()
            killed += 1
        process.communicate()
        done = process.returncode == 0
        if done or killed == kills:
            proof.mended(moment, settings, objects, reference)
            whole += 1
            clear()
    return whole


def main() -> int:
    """Run the harness at full size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--sink", choices=("local", "s3"), default="local")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    begin = 1761868800
    moment = begin + 86400 + 1830
    history = History()
    for series in everything(Cluster(begin, begin + 86400 + 3600)):
        history.add(series.name, series.labels, series.samples)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Prometheus(folder / "prometheus") as server, Moto(folder / "moto") as moto:
            server.push(history)
            into = folder / "export"
            local = proof.environ(server.port, SINK="local", LOCAL_DIR=str(folder / "reference"))
            assert proof.finished(moment, local)[0] == 0
            reference = proof.local_objects(folder / "reference" / "k8s/prometheus")
            settings, objects, clear = sink_of(given.sink, server.port, into, moto)
            started = time.monotonic()
            whole = survive(
                moment,
                settings,
                objects,
                reference,
                clear,
                kills=given.kills,
                chance=random.Random(given.seed),
            )
            print(
                f"{given.sink}: {given.kills} runs killed, {whole} backfills completed and compared"
                f" ({len(reference)} objects each), {time.monotonic() - started:.0f} s"
            )
    return 0


def sink_of(
    kind: str, port: int, into: Path, moto: Moto
) -> tuple[dict[str, str], proof.Objects, Callable[[], None]]:
    """Return the settings of a job into that sink, what shows its objects, what clears them."""
    if kind == "local":
        return (
            proof.environ(port, SINK="local", LOCAL_DIR=str(into)),
            lambda: proof.local_objects(into / "k8s/prometheus"),
            lambda: shutil.rmtree(into),
        )
    bucket = moto.make_bucket()
    prefix = "k8s/prometheus/"

    def objects() -> dict[str, bytes]:
        return {key.removeprefix(prefix): body for key, body in moto.objects(bucket).items()}

    def clear() -> None:
        client = moto.client()
        for key in moto.objects(bucket):
            client.delete_object(Bucket=bucket, Key=key)
        client.close()

    return proof.environ(port, S3_BUCKET=bucket, **moto.root.environ(moto.url)), objects, clear


if __name__ == "__main__":
    sys.exit(main())
