"""Two runs started together over one backlog, again and again.

python -m tests.faults.together --times 50 --sink local
python -m tests.faults.together --times 50 --sink s3
python -m tests.faults.together --times 50 --sink careless
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import attrs

from tests.faults import proof
from tests.faults.chaos import MOMENT, staged
from tests.faults.crash import sink_of
from tests.servers.relay import Relay, Request
from tests.servers.s3 import Moto


class Careless(Relay):
    """An S3 that takes no notice of conditions."""

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Drop the conditions and hand the request on."""
        kept = [each for each in request.headers if not each[0].lower().startswith("if-")]
        return super().handle(connection, attrs.evolve(request, headers=kept))


def together(
    settings: Mapping[str, str],
    objects: proof.Objects,
    reference: Mapping[str, bytes],
    *,
    moment: float = MOMENT,
) -> None:
    """Start two runs at once, wait for both, and compare."""
    both = [proof.start(moment, settings) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    # On a store without conditions the two may leave windows of each other's due; the next run
    # writes them again, with the same content.
    proof.mended(moment, settings, objects, reference)


def main() -> int:
    """Run the harness at full size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--sink", choices=("local", "s3", "careless"), default="local")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            staged(folder) as (server, reference),
            Moto(folder / "moto") as moto,
            Careless(moto.url) as careless,
        ):
            began = time.monotonic()
            kind = "local" if given.sink == "local" else "s3"
            settings, objects, clear = sink_of(kind, server.port, folder / "export", moto)
            if given.sink == "careless":
                settings |= moto.root.environ(careless.url)
            for _ in range(given.times):
                together(settings, objects, reference)
                clear()
            print(
                f"{given.sink}: {given.times} times two runs, {len(reference)} objects each time,"
                f" {time.monotonic() - began:.0f} s"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
