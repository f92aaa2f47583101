"""A real VictoriaMetrics, single node: the other dialect of the same API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from .history import History
from .process import Process, Server, ServerError, program


class VictoriaMetrics(Server):
    """Debian's VictoriaMetrics; `load()` while it runs."""

    def __init__(self, folder: Path, *, flags: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.process = Process(
            "victoria-metrics",
            lambda port: [
                program("victoria-metrics"),
                f"-storageDataPath={folder / 'data'}",
                f"-httpListenAddr=127.0.0.1:{port}",
                "-retentionPeriod=100y",
                "-loggerLevel=WARN",
                "-search.latencyOffset=0s",  # answer to the last sample, as Prometheus does
                *flags,
            ],
            folder=folder,
            ready="/health",
        )

    def load(self, history: History) -> None:
        """Import history and wait until it can be queried."""
        text = (part.encode() for part in history.exposition())
        self._ask("POST", "/api/v1/import/prometheus", data=text)
        self._ask("GET", "/internal/force_flush")

    def api(self, path: str, **params: Any) -> dict[str, Any]:
        """Return the answer of `/api/v1/`path, the whole envelope, whatever its status."""
        answer = requests.get(
            f"{self.url}/api/v1/{path}", params={"nocache": 1, **params}, timeout=60
        )
        envelope: dict[str, Any] = answer.json()
        return envelope

    def api_range(self, expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Return the series of a range query; a query that fails is an error."""
        envelope = self.api("query_range", query=expr, start=start, end=end, step=step)
        if envelope["status"] != "success":
            raise ServerError(f"VictoriaMetrics answered {envelope}")
        result: list[dict[str, Any]] = envelope["data"]["result"]
        return result

    def _ask(self, method: str, path: str, **kwargs: Any) -> None:
        answer = requests.request(method, self.url + path, timeout=60, **kwargs)
        if not answer.ok:
            raise ServerError(f"VictoriaMetrics answered {answer.status_code}: {answer.text}")
