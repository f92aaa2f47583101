"""`make demo`: two days of a made-up cluster, from a real Prometheus into a folder."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from tests.servers.history import History
from tests.servers.process import ServerError, tethered
from tests.servers.prometheus import Prometheus

from .cluster import Cluster
from .everything import everything
from .show import record, tree

DAY = 86400
PREFIX = "k8s/prometheus"
CLUSTER = "demo"


def main() -> int:
    """Run the demonstration; return the exit status of `promferry run`."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--into", type=Path, default=Path("export"), help="the folder to fill")
    into = parser.parse_args().into
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with tempfile.TemporaryDirectory(prefix="promferry-demo-") as folder:
            return _demonstrate(Path(folder), into)
    except ServerError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _demonstrate(folder: Path, into: Path) -> int:
    with Prometheus(folder) as server:
        history = _two_days(time.time())
        _say(f"Prometheus runs at {server.url}; giving it two days of a small cluster")
        server.push(history)
        _say(f"It holds {len(history)} series. Now: promferry run")
        status = _run(server, into)
    top = into / PREFIX / CLUSTER
    if top.is_dir():
        _say(f"In {into}:")
        print("\n".join(tree(top)))
        shown = record(top, "cpu_requests")
        if shown:
            _say("One record of it:")
            print(shown)
    if status == 0:
        _say(f"Done. Run `make demo` again: only what is new is fetched. All files: {into}")
    return status


def _two_days(now: float) -> History:
    """Return the past of a cluster that goes on after today: the same for each run of a day."""
    midnight = int(now // DAY * DAY)
    history = History()
    for series in everything(Cluster(midnight - 2 * DAY, midnight + DAY)):
        samples = [sample for sample in series.samples if sample[0] <= now]
        if samples:
            history.add(series.name, series.labels, samples)
    return history


def _run(server: Prometheus, into: Path) -> int:
    """Run the job in a process of its own, handing on the signals that come meanwhile."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "COLUMNS", "NO_COLOR", "TMPDIR")
    environ = {name: os.environ[name] for name in kept if name in os.environ}
    environ |= {
        "HOSTNAME": "127.0.0.1", "PORT": str(server.port), "CLUSTER_NAME": CLUSTER,
        "SINK": "local", "LOCAL_DIR": str(into), "S3_PREFIX": PREFIX,
        "BACKFILL_DAYS": "2d", "QUERY_DELAY": "0",
    }  # fmt: skip
    into.mkdir(parents=True, exist_ok=True)
    command = tethered([str(Path(sys.executable).with_name("promferry")), "run"])
    with subprocess.Popen(
        command, env=environ, stdin=subprocess.DEVNULL, start_new_session=True
    ) as job:

        def hand_on(number: int, _frame: FrameType | None) -> None:
            job.send_signal(number)

        before = {}
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                before[number] = signal.signal(number, hand_on)
            status = job.wait()
        except BaseException:
            job.terminate()
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return status if status >= 0 else 128 - status


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signal.SIGTERM)


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
