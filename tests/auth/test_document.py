"""docs/authentication.md: its variables exist, and its errors are said as it shows them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from promferry.core.plugins import Plugins
from promferry.core.reference import tables
from tests.auth.aws import be, write
from tests.auth.certificates import Authority
from tests.auth.conftest import DAY
from tests.auth.gateway import Gateway
from tests.documents import TOP, block
from tests.run.command import in_process, settings
from tests.servers.nginx import Nginx
from tests.servers.s3 import Ministack

DOCUMENT = "docs/authentication.md"
TEXT = (TOP / DOCUMENT).read_text(encoding="utf-8")
OTHERS = {  # of requests, the AWS SDK and EKS
    "AWS_ROLE_ARN", "AWS_REGION", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE",
}  # fmt: skip


def said(environ: dict[str, str], port: int = 9090, host: str = "127.0.0.1") -> str:
    """Return the error of a run, as if the server were the document's."""
    done = in_process("run", moment=DAY + 7200, environ=environ)
    assert done.status == 2, done.err
    (line,) = done.error_lines()
    return line.replace(f"{host}:{port}", "prometheus:9090").replace(repr(host), "'prometheus'")


def shown(name: str) -> str:
    return block(DOCUMENT, "file", name).strip()


def test_the_variables_of_the_document_exist() -> None:
    known = set(re.findall(r"^\| `(\w+)` \|", tables(), re.MULTILINE)) | OTHERS
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", TEXT)) - {"CLUSTER_NAME"}
    assert named
    assert named <= known


def test_every_method_has_a_row() -> None:
    table = TEXT.partition("## What goes together")[0]
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", table, re.MULTILINE)) == set(
        Plugins().auth_methods()
    )


def test_a_refusal(gateway: Gateway, tmp_path: Path) -> None:
    environ = settings(
        gateway.port, tmp_path / "out", PATH_PREFIX="bearer-tenant",
        PROMETHEUS_BEARER_AUTH_TOKEN_FILE=write(tmp_path / "token", "old"),
        PROMETHEUS_X_SCOPE_ORGID="team-a",
    )  # fmt: skip
    assert said(environ, gateway.port) == shown("refused")


def test_a_clash(tmp_path: Path) -> None:
    environ = settings(
        9090, tmp_path, PROMETHEUS_USERNAME="user", PROMETHEUS_PASSWORD="word",
        PROMETHEUS_BEARER_AUTH_TOKEN="token",
    )  # fmt: skip
    assert said(environ) == shown("clash")


def test_a_control_character(tmp_path: Path) -> None:
    file = write(tmp_path / "token", "to\nken\n")
    environ = settings(9090, tmp_path / "out", PROMETHEUS_BEARER_AUTH_TOKEN_FILE=file)
    assert said(environ) == shown("control")


def test_a_redirect(tmp_path: Path) -> None:
    target = "https://prometheus.example.com/prom/api/v1/query_range"
    with Nginx(tmp_path / "nginx", f"location / {{ return 301 {target}; }}") as server:
        environ = settings(server.port, tmp_path / "out", PROMETHEUS_AUTH_TOKEN="token")
        assert said(environ, server.port) == shown("redirect")


def test_a_certificate(authority: Authority, tmp_path: Path) -> None:
    pair = authority.issue("document", ["prometheus.monitoring.svc", "10.1.2.3"])
    with Nginx(tmp_path / "nginx", "location / { return 204; }", tls=pair) as server:
        environ = settings(
            server.port, tmp_path / "out", SCHEME="https", PROMETHEUS_CA_FILE=str(authority.file)
        )
        assert said(environ, server.port) == shown("certificate")


def test_a_role(ministack: Ministack, sdk: pytest.MonkeyPatch) -> None:
    role = ministack.make_role(ministack.make_bucket(), external_id="right")
    be(sdk, role.caller, ministack.url)
    environ = settings(
        9090, None, S3_BUCKET="bucket", S3_PREFIX="k8s/prometheus", ROLE_ARN=role.arn,
        ROLE_EXTERNAL_ID="wrong",
    )  # fmt: skip
    line = re.sub(r"user/user-\w+", "user/node", said(environ))
    assert re.sub(r"role/role-\w+", "role/promferry", line) == shown("role")
