"""Servers that demand credentials: the right ones export, wrong ones fail at once, none leaks."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest

from promferry.core.main import COMMANDS
from tests.auth.certificates import Authority
from tests.auth.conftest import DAY
from tests.auth.gateway import BASIC, BEARER, PASSWORD, TENANT, TOKEN, USER, Gateway
from tests.run.command import Said, in_process, objects, settings
from tests.servers.prometheus import Prometheus

FEW = {"METRICS": "cpu_requests,node_info", "BACKFILL_DAYS": "0", "TIME_FRAME": "86400"}
MOMENT = DAY + 7200
SECRETS = (BEARER, TOKEN, PASSWORD, BASIC)
RIGHT = {
    "bearer": {"PROMETHEUS_BEARER_AUTH_TOKEN": BEARER},
    "token": {"PROMETHEUS_AUTH_TOKEN": TOKEN},
    "basic": {"PROMETHEUS_USERNAME": USER, "PROMETHEUS_PASSWORD": PASSWORD},
    "tenant": {"PROMETHEUS_X_SCOPE_ORGID": TENANT},
}
WRONG = {
    "bearer": {"PROMETHEUS_BEARER_AUTH_TOKEN": "wrong-" + BEARER},
    "token": {"PROMETHEUS_AUTH_TOKEN": "wrong-" + TOKEN},
    "basic": {"PROMETHEUS_USERNAME": USER, "PROMETHEUS_PASSWORD": "wrong-" + PASSWORD},
    "tenant": {"PROMETHEUS_X_SCOPE_ORGID": "team-b"},
}
TRIED = {
    "bearer": "bearer token from PROMETHEUS_BEARER_AUTH_TOKEN",
    "token": "token from PROMETHEUS_AUTH_TOKEN",
    "basic": "user name and password from PROMETHEUS_USERNAME and PROMETHEUS_PASSWORD",
    "tenant": "tenant team-b",
}
GUARDS = (
    "bearer", "token", "basic", "tenant", "bearer-tenant", "token-tenant", "basic-tenant",
    "token-bearer",
)  # fmt: skip


def credentials(guard: str, of: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the variables for what a guard wants."""
    return {name: value for part in guard.split("-") for name, value in of[part].items()}


def in_files(variables: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the same secrets as files, with the new line that a Kubernetes secret often has."""
    found = {}
    for name, value in variables.items():
        file = folder / name.lower()
        file.write_text(value + "\n", encoding="utf-8")
        found[f"{name}_FILE"] = str(file)
    return found


def run(*arguments: str, environ: Mapping[str, str], folder: Path) -> Said:
    """Run a command at LOG_LEVEL=DEBUG; whatever it says or stores holds no secret."""
    said = in_process(
        *(arguments or ("run",)), moment=MOMENT, environ={**environ, "LOG_LEVEL": "DEBUG"}
    )
    stored = b"".join(
        gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    )
    for secret in SECRETS:
        assert secret not in said.text
        assert secret.encode() not in stored
    return said


def behind(
    gateway: Gateway, guard: str, folder: Path, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the settings of a job behind a guard of the gateway."""
    return settings(gateway.port, folder, PATH_PREFIX=guard, **FEW, **(more or {}))


@pytest.fixture(scope="module")
def exported(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Give what the gateway's Prometheus exports where nobody asks for credentials."""
    folder = tmp_path_factory.mktemp("open")
    assert run(environ=behind(gateway, "open", folder), folder=folder).status == 0
    found = objects(folder)
    assert found
    assert all(found.values())
    return found


@pytest.mark.parametrize("kind", ["values", "files"])
@pytest.mark.parametrize("guard", GUARDS)
def test_right_credentials_export_the_same_as_an_open_server(
    gateway: Gateway, exported: dict[str, bytes], tmp_path: Path, guard: str, kind: str
) -> None:
    """Each method alone and those that go together, from variables and from files."""
    given = credentials(guard, RIGHT)
    if kind == "files":
        given = in_files(given, tmp_path)
    folder = tmp_path / "out"
    said = run(environ=behind(gateway, guard, folder, given), folder=folder)
    assert said.status == 0, said.text
    assert objects(folder) == exported


@pytest.mark.parametrize("guard", GUARDS)
def test_wrong_credentials_fail_in_one_line_at_the_first_request(
    gateway: Gateway, tmp_path: Path, guard: str
) -> None:
    """It says what was tried, from which variables, and what the server said; status 2."""
    asked = gateway.asked(guard)
    given = credentials(guard, WRONG)
    said = run(environ=behind(gateway, guard, tmp_path, given), folder=tmp_path)
    assert said.status == 2
    (line,) = said.error_lines()
    assert line.startswith(f"promferry: {gateway.url}/{guard} answers HTTP 40")
    for part in guard.split("-"):
        assert TRIED[part] in line
    assert "wrong" in line
    assert ("it asks for Basic" in line) == ("basic" in guard)
    assert "Traceback" not in said.err
    assert objects(tmp_path) == {}
    assert gateway.asked(guard) == asked + 1, "401 and 403 must not be repeated"


def test_one_wrong_credential_of_two_fails(gateway: Gateway, tmp_path: Path) -> None:
    """The message names both: which one the server dislikes is not ours to guess."""
    given = RIGHT["bearer"] | WRONG["tenant"]
    environ = behind(gateway, "bearer-tenant", tmp_path, given)
    said = run(environ=environ, folder=tmp_path)
    assert said.status == 2
    (line,) = said.error_lines()
    assert "HTTP 403 to bearer token from PROMETHEUS_BEARER_AUTH_TOKEN, tenant team-b" in line
    assert "wrong x_scope_orgid" in line


@pytest.mark.parametrize("guard", GUARDS)
def test_no_credentials_are_told_as_such(gateway: Gateway, tmp_path: Path, guard: str) -> None:
    said = run(environ=behind(gateway, guard, tmp_path), folder=tmp_path)
    assert said.status == 2
    (line,) = said.error_lines()
    assert "to no credentials" in line
    assert "set the variables of the auth method" in line


def test_a_page_of_html_becomes_a_line(gateway: Gateway, tmp_path: Path) -> None:
    said = run(environ=behind(gateway, "nobody", tmp_path, RIGHT["bearer"]), folder=tmp_path)
    assert said.status == 2
    (line,) = said.error_lines()
    assert "PROMETHEUS_BEARER_AUTH_TOKEN: No entry for you;" in line


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 500])
@pytest.mark.parametrize("method", ["bearer", "token", "basic"])
def test_a_server_that_repeats_the_credentials_leaks_nothing(
    gateway: Gateway, tmp_path: Path, status: int, method: str
) -> None:
    """Whatever the status: neither in the log nor in the state is the secret (see `run`)."""
    environ = behind(gateway, f"echo-{status}", tmp_path, RIGHT[method]) | {"METRICS": "node_info"}
    said = run(environ=environ, folder=tmp_path)
    assert said.status in (1, 2)
    assert "you sent" in said.err
    if status != 200:
        assert "***" in said.err


