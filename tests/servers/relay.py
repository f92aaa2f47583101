"""A plain HTTP relay before another server; faults and AWS' manners are built on it."""

from __future__ import annotations

import http.client
import os
import socket
import struct
import threading
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import parse_qsl, urlsplit

import attrs

Headers = list[tuple[str, str]]
_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}
_BODILESS = {204, 304}


def header(headers: Headers, name: str) -> str:
    """Return a header's value, "" where there is none."""
    return next((value for key, value in headers if key.lower() == name), "")


@attrs.frozen
class Request:
    """A request as it came; `target` is path and query."""

    method: str
    target: str
    headers: Headers
    body: bytes = attrs.field(repr=False)

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query string."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))


@attrs.frozen
class Answer:
    """An answer with its whole body; `chunked` says how the server framed it."""

    status: int
    reason: str
    headers: Headers
    body: bytes = attrs.field(repr=False)
    chunked: bool = False


class Relay:
    """Passes each request on to `upstream` (`http://host:port`) and its answer back.

    A thread a connection. `seen` holds every request in order. Heirs override `handle`. Give `host`
    and `port` where the address matters.
    """

    def __init__(self, upstream: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.seen: list[Request] = []
        self.host = host
        self.port = port
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        """The relay's own address."""
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        """Listen; the first time on a free port, later on the same."""
        self.stopping.clear()
        self.listen()

    def stop(self) -> None:
        """Close every connection and wait for every thread."""
        self.stopping.set()
        self.deafen()
        with self.lock:
            open_now = list(self._connections)
        for connection in open_now:
            _shut(connection)
        for thread in self._threads:
            thread.join(10)
        self._threads.clear()

    def listen(self) -> None:
        """Accept connections from now on."""
        listener = socket.create_server((self.host, self.port), backlog=64)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._spawn(self._accept, listener)

    def deafen(self) -> None:
        """Accept no more: a new connection is refused; those that are open go on."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _shut(listener)
            listener.close()

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Answer a request; return whether the connection stays open for another one."""
        send(connection, self.forward(request), request)
        return True

    def forward(self, request: Request) -> Answer:
        """Return the upstream's answer; 502 where it can't be reached."""
        upstream = http.client.HTTPConnection(*self._upstream, timeout=60)
        try:
            upstream.putrequest(
                request.method, request.target, skip_host=True, skip_accept_encoding=True
            )
            for key, value in request.headers:
                if key.lower() not in {*_HOP, "content-length"}:
                    upstream.putheader(key, value)
            if request.body or header(request.headers, "content-length"):
                upstream.putheader("Content-Length", str(len(request.body)))
            upstream.putheader("Connection", "close")
            upstream.endheaders(request.body or None)
            answer = upstream.getresponse()
            kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP]
            chunked = answer.getheader("Transfer-Encoding", "").lower() == "chunked"
            return Answer(answer.status, answer.reason, kept, answer.read(), chunked)
        except (OSError, http.client.HTTPException) as error:
            text = f"the upstream failed: {error}".encode()
            return Answer(502, "Bad Gateway", [("Content-Type", "text/plain")], text)
        finally:
            upstream.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _spawn(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads = [t for t in self._threads if t.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self._connections.add(connection)
            self._spawn(self._converse, connection)

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as file:
                goes_on = True
                while goes_on and not self.stopping.is_set():
                    request = _read(connection, file)
                    if request is None:
                        return
                    with self.lock:
                        self.seen.append(request)
                    goes_on = self.handle(connection, request)
                    if header(request.headers, "connection").lower() == "close":
                        return
        except (OSError, ValueError):
            return  # the other side went away, or stop() closed the connection
        finally:
            with self.lock:
                self._connections.discard(connection)


def send(connection: socket.socket, answer: Answer, request: Request) -> None:
    """Send a whole answer, framed as the upstream framed it."""
    if request.method == "HEAD" or answer.status in _BODILESS:
        connection.sendall(head(answer, answer.headers))
        return
    if answer.chunked:
        connection.sendall(head(answer, [*answer.headers, ("Transfer-Encoding", "chunked")]))
        connection.sendall(chunk(answer.body) + b"0\r\n\r\n")
    else:
        connection.sendall(head(answer, sized(answer)) + answer.body)


def sized(answer: Answer) -> Headers:
    """Return the answer's headers with a right Content-Length."""
    others = [(k, v) for k, v in answer.headers if k.lower() != "content-length"]
    return [*others, ("Content-Length", str(len(answer.body)))]


def head(answer: Answer, headers: Headers) -> bytes:
    """Return status line and headers as they go over the wire."""
    lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{k}: {v}" for k, v in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Return data as one HTTP chunk; nothing for no data, since that would be the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def reset(connection: socket.socket) -> None:
    """Close with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(connection.detach())  # close() would wait for the file that was made of the socket


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


def _read(connection: socket.socket, file: BinaryIO) -> Request | None:
    line = file.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: Headers = []
    while (text := file.readline().decode("latin-1").rstrip("\r\n")) != "":
        key, _, value = text.partition(":")
        headers.append((key, value.strip()))
    if header(headers, "expect").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if header(headers, "transfer-encoding").lower() == "chunked":
        body = b"".join(_chunks(file))
    else:
        length = int(header(headers, "content-length") or 0)
        body = file.read(length)
        if len(body) < length:
            return None
    return Request(line[0], line[1], headers, body)


def _chunks(file: BinaryIO) -> list[bytes]:
    chunks = []
    while size := int(file.readline().split(b";")[0], 16):
        chunks.append(file.read(size))
        file.readline()
    while file.readline() not in (b"\r\n", b"\n", b""):
        pass  # trailers
    return chunks
