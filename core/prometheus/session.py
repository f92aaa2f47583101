"""The HTTP session: credentials for every request, TLS, and redirects that never leak a secret."""

from __future__ import annotations

import logging
import re
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from ..authentication import Authentication
from ..errors import ConfigurationError, UnavailableError
from ..settings import ServerSettings

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


class Session:
    """Sends requests below one base address, and to no other origin."""

    def __init__(self, server: ServerSettings, authentication: Authentication) -> None:
        self.url = server.url
        self._server = server
        self._authentication = authentication
        self._session = requests.Session()
        self._session.max_redirects = 0
        self._certificate: tuple[float, ...] = ()
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
        self._session.verify = True
        if server.ca_file is not None:
            self._session.verify = str(server.ca_file)
        if server.insecure_skip_verify:
            self._session.verify = False
            if server.scheme == "https":
                log.warning(
                    "PROMETHEUS_INSECURE_SKIP_VERIFY is set: whoever answers for %s is believed",
                    server.hostname,
                )
        if server.client_cert_file is not None:
            key = server.client_key_file
            cert = str(server.client_cert_file)
            self._session.cert = (cert, str(key)) if key else cert

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
            url = self._followed(url, urljoin(url, target))
            params = params if method == "POST" else {}
        raise ConfigurationError(f"{self.url} redirects in a circle; check PATH_PREFIX and SCHEME")

    def refused(self, response: requests.Response) -> ConfigurationError:
        """Say what was tried when the server answered 401 or 403, and what it said."""
        try:
            said = response.raw.read(2048, decode_content=True).decode("utf-8", "replace")
        except (urllib3.exceptions.HTTPError, OSError):
            said = ""
        said = re.sub(r"<[^>]*>", " ", said)
        said = " ".join(self._scrubbed(said, response).split())[:200]
        return ConfigurationError(
            f"{self.url} answers HTTP {response.status_code} to"
            f" {self._authentication.description}" + (f": {said}" if said else "")
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
                    **given,  # type: ignore[arg-type]
                )
        except requests.exceptions.SSLError as error:
            raise self._tls(error) from None
        except requests.exceptions.InvalidHeader:
            raise ConfigurationError(
                f"{self._authentication.description}: not all of its characters fit into a header"
            ) from None
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidProxyURL):
            raise ConfigurationError(
                f"{self.url} is no address; check SCHEME, HOSTNAME, PORT and PATH_PREFIX"
            ) from None
        except requests.exceptions.ConnectTimeout:
            raise UnavailableError(
                f"{self.url} can't be reached: no connection in"
                f" {min(timeout, _CONNECT_TIMEOUT):g} s; check HOSTNAME, PORT and the"
                " network policies between"
            ) from None
        except requests.exceptions.ConnectionError as error:
            cause = error.args[0] if error.args else error
            reason = getattr(cause, "reason", None)
            if isinstance(reason, urllib3.exceptions.NewConnectionError):
                line = " ".join(str(reason).split()).rpartition(": ")[2]
                raise UnavailableError(
                    f"{self.url} can't be reached: {line}; check HOSTNAME and PORT"
                ) from None
            raise
        except (UnicodeError, ValueError) as error:
            if isinstance(error, requests.RequestException):
                raise
            raise ConfigurationError(
                f"{self._authentication.description}: not all of its characters fit into a header"
            ) from None

    def _followed(self, url: str, target: str) -> str:
        """Return where a redirect leads, if that is the same origin."""
        here, there = urlsplit(url), urlsplit(target)
        if (here.scheme, here.hostname, _port(here)) == (
            there.scheme,
            there.hostname,
            _port(there),
        ):
            return target
        prefix = there.path.partition("/api/v1")[0].rstrip("/")
        raise ConfigurationError(
            f"{self.url} redirects to another origin, where no credentials are sent to; if that is"
            f" the right one set SCHEME={there.scheme} HOSTNAME={there.hostname}"
            f" PORT={_port(there)}" + (f" PATH_PREFIX={prefix}" if prefix else "")
        )

    def _renew(self) -> None:
        """Begin with new connections where the certificate's files have changed."""
        files = (
            self._server.client_cert_file,
            self._server.client_key_file,
            self._server.ca_file,
        )
        stamps = tuple(file.stat().st_mtime_ns for file in files if file and file.exists())
        if stamps != self._certificate:
            self._certificate = stamps
            for adapter in self._session.adapters.values():
                adapter.close()
            self._session.mount("https://", HTTPAdapter(pool_maxsize=1, max_retries=0))
            self._session.mount("http://", HTTPAdapter(pool_maxsize=1, max_retries=0))

    def _tls(self, error: requests.exceptions.SSLError) -> ConfigurationError | UnavailableError:
        line = " ".join(str(error).split())
        found = re.search(r"certificate verify failed: ([^(\"']*)", line)
        host = f"{self._server.hostname}:{self._server.port}"
        if found and "match" in line.lower():
            named = _names(self._server.hostname, self._server.port)
            return ConfigurationError(
                f"the certificate of {host} is not for {self._server.hostname!r}"
                + (f" but for {', '.join(named)}" if named else "")
                + "; set HOSTNAME to a name that the certificate has"
            )
        if found:
            return ConfigurationError(
                f"the certificate of {host} is not trusted: {found[1].strip()}; set"
                " PROMETHEUS_CA_FILE to the authority that signed it"
            )
        if re.search(r"WRONG_VERSION|wrong version|record layer|HTTP_REQUEST", line):
            return ConfigurationError(
                f"{host} does not speak TLS; set SCHEME=http, or another PORT"
            )
        reason = re.search(r"\[SSL[^\]]*\] [^(\"']*", line)
        told = reason[0].strip() if reason else line[:200]
        return ConfigurationError(
            f"no TLS connection to {host}: {told}; check SCHEME, PROMETHEUS_CA_FILE and the"
            " PROMETHEUS_CLIENT_CERT_FILE"
        )

    def _scrubbed(self, said: str, response: requests.Response) -> str:
        """Return what the server said without anything of what we sent as credentials."""
        request = response.request
        plain = {name.lower() for name in self._session.headers} | {"content-type", "host"}
        for name, value in (request.headers or {}).items():
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            if name.lower() in plain or name.lower() in ("content-length", "x-scope-orgid"):
                continue
            for part in (text, *text.split()):
                if len(part) > 3:  # noqa: PLR2004
                    said = said.replace(part, "***")
        return said


