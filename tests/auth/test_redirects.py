"""A secret goes to the origin that was configured and to no other; .netrc adds none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.auth.gateway import BEARER, PASSWORD, TOKEN, USER, Gateway
from tests.auth.test_prometheus_guarded import FEW, MOMENT, RIGHT, run
from tests.run.command import in_process, objects, settings
from tests.servers.nginx import Nginx
from tests.servers.prometheus import Prometheus
from tests.servers.relay import Relay

ALL = {**RIGHT["bearer"], **RIGHT["token"], **RIGHT["tenant"]}


@pytest.fixture
def elsewhere(cluster_prometheus: Prometheus) -> Iterator[Relay]:
    """Give another origin, which would answer, and which notes all that comes."""
    with Relay(cluster_prometheus.url) as relay:
        yield relay


def moved(folder: Path, target: str, status: int = 302) -> Nginx:
    """Make a server that sends everyone elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    return Nginx(folder, f"absolute_redirect off; location / {{ return {status} '{target}'; }}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_another_origin_is_refused_with_the_settings_it_would_take(
    elsewhere: Relay, tmp_path: Path, status: int
) -> None:
    """Whatever the kind of redirect; the other server is sent nothing at all."""
    target = f"{elsewhere.url}/monitoring/prom/api/v1/query_range?x=1"
    with moved(tmp_path / "nginx", target, status) as server:
        environ = settings(server.port, tmp_path / "out", **FEW, **ALL)
        said = run(environ=environ, folder=tmp_path / "out")
    assert said.status == 2
    (line,) = said.error_lines()
    assert "redirects to another origin" in line
    assert (
        f"set SCHEME=http HOSTNAME=127.0.0.1 PORT={elsewhere.port} PATH_PREFIX=/monitoring/prom"
        in line
    )
    assert elsewhere.seen == []


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("https://prometheus.example.com/api/v1/query_range",
         "SCHEME=https HOSTNAME=prometheus.example.com PORT=443 PATH_PREFIX=''"),
        ("https://user:word@other.example:8443/p/api/v1/query", "HOSTNAME=other.example PORT=8443"),
        ("https://sso.example.com/login?next=%2Fapi%2Fv1&token=abcdef", "a sign-in page"),
        ("//other.example/prom/api/v1/query_range",
         "SCHEME=http HOSTNAME=other.example PORT=80 PATH_PREFIX=/prom"),
        ("http://other.example:99999/", "no address"),
        ("http://[broken/", "no address"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_redirect(tmp_path: Path, target: str, told: str) -> None:
    """The settings to use, or that it is a sign-in page; nothing of the target's own secrets."""
    with moved(tmp_path / "nginx", target) as server:
        environ = settings(server.port, tmp_path / "out", **FEW, **ALL)
        said = run(environ=environ, folder=tmp_path / "out")
    assert said.status == 2
    (line,) = said.error_lines()
    assert told in line
    assert "word" not in line
    assert "abcdef" not in line


def test_from_http_to_https_of_the_same_host_is_another_origin(tmp_path: Path) -> None:
    """The commonest of all: an ingress that insists on TLS."""
    with moved(tmp_path / "nginx", "https://127.0.0.1/prom$request_uri") as server:
        environ = settings(server.port, tmp_path / "out", **FEW, **ALL)
        said = run(environ=environ, folder=tmp_path / "out")
    assert said.status == 2
    assert "set SCHEME=https HOSTNAME=127.0.0.1 PORT=443 PATH_PREFIX=/prom" in said.err


def test_within_the_same_origin_a_redirect_is_followed_with_the_credentials(
    cluster_prometheus: Prometheus, tmp_path: Path
) -> None:
    guard = f"if ($http_authorization != 'Bearer {BEARER}') {{ return 401; }}"
    server = Nginx(
        tmp_path / "nginx",
        f"location /new/ {{ {guard} proxy_pass {cluster_prometheus.url}/; }}"
        f" location / {{ {guard} return 301 $scheme://$http_host/new$request_uri; }}",
    )
    with server:
        environ = settings(server.port, tmp_path / "out", **FEW, **RIGHT["bearer"])
        said = run(environ=environ, folder=tmp_path / "out")
    assert said.status == 0, said.err
    assert objects(tmp_path / "out")


def test_a_circle_ends(tmp_path: Path) -> None:
    server = Nginx(tmp_path / "nginx", "location / { return 302 $request_uri; }")
    with server:
        environ = settings(server.port, tmp_path / "out", **FEW, **RIGHT["bearer"])
        said = run(environ=environ, folder=tmp_path / "out")
        asked = len(server.access_log.read_text("utf-8").splitlines())
    assert said.status == 2
    (line,) = said.error_lines()
    assert "redirects in a circle" in line
    assert asked == 4


@pytest.mark.parametrize("given", [{}, RIGHT["tenant"]], ids=["nothing", "tenant"])
def test_netrc_adds_nothing_that_nobody_asked_for(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    """The right user and password stand in it, and are not sent."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f'machine 127.0.0.1 login {USER} password "{PASSWORD}"\n', encoding="utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    environ = settings(gateway.port, tmp_path / "out", PATH_PREFIX="basic", **FEW, **given)
    said = run(environ=environ, folder=tmp_path / "out")
    assert said.status == 2
    assert "HTTP 401 to " + ("tenant team-a" if given else "no credentials") in said.err


def test_a_proxy_that_is_away_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the proxy is not one of the server."""
    monkeypatch.setenv("HTTP_PROXY", "http://user:proxy-word@127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("http_proxy", raising=False)
    environ = settings(9090, tmp_path, **FEW) | {"HOSTNAME": "prometheus.example"}
    said = in_process("run", moment=MOMENT, environ=environ)
    assert said.status == 1
    assert re.search(r"can't be reached through the proxy: .*; check HTTP_PROXY", said.err)
    assert "proxy-word" not in said.text
    assert TOKEN not in said.text
