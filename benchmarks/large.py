"""One answer of a gigabyte, from a server that does nothing but send it."""

from __future__ import annotations

import argparse
import json
import socket
import threading
from pathlib import Path

from tests.servers.s3 import Moto

from .export import DAY, HOUR, ROOT, ours, promferry, shell
from .measure import Contender, compare, table

_HEAD = b'{"status":"success","data":{"resultType":"matrix","result":['
_TAIL = b"]}}"
_BLOCK = 2000  # series


def block() -> bytes:
    """Return series as a kubelet has them, sixty samples each, the digits not repeating."""
    lines = []
    for number in range(_BLOCK):
        values = ",".join(
            f'[{DAY + 60 * n},"{(number * 7919 + n * 104_729) % 999_983 * 4096}"]'
            for n in range(60)
        )
        labels = {
            "__name__": "container_memory_working_set_bytes",
            "namespace": f"team-{number % 40}",
            "pod": f"service-{number % 400}-6f7d8c9b5-{number:05d}",
            "container": "app",
            "node": f"ip-10-0-{number % 250}-17.ec2.internal",
            "uid": f"{number:032x}",
        }
        metric = json.dumps(labels, separators=(",", ":"))
        lines.append(f'{{"metric":{metric},"values":[{values}]}}')
    return ",".join(lines).encode()


class Server:
    """Answers every query with `count` blocks, as fast as the socket takes them."""

    def __init__(self, count: int, body: bytes) -> None:
        self._count = count
        self._body = body
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            file = connection.makefile("rb")
            while file.readline():
                while file.readline().strip():
                    pass
                size = len(_HEAD) + len(_TAIL) + self._count * len(self._body) + self._count - 1
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % size + _HEAD
                )  # fmt: skip
                for number in range(self._count):
                    connection.sendall(self._body if not number else b"," + self._body)
                connection.sendall(_TAIL)


def main(folder: Path, given: argparse.Namespace) -> None:
    """Print the tables: the large answer, and ours with a small one beside it."""
    body = block()
    (folder / "queries").mkdir()
    (folder / "queries/wide.yaml").write_text("name: wide\nstep: 60\nquery: anything\n", "utf-8")
    with Moto(folder / "moto") as moto:
        for megabytes in (given.megabytes, 10):
            server = Server(max(1, round(megabytes * 1e6 / len(body))), body)
            found = compare(_contenders(folder, server, moto), given.rounds)
            print(f"one answer of {megabytes} MB, medians of {given.rounds}:\n")
            print(table(found, "curl, gzip"))
            print(flush=True)


def _contenders(folder: Path, server: Server, moto: Moto) -> list[Contender]:
    rivals = folder / "rivals"
    url = f"http://127.0.0.1:{server.port}/api/v1/query_range?query=x"
    environ = {
        "PYTHONPATH": str(ROOT), "CLUSTER_NAME": "bench", "HOSTNAME": "127.0.0.1",
        "PORT": str(server.port), "QUERY_DELAY": "0", "METRICS": "wide",
        "QUERIES_DIR": str(folder / "queries"), "RETENTION_DAYS": "0", "LOG_LEVEL": "WARNING",
        "AWS_EC2_METADATA_DISABLED": "true", "QUERY_STEP": "60", "TIME_FRAME": str(HOUR),
    }  # fmt: skip
    return [
        Contender("curl, gzip", shell(f"curl -sS '{url}' | gzip > {rivals}/all.gz"), rivals),
        *promferry(ours(1), folder, environ, moto),
    ]
