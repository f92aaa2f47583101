"""Asking a Prometheus-compatible server for a range, and judging what it answers."""

from __future__ import annotations

import email.utils
import json
import logging
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol
from urllib.parse import urlencode

import attrs
import requests
import urllib3

from ..clock import Clock
from ..errors import ConfigurationError, RejectedError, TryLaterError, UnavailableError
from ..windows import last_sample
from .errors import BrokenAnswerError, TooMuchError
from .framing import Counts, Framing
from .scrub import said_by, scrubbed

log = logging.getLogger(__name__)

_CHUNK: Final = 1 << 17
_AHEAD: Final = 8 << 20
_LONGEST_URL: Final = 4000
MOST_POINTS: Final = 11_000
STRICT: Final = {"partial_response": "false", "deny_partial_response": "1", "nocache": "1"}
_RESOLUTION: Final = re.compile(
    r"exceeded maximum resolution|maximum of [\d,]+ point", re.IGNORECASE
)
_PARSE: Final = re.compile(r"pars(e|ing)\b|unknown function|unsupported function", re.IGNORECASE)
_WANTS_TLS: Final = re.compile(  # Go, nginx
    r"HTTP request to an HTTPS server|sent to HTTPS port", re.IGNORECASE
)
_WANTS_CERTIFICATE: Final = re.compile(r"SSL certificate", re.IGNORECASE)
_PARTIAL: Final = re.compile(
    r"partial|no store ?apis? matched|receive series from|fetch series|rpc error|remote.?read"
    r"|unavailable|connection (refused|reset)|deadline exceeded|store .*(missing|down)",
    re.IGNORECASE,
)


class Server(Protocol):
    """What the client sends through: authentication, TLS and redirects are its business."""

    url: str

    def send(
        self, method: str, path: str, params: dict[str, str], *, timeout: float
    ) -> requests.Response:
        """Send one request below the base address; return the answer with its body unread."""

    def refused(self, response: requests.Response) -> ConfigurationError:
        """Say what was tried when the server answered 401 or 403."""


@attrs.frozen
class Query:
    """One range query: samples at `start`, `start + step`, ... before `end`. Unix seconds."""

    expression: str
    start: int
    end: int
    step: int


class Client:
    """Sends one query at a time and hands its series on as lines."""

    def __init__(self, server: Server, timeout: float, clock: Clock) -> None:
        self._server = server
        self._timeout = timeout
        self._clock = clock

    @property
    def url(self) -> str:
        """The server's base address."""
        return self._server.url

    def query_range(self, query: Query, write: Callable[[bytes], None]) -> Counts:
        """Ask, and `write` the series' lines as they come; return what went through.

        What was written counts only when this returns. Raises `TooMuchError` and
        `BrokenAnswerError` (the caller's retry policy decides), `RejectedError` where the query can
        never work, `ConfigurationError` where the server wants other settings, and
        `UnavailableError` where it can't be reached.
        """
        params = {
            "query": query.expression,
            "start": str(query.start),
            "end": str(last_sample(query.start, query.end, query.step)),
            "step": str(query.step),
            "timeout": f"{self._timeout:g}",
            **STRICT,
        }
        deadline = self._clock.monotonic() + self._timeout + max(1.0, self._timeout / 10)
        try:
            response = self._send("/api/v1/query_range", params, self._timeout + 1)
            with response:
                if response.status_code != requests.codes.ok:
                    raise _judge(response, self._server)
                return self._read(query, response, write, deadline)
        except (requests.Timeout, urllib3.exceptions.ReadTimeoutError, TimeoutError):
            raise TooMuchError(
                f"no whole answer within {self._timeout:g} s (QUERY_TIMEOUT)", silent=True
            ) from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise BrokenAnswerError(f"the answer is cut short: {_reason(error)}") from None

    def ask(self, path: str, params: dict[str, str], timeout: float = 10.0) -> Any:
        """Return the `data` of a small answer below `/api/v1`; errors as in `query_range`."""
        try:
            response = self._send(f"/api/v1/{path}", params, timeout)
            with response:
                if response.status_code != requests.codes.ok:
                    raise _judge(response, self._server)
                document = response.json()
        except ValueError:
            raise BrokenAnswerError("the answer is not JSON") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise BrokenAnswerError(_reason(error)) from None
        if not isinstance(document, dict) or document.get("status") != "success":
            said = scrubbed(str(document), response)[:200]
            raise BrokenAnswerError(f"the answer is no success: {said}")
        return document.get("data")

    def is_up(self) -> bool:
        """Whether the server answers the smallest query there is."""
        try:
            self.ask("query", {"query": "vector(1)"})
        except (BrokenAnswerError, TooMuchError, TryLaterError):
            return False
        return True

    def _send(self, path: str, params: dict[str, str], timeout: float) -> requests.Response:
        length = len(urlencode(params))
        method = "GET" if length <= _LONGEST_URL else "POST"
        return self._server.send(method, path, params, timeout=timeout)

    def _read(
        self,
        query: Query,
        response: requests.Response,
        write: Callable[[bytes], None],
        deadline: float,
    ) -> Counts:

        def hide(said: str) -> str:
            return scrubbed(said, response)

        framing = Framing(query.start, query.end, hide)
        for chunk in _ahead(self._chunks(response, deadline)):
            for lines in framing.feed(chunk):
                write(lines)
        lines_left, envelope = framing.finish()
        for lines in lines_left:
            write(lines)
        _check_envelope(envelope, hide)
        return framing.counts

    def _chunks(self, response: requests.Response, deadline: float) -> Iterator[bytes]:
        """Yield the body as it comes in, decompressed.

        A body shorter than announced raises, and one that is not there by the deadline.
        """
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            yield chunk
            if self._clock.monotonic() > deadline:
                raise TimeoutError