def guarded_settings(guarded: Prometheus, authority: Authority, folder: Path) -> dict[str, str]:
    """Return the settings for the Prometheus with TLS, Basic authentication and a sub-path."""
    return settings(
        guarded.port, folder, SCHEME="https", HOSTNAME="localhost", PATH_PREFIX=guarded.prefix,
        PROMETHEUS_CA_FILE=str(authority.file), **FEW | {"METRICS": "cpu_requests"},
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["values", "files"])
def test_tls_with_basic_and_a_sub_path_exports(
    guarded: Prometheus, authority: Authority, tmp_path: Path, kind: str
) -> None:
    given = RIGHT["basic"] if kind == "values" else in_files(RIGHT["basic"], tmp_path)
    folder = tmp_path / "out"
    environ = guarded_settings(guarded, authority, folder) | given
    said = run(environ=environ, folder=folder)
    assert said.status == 0, said.text
    (body,) = objects(folder).values()
    assert b'"0.25"' in body


@pytest.mark.parametrize(
    "given",
    [WRONG["basic"], {**RIGHT["basic"], "PROMETHEUS_USERNAME": "finance"}, RIGHT["bearer"], {}],
    ids=["password", "user", "another-method", "nothing"],
)
def test_tls_with_basic_and_a_sub_path_refuses(
    guarded: Prometheus, authority: Authority, tmp_path: Path, given: dict[str, str]
) -> None:
    """Prometheus' own words are in the line."""
    environ = guarded_settings(guarded, authority, tmp_path) | given
    said = run(environ=environ, folder=tmp_path)
    assert said.status == 2
    (line,) = said.error_lines()
    assert "answers HTTP 401 to " in line
    assert "it asks for Basic: Unauthorized" in line
    for name in given:
        assert name in line


def test_a_wrong_sub_path_says_which_settings_are_at_fault(
    guarded: Prometheus, authority: Authority, tmp_path: Path
) -> None:
    environ = guarded_settings(guarded, authority, tmp_path) | RIGHT["basic"]
    said = run(environ=environ | {"PATH_PREFIX": "/elsewhere"}, folder=tmp_path)
    assert said.status == 2
    (line,) = said.error_lines()
    assert "set PATH_PREFIX, HOSTNAME and PORT" in line


ARGUMENTS: dict[str, list[tuple[str, ...]]] = {
    "policy": [("policy", "writer", "--bucket", "my-bucket", "--prefix", "k8s/prometheus")],
    "metrics": [("metrics",), ("metrics", "show", "cpu_requests")],
    "run": [("run",), ("run", "--dry-run"), ("run", "--from", "2025-10-31")],
    "status": [("status",), ("status", "--json")],
    "check": [("check",), ("check", "--json")],
    "plugins": [("plugins",), ("plugins", "--json")],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("given", [RIGHT, WRONG], ids=["right", "wrong"])
def test_no_command_says_a_secret(
    guarded: Prometheus, authority: Authority, tmp_path: Path, command: str,
    given: Mapping[str, Mapping[str, str]],
) -> None:  # fmt: skip
    """Every command, with every secret set, at LOG_LEVEL=DEBUG: output, log and what is stored."""
    environ = guarded_settings(guarded, authority, tmp_path)
    environ |= credentials("basic-token-tenant", given)
    environ["ROLE_ARN"] = "arn:aws:iam::123456789012:role/promferry"
    environ["ROLE_EXTERNAL_ID"] = BEARER
    for arguments in ARGUMENTS.get(command, [(command,)]):
        said = run(*arguments, environ=environ, folder=tmp_path)
        assert said.text
        assert "Traceback" not in said.err
