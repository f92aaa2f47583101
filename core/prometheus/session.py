"""The HTTP session: credentials for every request, TLS, and redirects that never leak a secret."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from ..authentication import Authentication
from ..errors import ConfigurationError, KnownError, UnavailableError
from ..settings import ServerSettings
from .scrub import said_by
from .tls import is_broken_off, tls_error

log = logging.getLogger(__name__)

_REDIRECTS: Final = 3
_CONNECT_TIMEOUT: Final = 10.0


@cache
def _agent() -> str:
    return f"promferry/{version('promferry')}"


class _NoAuth(AuthBase):
    """Credentials of nobody: with an auth object given, requests never looks into .netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class _Unled(requests.Session):
    """Follows no redirect and looks at none: even unfollowed, requests prepares the next step."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that there is none; whoever sends decides."""


class Session:
    """Sends requests below one base address, and to no other origin."""

    def __init__(self, server: ServerSettings, authentication: Authentication) -> None:
        self.url = server.url
        self._server = server
        self._authentication = authentication
        self._session = _Unled()
        self._files: tuple[tuple[int, ...], ...] = ()
        gzip = server.accept_gzip == "true" or (
            server.accept_gzip == "auto" and server.scheme == "https"
        )
        self._session.headers.clear()
        self._session.headers.update(
            {
                "User-Agent": _agent(),
                "Accept": "application/json",
                "Accept-Encoding": "gzip" if gzip else "identity",
            }
        )
        self._verify: bool | str = str(server.ca_file) if server.ca_file is not None else True
        if server.insecure_skip_verify:
            self._verify = False
            if server.scheme == "https":
                log.warning(
                    "PROMETHEUS_INSECURE_SKIP_VERIFY is set: whoever answers for %s is believed",
                    server.hostname,
                )
        self._cert: tuple[str, str] | str | None = None
        if server.client_cert_file is not None:
            key = server.client_key_file
            cert = str(server.client_cert_file)
            self._cert = (cert, str(key)) if key else cert

    def send(
        self, method: str, path: str, params: dict[str, str], *, timeout: float
    ) -> requests.Response:
        """Send one request; the answer's body is unread.

        Raises `UnavailableError` where no connection comes about and `ConfigurationError` where
        TLS, the credentials or a redirect say that the settings are wrong. What goes wrong after
        the connection (time-out, reset) is raised as requests raises it.
        """
        self._renew()
        url = f"{self.url}{path}"
        for _ in range(_REDIRECTS + 1):
            response = self._request(method, url, params, timeout)
            target = response.headers.get("Location") if response.is_redirect else None
            if target is None:
                return response
            response.close()
            url = self._followed(url, target)
            params = params if method == "POST" else {}
        raise ConfigurationError(f"{self.url} redirects in a circle; check PATH_PREFIX and SCHEME")

    def refused(self, response: requests.Response) -> ConfigurationError:
        """Say what was tried when the server answered 401 or 403, and what it said."""
        said = said_by(response)
        said = re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", said, flags=re.DOTALL)
        said = " ".join(said.split())[:200]
        asked = response.headers.get("WWW-Authenticate", "").split(" ")[0]
        return ConfigurationError(
            f"{self.url} answers HTTP {response.status_code} to"
            f" {self._authentication.description}"
            + (f", it asks for {asked}" if asked.isalpha() else "")
            + (f": {said}" if said else "")
            + "; set the variables of the auth method that the server wants, or correct their"
            " values"
        )

    def _request(
        self, method: str, url: str, params: dict[str, str], timeout: float
    ) -> requests.Response:
        given = {"params": params} if method == "GET" else {"data": params}
        try:
            with _silent():
                return self._session.request(
                    method,
                    url,
                    auth=self._authentication.http or _NoAuth(),
                    timeout=(min(timeout, _CONNECT_TIMEOUT), timeout),
                    stream=True,
                    allow_redirects=False,
                    # Given here, the environment's REQUESTS_CA_BUNDLE does not overrule it.
                    verify=self._verify,
                    cert=self._cert,
                    **given,  # type: ignore[arg-type]
                )
        except (requests.RequestException, ValueError) as error:
            meaning = self._meaning(error, timeout)
            if meaning is None:
                raise
            raise meaning from None

    def _meaning(self, error: Exception, timeout: float) -> KnownError | None:
        """Return what is wrong where no answer came; None where it was there and broke off."""
        kinds = requests.exceptions
        if isinstance(error, kinds.SSLError):
            return None if is_broken_off(error) else tls_error(error, self._server)
        if isinstance(error, (kinds.InvalidURL, kinds.InvalidProxyURL)):
            return ConfigurationError(
                f"{self.url} is no address; check SCHEME, HOSTNAME, PORT and PATH_PREFIX"
            )
        if isinstance(error, kinds.InvalidHeader) or not isinstance(error, kinds.RequestException):
            return ConfigurationError(
                f"{self._authentication.description}: not all of its characters fit into a header"
            )
        if isinstance(error, kinds.ConnectTimeout):
            return UnavailableError(
                f"{self.url} can't be reached: no connection in"
                f" {min(timeout, _CONNECT_TIMEOUT):g} s; check HOSTNAME, PORT and the"
                " network policies between"
            )
        if isinstance(error, kinds.ProxyError):
            return UnavailableError(
                f"{self.url} can't be reached through the proxy: {_cause(_innermost(error))};"
                " check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
            )
        reason = getattr(error.args[0] if error.args else error, "reason", None)
        if isinstance(reason, urllib3.exceptions.NewConnectionError):
            return UnavailableError(
                f"{self.url} can't be reached: {_cause(reason)}; check HOSTNAME and PORT"
            )
        return None

    def _followed(self, url: str, target: str) -> str:
        """Return where a redirect leads, if that is the same origin."""
        try:
            target = urljoin(url, target)
            here, there = urlsplit(url), urlsplit(target)
            port = _port(there)
        except ValueError:
            raise ConfigurationError(
                f"{self.url} redirects to what is no address; check HOSTNAME and PORT"
            ) from None
        if (here.scheme, here.hostname, _port(here)) == (there.scheme, there.hostname, port):
            return target
        origin = f"{there.scheme}://{there.netloc.rpartition('@')[2]}"
        prefix, is_api, _ = there.path.partition("/api/v1")
        if not is_api:
            raise ConfigurationError(
                f"{self.url} redirects to another origin, {origin}{there.path}, where no"
                " credentials are sent to, and that is no API: a sign-in page, it seems; set"
                f" SCHEME, HOSTNAME, PORT and PATH_PREFIX to where the API itself is (SCHEME="
                f"{there.scheme} HOSTNAME={there.hostname} PORT={port}, if it is there), or"
                " credentials that the server takes"
            )
        raise ConfigurationError(
            f"{self.url} redirects to another origin, {origin}, where no credentials are sent to;"
            f" if that is the right one set SCHEME={there.scheme} HOSTNAME={there.hostname}"
            f" PORT={port} PATH_PREFIX={prefix.rstrip('/') or repr('')}"
        )

    def _renew(self) -> None:
        """Begin with new connections where the certificate's files have changed."""
        server = self._server
        files = []
        for file in (server.client_cert_file, server.client_key_file, server.ca_file):
            try:
                found = file.stat() if file is not None else None
            except OSError:  # gone for the moment in which it is replaced
                return
            if found is not None:
                files.append((found.st_mtime_ns, found.st_ino, found.st_size))
        if tuple(files) != self._files:
            self._files = tuple(files)
            for adapter in self._session.adapters.values():
                adapter.close()
            self._session.mount("https://", HTTPAdapter(pool_maxsize=1, max_retries=0))
            self._session.mount("http://", HTTPAdapter(pool_maxsize=1, max_retries=0))


def open_session(server: ServerSettings, authentication: Authentication) -> Session:
    """Return a session for the server that the settings say."""
    return Session(server, authentication)


@contextmanager
def _silent() -> Iterator[None]:
    """Silence urllib3's warning of each unchecked certificate; one of ours stands in the log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        yield


def _port(parts: SplitResult) -> int:
    return int(parts.port or (443 if parts.scheme == "https" else 80))


def _cause(error: BaseException) -> str:
    """Return the last part of a chain of causes told in one line."""
    return " ".join(str(error).split()).rpartition(": ")[2]


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error