def open_session(server: ServerSettings, authentication: Authentication) -> Session:
    """Return a session for the server that the settings say."""
    return Session(server, authentication)


@contextmanager
def _silent() -> Iterator[None]:
    """Silence urllib3's warning of each unchecked certificate; one of ours stands in the log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        yield


def _port(parts: Any) -> int:
    return int(parts.port or (443 if parts.scheme == "https" else 80))


def _names(host: str, port: int) -> list[str]:
    """Return the names in a server's certificate, asked for once more and not verified."""
    return list(_asked_names(host.strip("[]"), port))


def _asked_names(host: str, port: int) -> Iterator[str]:
    try:
        text = ssl.get_server_certificate((host, port), timeout=5)
    except (OSError, ValueError):
        return
    der = ssl.PEM_cert_to_DER_cert(text)
    yield from dict.fromkeys(_dns_names(der))


def _dns_names(der: bytes) -> Iterator[str]:
    """Yield the names of the extension subjectAltName (RFC 5280, 4.2.1.6): DNS and IP."""
    at = der.find(b"\x06\x03\x55\x1d\x11")
    if at < 0:
        return
    at = der.find(b"\x30", at + 5)
    length, at = _length(der, at + 1)
    end = at + length
    while at < end:
        tag = der[at]
        size, at = _length(der, at + 1)
        value = der[at : at + size]
        if tag == 0x82:  # noqa: PLR2004 - dNSName
            yield value.decode("ascii", "replace")
        elif tag == 0x87 and size == 4:  # noqa: PLR2004 - iPAddress
            yield ".".join(map(str, value))
        at += size


def _length(der: bytes, at: int) -> tuple[int, int]:
    """Return a DER length and where the content begins."""
    first = der[at]
    if first < 0x80:  # noqa: PLR2004
        return first, at + 1
    count = first & 0x7F
    return int.from_bytes(der[at + 1 : at + 1 + count]), at + 1 + count
