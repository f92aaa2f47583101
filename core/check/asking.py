"""Small questions to the server: one at a time, at the job's pace, with its matchers worked in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import attrs
import requests

from ..clock import Clock
from ..errors import ConfigurationError
from ..pace import Pace
from ..prometheus.client import STRICT, Client, Server
from ..prometheus.errors import BrokenAnswerError, TooMuchError
from ..promql import work_in
from ..retry import Retries, RetryPolicy
from ..settings import CatalogueSettings
from ..stop import Stop

T = TypeVar("T")

_POLICY: Final = RetryPolicy(tries=3, patience=30.0)


@attrs.frozen
class Row:
    """One series of an answer: its labels (`__name__` among them) and its value now."""

    labels: Mapping[str, str]
    value: float


class Overheard:
    """A server that remembers the status and the headers of its last answer."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.url = server.url
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}

    def send(
        self, method: str, path: str, params: dict[str, str], *, timeout: float
    ) -> requests.Response:
        """Send, and note what comes back."""
        self.status, self.headers = None, {}
        response = self._server.send(method, path, params, timeout=timeout)
        self.status, self.headers = response.status_code, response.headers
        return response

    def refused(self, response: requests.Response) -> ConfigurationError:
        """Say what was tried."""
        return self._server.refused(response)


class Asking:
    """Asks for what is there at the moment `at` (Unix seconds); raises what `Client.ask` does."""

    def __init__(
        self, client: Client, pace: Pace, clock: Clock, stop: Stop, settings: CatalogueSettings
    ) -> None:
        self._client = client
        self._pace = pace
        self._clock = clock
        self._stop = stop
        self._matchers = settings.matchers
        self._label = settings.cluster_label
        self.at = 0

    def rows(self, expression: str, at: int | None = None, *, timeout: float = 30.0) -> list[Row]:
        """Return the answer to an expression of our own, `MATCHERS` and `CLUSTER_LABEL` in it."""
        return self.raw(work_in(expression, self._matchers, self._label), at, timeout=timeout)

    def raw(self, expression: str, at: int | None = None, *, timeout: float = 30.0) -> list[Row]:
        """Return the answer to an expression as it stands."""
        params = {"query": expression, "time": str(self.at if at is None else at)}
        result = self._vector(params, timeout)
        try:
            return [Row(dict(each["metric"]), float(each["value"][1])) for each in result]
        except (KeyError, IndexError, TypeError, ValueError):
            raise BrokenAnswerError("the answer holds no vector") from None

    def count(self, expression: str, at: int | None = None) -> int:
        """Return how many series an expression of our own gives."""
        return total(self.rows(f"count({expression})", at))

    def first(self, selector: str) -> Row | None:
        """Return one of the series, the largest; where there is none now, one of the last while."""
        for expression in (f"topk(1, {selector})", f"topk(1, max_over_time({selector}[20m]))"):
            if found := self.rows(expression):
                return found[0]
        return None

    def times(self, selector: str, seconds: int) -> list[float]:
        """Return when the first of the selector's series was scraped in the last `seconds`."""
        query = work_in(f"{selector}[{seconds}s]", self._matchers, None)
        result = self._vector({"query": query, "time": str(self.at)}, 30.0)
        try:
            return [float(at) for at, _ in result[0]["values"]] if result else []
        except (KeyError, TypeError, ValueError):
            raise BrokenAnswerError("the answer holds no samples") from None

    def label_names(self, selector: str) -> list[str]:
        """Return the names of all labels that the series have."""
        params = {
            "match[]": work_in(selector, self._matchers, None),
            "start": str(self.at - 3600),
            "end": str(self.at),
        }
        found = self._paced(lambda: self._client.ask("labels", params, 30.0))
        return [str(name) for name in found] if isinstance(found, list) else []

    def build(self) -> Mapping[str, Any]:
        """Return what the server says of its own version."""
        found = self._paced(lambda: self._client.ask("status/buildinfo", {}))
        return found if isinstance(found, dict) else {}

    def server_clock(self) -> float:
        """Return the server's time, Unix seconds; the cheapest question there is."""
        data = self._paced(lambda: self._client.ask("query", {"query": "time()", "nocache": "1"}))
        try:
            result = data["result"]
            if data["resultType"] == "vector":  # VictoriaMetrics
                result = result[0]["value"]
            return float(result[1])
        except (KeyError, IndexError, TypeError, ValueError):
            raise BrokenAnswerError("the answer to time() is no number") from None

    def is_up(self) -> bool:
        """Whether the server still gives a sign of life."""
        return self._paced(self._client.is_up)

    def _vector(self, params: dict[str, str], timeout: float) -> list[Any]:
        params = {**params, "timeout": f"{timeout:g}", **STRICT}
        data = self._paced(lambda: self._client.ask("query", params, timeout + 1))
        result = data.get("result") if isinstance(data, dict) else None
        if not isinstance(result, list):
            raise BrokenAnswerError("the answer holds no result")
        return result

    def _paced(self, ask: Callable[[], T]) -> T:
        retries = Retries(_POLICY, self._clock)
        while True:
            with self._stop.breakable():
                try:
                    return self._timed(ask)
                except TooMuchError as error:
                    if error.lasting or not retries.wait(error.retry_after):
                        raise

    def _timed(self, ask: Callable[[], T]) -> T:
        self._pace.begin()
        try:
            return ask()
        finally:
            self._pace.end()


def total(rows: list[Row]) -> int:
    """Return the sum of the values; a count split by `CLUSTER_LABEL` becomes one again."""
    return sum(int(row.value) for row in rows if math.isfinite(row.value))
