"""A proxy that fails on purpose, by a plan that a seed repeats."""

from __future__ import annotations

import gzip
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import attrs

from .relay import Answer, Relay, Request, chunk, head, header, reset, send, sized

PASS = "pass"
CUTS = ("cut_length", "cut_close", "cut_chunked")
STATUSES = ("429", "500", "502", "503", "504")
SLOW = ("stall", "hang", "drip")
PROMETHEUS_FAULTS = ("refuse", "reset", *CUTS, *SLOW, *STATUSES, "html")
"""Every fault: what can happen between a job and Prometheus."""
S3_FAULTS = ("refuse", "reset", "cut_length", *SLOW, *STATUSES, "html")
"""Those that S3 knows: it frames every answer by its length."""

_REASONS = {
    "429": "Too Many Requests", "500": "Internal Server Error", "502": "Bad Gateway",
    "503": "Service Unavailable", "504": "Gateway Timeout",
}  # fmt: skip
_HTML = b"<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>\n"
_DEAF_SECONDS = 0.2


def script(*faults: str) -> Iterator[str]:
    """Do these in order, one a request, then pass everything."""
    yield from faults
    while True:
        yield PASS


def seeded(
    seed: int, faults: Iterable[str] = PROMETHEUS_FAULTS, *, share: float = 0.3
) -> Iterator[str]:
    """Fail about `share` of all requests, each with one of `faults`; the seed repeats it all."""
    chosen = tuple(faults)
    dice = random.Random(seed)
    while True:
        yield dice.choice(chosen) if dice.random() < share else PASS


class FaultProxy(Relay):
    """Goes through `plan` request by request.

    `pass` hands the answer on. `refuse` resets the connection and refuses new ones for 0.2 s.
    `reset` breaks off in mid-answer. `cut_length`, `cut_close` and `cut_chunked` end the answer
    after a whole series: with the full length announced, by closing, or by a proper last chunk.
    `stall` sends half of the answer and then nothing for `stall` seconds, `hang` nothing at all;
    `drip` sends all of it slowly, over `drip` seconds. A status (`429` with `Retry-After:
    retry_after`) is answered without asking the upstream; so is `html`, a sign-in page with 200.
    All but the last two groups let the upstream do what was asked.

    `only` picks the requests that take part; the others pass and use up nothing of the plan.
    `counts` says how often each was done.
    """

    def __init__(
        self,
        upstream: str,
        plan: Iterator[str],
        *,
        only: Callable[[Request], bool] = lambda _: True,
        stall: float = 5.0,
        drip: float = 1.0,
        retry_after: str = "1",
        error_body: bytes = b"made to fail\n",
    ) -> None:
        super().__init__(upstream)
        self.plan = plan
        self.counts: Counter[str] = Counter()
        self._only = only
        self._stall = stall
        self._drip = drip
        self._retry_after = retry_after
        self._error_body = error_body

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Answer as the plan says; only an answer that was whole leaves the connection open."""
        with self.lock:
            fault = next(self.plan) if self._only(request) else PASS
            self.counts[fault] += 1
        if fault == "refuse":
            self._refuse(connection)
        elif fault == "hang":
            self._wait(connection, self._stall)
        elif fault in STATUSES or fault == "html":
            send(connection, self._made(fault), request)
            return True
        else:
            answer = self.forward(request)
            if fault == PASS:
                send(connection, answer, request)
                return True
            self._spoil(connection, request, answer, fault)
        return False

    def _spoil(
        self, connection: socket.socket, request: Request, answer: Answer, fault: str
    ) -> None:
        if request.method == "HEAD":
            answer = attrs.evolve(answer, body=b"")
        body = answer.body
        if fault == "cut_close":
            bare = [(k, v) for k, v in sized(answer) if k.lower() != "content-length"]
            connection.sendall(head(answer, [*bare, ("Connection", "close")]) + _cut(answer))
            return
        if fault == "cut_chunked":
            bare = [(k, v) for k, v in sized(answer) if k.lower() != "content-length"]
            connection.sendall(head(answer, [*bare, ("Transfer-Encoding", "chunked")]))
            connection.sendall(chunk(_cut(answer)) + b"0\r\n\r\n")
            return
        connection.sendall(head(answer, sized(answer)))
        if fault == "cut_length":
            connection.sendall(_cut(answer)[: len(body) - 1])
        elif fault == "drip":
            self._send_slowly(connection, body)
        else:
            connection.sendall(body[: len(body) // 2])
            if fault == "stall":
                self._wait(connection, self._stall)
            elif fault == "reset":
                # Time for the half to arrive: a reset throws away what the peer has not read.
                self.stopping.wait(0.02)
                reset(connection)
            else:
                raise AssertionError(f"no such fault: {fault}")

    def _made(self, fault: str) -> Answer:
        if fault == "html":
            return Answer(200, "OK", [("Content-Type", "text/html")], _HTML)
        headers = [("Content-Type", "text/plain")]
        if fault == "429":
            headers.append(("Retry-After", self._retry_after))
        return Answer(int(fault), _REASONS[fault], headers, self._error_body)

    def _refuse(self, connection: socket.socket) -> None:
        with self.lock:
            first = self._listener is not None
            self.deafen()
        reset(connection)
        self.stopping.wait(_DEAF_SECONDS)
        with self.lock:
            if first and not self.stopping.is_set():
                self.listen()

    def _wait(self, connection: socket.socket, seconds: float) -> None:
        """Keep silent until the time is over, the client has gone or the proxy stops."""
        end = time.monotonic() + seconds
        connection.settimeout(0.05)
        while time.monotonic() < end and not self.stopping.is_set():
            try:
                if not connection.recv(1, socket.MSG_PEEK):
                    return
            except TimeoutError:
                continue

    def _send_slowly(self, connection: socket.socket, body: bytes) -> None:
        pieces = 20
        size = max(1, len(body) // pieces)
        for start in range(0, len(body), size):
            if self.stopping.wait(self._drip / pieces):
                return
            connection.sendall(body[start : start + size])


def _cut(answer: Answer) -> bytes:
    """Return about two thirds of the body, cut after a whole series where it has any."""
    zipped = header(answer.headers, "content-encoding") == "gzip"
    body = gzip.decompress(answer.body) if zipped else answer.body
    at = body.rfind(b"]]},", 0, len(body) * 2 // 3)
    body = body[: at + 3] if at > 0 else body[: len(body) // 2]
    return gzip.compress(body, 1) if zipped else body
