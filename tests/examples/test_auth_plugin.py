"""The package in `examples/auth-plugin`, installed as its README says and put to work."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.auth.gateway import BEARER, Gateway
from tests.documents import TOP
from tests.examples.environment import Environment
from tests.servers.prometheus import Prometheus
from tests.servers.relay import Answer, Relay, Request, header, send

SECRET = "client-s3cret-51ab"


class TokenServer(Relay):
    """Gives the token that the gateway wants to the client that has the secret."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1")

    def handle(self, connection: socket.socket, request: Request) -> bool:
        """Answer one request for a token."""
        # base64 of "ferry:client-s3cret-51ab"
        right = header(request.headers, "authorization") == "Basic ZmVycnk6Y2xpZW50LXMzY3JldC01MWFi"
        said = {"access_token": BEARER, "expires_in": 60} if right else {"error": "invalid_client"}
        status = 200 if right else 401
        send(connection, Answer(status, "OK", [], json.dumps(said).encode()), request)
        return True


@pytest.fixture(scope="module")
def oauth2(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment.make(tmp_path_factory.mktemp("auth-plugin") / "venv")
    environment.install("auth-plugin")
    return environment


@pytest.fixture
def gateway(cluster_prometheus: Prometheus, tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(tmp_path / "gateway", cluster_prometheus.url) as server:
        yield server


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with TokenServer() as server:
        yield server


@pytest.fixture
def environ(gateway: Gateway, tokens: TokenServer, tmp_path: Path) -> dict[str, str]:
    """Give the settings of a job whose Prometheus wants a token of the token server."""
    return {
        "HOSTNAME": "127.0.0.1", "PORT": str(gateway.port), "PATH_PREFIX": "bearer-tenant",
        "CLUSTER_NAME": "prod", "METRICS": "node_info", "RETENTION_DAYS": "0",
        "BACKFILL_DAYS": "0", "QUERY_DELAY": "0", "LOG_LEVEL": "DEBUG",
        "SINK": "local", "LOCAL_DIR": str(tmp_path / "out"),
        "OAUTH2_TOKEN_URL": f"{tokens.url}/token", "OAUTH2_CLIENT_ID": "ferry",
        "OAUTH2_CLIENT_SECRET": SECRET, "PROMETHEUS_X_SCOPE_ORGID": "team-a",
    }  # fmt: skip


WISH = ("run", "--from", "2025-10-31", "--to", "2025-10-31T03:00")


def test_auth_plugin_passes_its_own_tests(oauth2: Environment) -> None:
    """In its own environment."""
    tests = TOP / "examples" / "auth-plugin" / "tests"
    told = oauth2.read("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir",
                       str(oauth2.folder), str(tests))  # fmt: skip
    passed = re.search(r"^(\d+) passed", told, re.MULTILINE)
    assert passed
    assert int(passed[1]) > 12, told


def test_auth_plugin_lets_a_run_in(
    oauth2: Environment, environ: dict[str, str], tokens: TokenServer, tmp_path: Path
) -> None:
    """Found by its variables, together with a built-in method; no secret is said."""
    rows = json.loads(oauth2.promferry("plugins", "--json").stdout)["plugins"]
    (row,) = (row for row in rows if row["name"] == "oauth2")
    assert row["distribution"] == "promferry-oauth2"
    assert not row["cause"]
    done = oauth2.promferry(*WISH, environ=environ)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").rglob("*.gz"))) == 3
    assert len(tokens.seen) == 1, "one token is enough for a short run"
    for secret in (SECRET, BEARER):
        assert secret not in done.stdout + done.stderr


def test_auth_plugin_with_a_wrong_secret_ends_in_one_line(
    oauth2: Environment, environ: dict[str, str], gateway: Gateway
) -> None:
    """Nothing is asked of Prometheus."""
    done = oauth2.promferry(*WISH, environ=environ | {"OAUTH2_CLIENT_SECRET": "wrong-s3cret"})
    assert done.returncode == 2
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("promferry: "))
    assert "/token gives no token: HTTP 401 (invalid_client); check OAUTH2_TOKEN_URL" in line
    assert "wrong-s3cret" not in done.stderr
    assert gateway.asked("bearer-tenant") == 0


def test_auth_plugin_is_named_where_prometheus_refuses_it(
    oauth2: Environment, environ: dict[str, str]
) -> None:
    done = oauth2.promferry(*WISH, environ=environ | {"PROMETHEUS_X_SCOPE_ORGID": "team-b"})
    assert done.returncode == 2
    assert (
        "HTTP 403 to token for ferry from OAUTH2_TOKEN_URL (with OAUTH2_CLIENT_SECRET), tenant"
        " team-b: wrong x_scope_orgid" in done.stderr
    )


def test_auth_plugin_and_a_built_in_method_for_the_same_header_are_refused(
    oauth2: Environment, environ: dict[str, str], tokens: TokenServer
) -> None:
    """With the variables of both; nothing is sent."""
    done = oauth2.promferry(*WISH, environ=environ | {"PROMETHEUS_BEARER_AUTH_TOKEN": "x"})
    assert done.returncode == 2
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("promferry: "))
    assert "PROMETHEUS_BEARER_AUTH_TOKEN" in line
    assert "OAUTH2_CLIENT_SECRET" in line
    assert "both set authorization" in line
    assert tokens.seen == []


def test_auth_plugin_declares_its_variables(oauth2: Environment) -> None:
    """`promferry settings` lists them beside our own."""
    told = oauth2.promferry("settings").stdout
    for name in ("OAUTH2_TOKEN_URL", "OAUTH2_CLIENT_SECRET_FILE", "OAUTH2_SCOPE"):
        assert f"| `{name}` |" in told
