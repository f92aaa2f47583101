"""The method against a token server of its own."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote_plus

import pytest
import requests
from promferry_oauth2 import promferry_auth_methods

from promferry.core.auth import Auth
from promferry.core.environ import read
from promferry.core.errors import ConfigurationError, UnavailableError
from promferry.core.hooks import AuthContext

CLIENT, SECRET = "ferry", "s3cr3t:with/all%kinds+of&signs"


class TokenServer(ThreadingHTTPServer):
    """Gives numbered tokens to who has the secret."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.secret = SECRET
        self.status = 200
        self.lasts: object = 600
        self.forms: list[dict[str, list[str]]] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}/token"


class Handler(BaseHTTPRequestHandler):
    """Answers one request for a token."""

    server: TokenServer

    def do_POST(self) -> None:
        """Give a token, or say why not."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.forms.append(parse_qs(body))
        pair = base64.b64decode(self.headers["Authorization"].partition(" ")[2]).decode()
        client, _, secret = pair.partition(":")
        said: dict[str, object]
        status = self.server.status
        if (unquote_plus(client), unquote_plus(secret)) != (CLIENT, self.server.secret):
            status = 401
            said = {"error": "invalid_client", "error_description": f"not {unquote_plus(secret)}"}
        elif status == HTTPStatus.OK:
            said = {"access_token": f"token-{len(self.server.forms)}"}
            if self.server.lasts is not None:
                said["expires_in"] = self.server.lasts
        else:
            said = {"error": "oops"}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[TokenServer]:
    """Give a running token server."""
    with TokenServer() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.moment = 1_000_000.0

    def now(self) -> float:
        """Return the moment."""
        return self.moment


def opened(server: TokenServer, time: Time | None = None, **more: str) -> Auth:
    """Open the method as promferry does."""
    (method,) = promferry_auth_methods()
    environ = {"OAUTH2_TOKEN_URL": server.url, "OAUTH2_CLIENT_ID": CLIENT, **more}
    if "OAUTH2_CLIENT_SECRET_FILE" not in environ:
        environ.setdefault("OAUTH2_CLIENT_SECRET", SECRET)
    assert method.detect(environ)
    context = AuthContext("prod", "http://localhost:9090", (time or Time()).now)
    return method.open(read(method.settings, environ), context)


def sent(auth: Auth) -> str:
    """Return the header that a request gets."""
    assert auth.http is not None
    request = auth.http(requests.Request("GET", "http://localhost:9090/api/v1/query").prepare())
    return request.headers["Authorization"]


def test_a_token_is_fetched_once_and_again_before_it_ends(server: TokenServer) -> None:
    """By the clock that promferry passes in."""
    time = Time()
    auth = opened(server, time)
    assert server.forms == [], "nothing is asked for before it is needed"
    assert [sent(auth), sent(auth)] == ["Bearer token-1"] * 2
    time.moment += 539
    assert sent(auth) == "Bearer token-1"
    time.moment += 2
    assert sent(auth) == "Bearer token-2"


@pytest.mark.parametrize("lasts", [None, "soon"])
def test_a_token_without_an_end_is_used_for_a_while(server: TokenServer, lasts: object) -> None:
    """Five minutes, less a tenth."""
    server.lasts = lasts
    time = Time()
    auth = opened(server, time)
    sent(auth)
    time.moment += 280
    assert sent(auth) == "Bearer token-2"


def test_the_scope_is_asked_for(server: TokenServer) -> None:
    """Where one is set."""
    sent(opened(server, OAUTH2_SCOPE="read metrics"))
    assert server.forms == [{"grant_type": ["client_credentials"], "scope": ["read metrics"]}]


def test_a_rotated_secret_is_picked_up(server: TokenServer, tmp_path: Path) -> None:
    """From its file, with the next token."""
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n", encoding="utf-8")
    time = Time()
    auth = opened(server, time, OAUTH2_CLIENT_SECRET_FILE=str(file))
    sent(auth)
    server.secret = "another"
    file.write_text("another\n", encoding="utf-8")
    time.moment += 600
    assert sent(auth) == "Bearer token-2"


def test_a_wrong_secret_is_one_line_without_it(server: TokenServer) -> None:
    """Even where the server repeats it."""
    auth = opened(server, OAUTH2_CLIENT_SECRET="hunter2")
    with pytest.raises(ConfigurationError, match=r"HTTP 401 \(invalid_client not \*\*\*\)") as told:
        sent(auth)
    assert "hunter2" not in str(told.value)
    assert "OAUTH2_CLIENT_SECRET" in str(told.value)
    assert "hunter2" not in auth.description


@pytest.mark.parametrize(
    ("status", "error"),
    [(503, UnavailableError), (429, UnavailableError), (400, ConfigurationError),
     (302, ConfigurationError)],
)  # fmt: skip
def test_an_answer_without_a_token_is_told_by_what_cures_it(
    server: TokenServer, status: int, error: type[Exception]
) -> None:
    """A later run, or somebody who changes something."""
    server.status = status
    with pytest.raises(error, match=f"gives no token: HTTP {status}"):
        sent(opened(server))


def test_a_server_that_is_away_is_tried_later(server: TokenServer) -> None:
    """Status 1 of the run."""
    auth = opened(server, OAUTH2_TOKEN_URL="http://127.0.0.1:1/token")
    with pytest.raises(UnavailableError, match="gives no token: ConnectionError"):
        sent(auth)


@pytest.mark.parametrize("url", ["login", "ftp://x/y", "https://", "https://a:b@c/token"])
def test_an_address_that_is_none_is_refused_with_what_is_accepted(
    server: TokenServer, url: str
) -> None:
    """Before anything is sent, together with all other problems of the settings."""
    with pytest.raises(ConfigurationError, match=r"OAUTH2_TOKEN_URL.*accepted: an address such as"):
        opened(server, OAUTH2_TOKEN_URL=url)
