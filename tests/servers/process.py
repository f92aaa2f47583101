"""A server process: started on a free port, waited for, stopped for certain."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_INSTALLED = Path(__file__).resolve().parents[2] / ".venv" / "servers"
_SEARCHED = os.pathsep.join(
    (
        *(str(_INSTALLED / name / "bin") for name in ("moto", "ministack")),
        os.environ.get("PATH", os.defpath),
        "/usr/sbin",
        "/usr/local/sbin",
    )
)
_UNREADY_FROM = 500


class ServerError(RuntimeError):
    """A server could not be started; the text says which and why."""


def program(name: str) -> str:
    """Return the path of an installed program; its absence is a failure, never a skip."""
    found = shutil.which(name, path=_SEARCHED)
    if found is None:
        raise ServerError(f"{name} is not installed: run `make test`, which installs it")
    return found


def free_port() -> int:
    """Return a loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tethered(command: Sequence[str]) -> list[str]:
    """Return the command such that the kernel kills it once the thread that starts it has ended."""
    tether = shutil.which("setpriv", path=_SEARCHED)
    return [*([tether, "--pdeathsig", "KILL", "--"] if tether else []), *command]


class Process:
    """One server process and the port it listens on.

    `command` makes the command line for a port. `ready` is a path that answers with a status below
    500 once the server serves. What the process writes goes to `folder`/`name`.log. The kernel
    kills the process should the thread that started it end first, so not even a crash of the
    tests leaves it behind.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[int], Sequence[str]],
        *,
        folder: Path,
        ready: str,
        scheme: str = "http",
        environ: Callable[[int], Mapping[str, str]] = lambda _: {},
        wait: float = 30.0,
    ) -> None:
        self.name = name
        self.scheme = scheme
        self.log = folder / f"{name}.log"
        self.port = 0
        self._command = command
        self._ready = ready
        self._environ = environ
        self._wait = wait
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._popen is None:
            raise ServerError(f"{self.name} is not running")
        return self._popen.pid

    def start(self) -> None:
        """Start the server and wait until it serves; the first start chooses the port."""
        chosen = self.port
        for attempts_left in (2, 1, 0):  # another process may take a free port before the server
            self.port = chosen or free_port()
            try:
                self._start()
            except ServerError:
                self.stop()
                if chosen or not attempts_left or "in use" not in self.log.read_text("utf-8"):
                    self.port = chosen
                    raise
            else:
                return

    def stop(self, grace: float = 3.0) -> None:
        """Ask the server to end, and kill it when it has not after `grace` seconds."""
        popen, self._popen = self._popen, None
        if popen is None:
            return
        popen.terminate()
        try:
            popen.wait(grace)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        self.stop(grace=0)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP makes a server that accepts connections and never answers."""
        os.kill(self.pid, number)

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                tethered(self._command(self.port)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environ(self.port)},
                start_new_session=True,  # Ctrl-C reaches the tests, and they stop the server
            )
        end = time.monotonic() + self._wait
        while not self._serves():
            if self._popen.poll() is not None:
                raise ServerError(f"{self.name} ended at its start: {self._last_words()}")
            if time.monotonic() > end:
                raise ServerError(f"{self.name} did not get ready: {self._last_words()}")
            time.sleep(0.02)

    def _serves(self) -> bool:
        unverified = ssl.create_default_context()
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        try:
            with urllib.request.urlopen(self.url + self._ready, timeout=2, context=unverified):
                return True
        except urllib.error.HTTPError as answer:
            answer.close()
            return answer.code < _UNREADY_FROM
        except OSError as error:
            # One that wants a client certificate serves: just not us.
            return "_ALERT_" in str(getattr(error, "reason", ""))

    def _last_words(self) -> str:
        return self.log.read_text("utf-8", errors="replace")[-2000:]


class Server:
    """What every server here does with its process; a server sets `process` when it is made."""

    process: Process

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return self.process.url

    @property
    def port(self) -> int:
        """The loopback port; stays the same when the server is stopped and started again."""
        return self.process.port

    def start(self) -> None:
        """Start the server and wait until it serves."""
        self.process.start()

    def stop(self) -> None:
        """Stop the server; its data stays for the next start."""
        self.process.stop()

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