def _ahead(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield chunks, but take in some megabytes first, so that the server is done the sooner."""
    waiting: deque[bytes] = deque()
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        while size > _AHEAD:
            size -= len(waiting[0])
            yield waiting.popleft()
    yield from waiting


def _judge(response: requests.Response, server: Server) -> Exception:
    """Return the error that an answer with another status than 200 stands for."""
    code = response.status_code
    if code in (401, 403):
        return server.refused(response)
    kind, message = _error_of(response)
    said = f"HTTP {code}: {message}" if message else f"HTTP {code}"
    if code == 404:  # noqa: PLR2004
        return ConfigurationError(
            f"{server.url} has no Prometheus API ({said}); set PATH_PREFIX, HOSTNAME and PORT to"
            " where /api/v1/query_range answers"
        )
    if code == 400 and _WANTS_TLS.search(message):  # noqa: PLR2004
        return ConfigurationError(f"{server.url} wants TLS ({said}); set SCHEME=https")
    if code == 400 and _WANTS_CERTIFICATE.search(message):  # noqa: PLR2004
        return ConfigurationError(
            f"{server.url} wants a client certificate ({said}); set PROMETHEUS_CLIENT_CERT_FILE"
            " and PROMETHEUS_CLIENT_KEY_FILE to one that it takes"
        )
    if code == 400 and not _RESOLUTION.search(message):  # noqa: PLR2004
        return RejectedError(f"the server rejects the query: {said}")
    if code == 422 and _PARSE.search(message):  # noqa: PLR2004
        return RejectedError(f"the server rejects the query: {said}")
    if code in (400, 408, 413, 422, 504):
        return TooMuchError(said, retry_after=_retry_after(response))
    if code in (429, 503):
        lasting = kind == "timeout"
        return TooMuchError(said, lasting=lasting, retry_after=_retry_after(response))
    if code >= 500:  # noqa: PLR2004
        return BrokenAnswerError(said, _retry_after(response))
    return RejectedError(f"the server rejects the request: {said}")


def _error_of(response: requests.Response) -> tuple[str, str]:
    """Return the error's type and one line of what the server says of it."""
    text = said_by(response)
    try:
        document = json.loads(text)
        kind, message = str(document["errorType"]), str(document["error"])
    except (ValueError, KeyError, TypeError):
        if "<html" in text.lower() or "<!doctype" in text.lower():
            title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
            text = f"an HTML page, {title[1].strip()!r}" if title else "an HTML page"
        kind, message = "", text
    return kind, " ".join(message.split())[:300]


def _retry_after(response: requests.Response) -> float | None:
    given = response.headers.get("Retry-After", "").strip()
    if given.isdigit():
        return float(given)
    try:
        moment = email.utils.parsedate_to_datetime(given)
        sent = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, (moment - sent).total_seconds())


def _check_envelope(envelope: dict[str, Any], hide: Callable[[str], str]) -> None:
    """Raise unless the envelope says that the answer is whole."""
    if envelope.get("status") != "success":
        kind = str(envelope.get("errorType", "unknown"))
        said = f"the server answers with an error: {kind}: {envelope.get('error', '')}"
        said = hide(" ".join(said.split()))[:300]
        if kind == "bad_data":
            raise RejectedError(said)
        if kind in ("timeout", "execution", "canceled"):
            raise TooMuchError(said)
        raise BrokenAnswerError(said)
    data = envelope.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise BrokenAnswerError("the answer holds no matrix")
    if data.get("result") != []:
        raise BrokenAnswerError("data.result of the answer is not an array")
    if envelope.get("isPartial") or data.get("isPartial"):
        raise BrokenAnswerError("the answer is partial (isPartial): a part of the store is missing")
    for warning in envelope.get("warnings") or ():
        line = hide(" ".join(str(warning).split()))[:300]
        if not line.startswith("PromQL") and _PARTIAL.search(line):
            raise BrokenAnswerError(f"the answer is partial: {line}")
        log.warning("the server warns: %s", line)
    for info in envelope.get("infos") or ():
        log.debug("the server informs: %s", hide(" ".join(str(info).split()))[:300])


def _reason(error: Exception) -> str:
    """Return the innermost cause of a connection's failure, in one line."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__  # type: ignore[assignment]
    line = " ".join(str(cause).split())[:200]
    return line or type(cause).__name__


__all__ = ["MOST_POINTS", "Client", "Query", "Server", "UnavailableError"]
