"""A real Prometheus with a past of our making."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from .history import History
from .process import Process, Server, ServerError, program
from .remote_write import requests_of


class Prometheus(Server):
    """Debian's Prometheus in a folder of its own, scraping nothing.

    `load()` gives it history before its start or between a stop and a start (any age, any length),
    `push()` while it runs. `flags` are further
    command-line flags (`--query.max-samples=1000`), `web_config` the text of a web configuration
    (TLS, Basic authentication), `prefix` a sub-path such as `/monitoring/prom`. `auth` and
    `verify` are what requests takes; `api()` and its kin use them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        history: History | None = None,
        flags: Sequence[str] = (),
        web_config: str = "",
        prefix: str = "",
        auth: Any = None,
        verify: bool | str = True,
    ) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.prefix = prefix
        self.auth = auth
        self.verify = verify
        self.data.mkdir(parents=True, exist_ok=True)
        (folder / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
        self._flags = list(flags)
        if web_config:
            (folder / "web.yml").write_text(web_config, encoding="utf-8")
            self._flags.append(f"--web.config.file={folder / 'web.yml'}")
        scheme = "https" if "tls_server_config" in web_config else "http"
        self.process = Process(
            "prometheus",
            lambda port: self._command(scheme, port),
            folder=folder,
            ready=f"{prefix}/-/ready",
            scheme=scheme,
        )
        if history is not None:
            self.load(history)

    @property
    def url(self) -> str:
        """The base address of the API, with the sub-path: what comes before `/api/v1`."""
        return self.process.url + self.prefix

    def load(self, history: History) -> None:
        """Turn history into blocks of the database; the server must not be running."""
        text = self.folder / "history.om"
        history.write(text)
        made = subprocess.run(
            [program("promtool"), "tsdb", "create-blocks-from",
             "--max-block-duration=240h",  # a pass over the text per block: fewer are faster
             "openmetrics", str(text), str(self.data)],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        text.unlink()
        if made.returncode:
            raise ServerError(f"promtool did not take the history: {made.stderr.strip()[-2000:]}")

    def push(self, history: History) -> None:
        """Write history into the running server, the fastest way; NaN and `STALE` are kept.

        Each series has to be newer than what it holds. The database takes in what is at most five
        days older than its newest sample, and nothing older than what `load()` gave it.
        """
        headers = {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
        with requests.Session() as session:
            for body in requests_of(history):
                answer = session.post(
                    f"{self.url}/api/v1/write", data=body, headers=headers,
                    auth=self.auth, verify=self.verify, timeout=60,
                )  # fmt: skip
                if not answer.ok:
                    raise ServerError(f"Prometheus took no samples: {answer.text.strip()[:500]}")

    def api(self, path: str, **params: Any) -> dict[str, Any]:
        """Return the answer of `/api/v1/`path, the whole envelope, whatever its status."""
        answer = requests.get(
            f"{self.url}/api/v1/{path}", params=params, auth=self.auth, verify=self.verify,
            timeout=60,
        )  # fmt: skip
        envelope: dict[str, Any] = answer.json()
        return envelope

    def api_range(self, expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Return the series of a range query: `metric` and `values` of each, as the API has them.

        Both ends count, as in the API; a query that fails is an error with the server's words.
        """
        envelope = self.api("query_range", query=expr, start=start, end=end, step=step)
        return self._result(envelope)

    def api_instant(self, expr: str, at: float) -> list[dict[str, Any]]:
        """Return the series of an instant query: `metric` and `value` of each."""
        return self._result(self.api("query", query=expr, time=at))

    @staticmethod
    def _result(envelope: dict[str, Any]) -> list[dict[str, Any]]:
        if envelope["status"] != "success":
            raise ServerError(f"Prometheus answered {envelope['errorType']}: {envelope['error']}")
        result: list[dict[str, Any]] = envelope["data"]["result"]
        return result

    def _command(self, scheme: str, port: int) -> list[str]:
        path = [
            f"--web.external-url={scheme}://127.0.0.1:{port}{self.prefix}",
            f"--web.route-prefix={self.prefix}",
        ]
        return [
            program("prometheus"),
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.data}",
            "--storage.tsdb.retention.time=100y",  # without it, old blocks vanish
            "--storage.tsdb.min-block-duration=240h",  # what is pushed stays in the head
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--log.level=warn",
            *(path if self.prefix else []),
            *self._flags,
        ]
