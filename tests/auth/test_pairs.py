"""Every pair of methods goes together or is refused; none silently wins."""

from __future__ import annotations

import itertools
import logging
import re

import attrs
import pytest
import requests

from promferry.core.auth import Auth
from promferry.core.authentication import Authentication, Chosen, choose
from promferry.core.environ import read
from promferry.core.errors import ConfigurationError, UnavailableError
from promferry.core.hooks import AuthMethod
from promferry.core.plugins import Plugins
from promferry.core.settings import PluginSettings
from tests.documents import TOP
from tests.servers.s3 import Moto

WORKSPACE = "aps-workspaces.eu-west-1.amazonaws.com"
VARIABLES: dict[str, dict[str, str]] = {
    "none": {},
    "token": {"PROMETHEUS_AUTH_TOKEN": "static"},
    "bearer": {"PROMETHEUS_BEARER_AUTH_TOKEN": "carried"},
    "basic": {"PROMETHEUS_USERNAME": "user", "PROMETHEUS_PASSWORD": "word"},
    "x-scope-orgid": {"PROMETHEUS_X_SCOPE_ORGID": "team-a"},
    "assume-role": {"ROLE_ARN": "arn:aws:iam::123456789012:role/promferry"},
    "sigv4": {"HOSTNAME": WORKSPACE},
}
HEADERS: dict[str, dict[str, str | bytes]] = {
    "none": {},
    "token": {"token": b"static", "content-type": "application/json"},
    "bearer": {"authorization": b"Bearer carried"},
    "basic": {"authorization": b"Basic dXNlcjp3b3Jk"},
    "x-scope-orgid": {"x-scope-orgid": b"team-a"},
    "assume-role": {},
}
METHODS = list(VARIABLES)
PAIRS = list(itertools.permutations(METHODS, 2))


@pytest.fixture(autouse=True)
def keys(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set keys and an STS for the SDK, which reads the process' own environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto.url)


def documented() -> dict[tuple[str, str], str]:
    """Return what docs/authentication.md says of each pair."""
    text = (TOP / "docs" / "authentication.md").read_text(encoding="utf-8")
    section = text.partition("## What goes together")[2].partition("\n## ")[0]
    rows = [
        [cell.strip(" `") for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    head = rows[0]
    return {
        (row[0], name): cell
        for row in rows[2:]
        for name, cell in zip(head[1:], row[1:], strict=True)
    }


TABLE = documented()


def opened(environ: dict[str, str], auth: str = "") -> Authentication:
    """Choose and open as a run does."""
    given = environ | ({"AUTH": auth} if auth else {})
    chosen = choose(Plugins(), read(PluginSettings, given), given)
    host = environ.get("HOSTNAME", "prometheus")
    return chosen.open(cluster="prod", url=f"https://{host}/workspaces/ws-1")


def sent(authentication: Authentication) -> dict[str, str | bytes]:
    """Return the headers that a request to Prometheus gets, names in lower case."""
    request = requests.Request("GET", f"https://{WORKSPACE}/api/v1/query", params={"query": "up"})
    prepared = request.prepare()
    if authentication.http is not None:
        prepared = authentication.http(prepared)
    return {name.lower(): value for name, value in prepared.headers.items()}


def check_together(one: str, other: str, found: Authentication) -> None:
    """Check that both are in what is sent, and nothing else is."""
    headers = sent(found)
    wanted = {**HEADERS.get(one, {}), **HEADERS.get(other, {})}
    if "sigv4" in (one, other):
        signature = str(headers.pop("authorization"))
        (names,) = re.findall(r"SignedHeaders=([^,]+),", signature)
        assert set(names.split(";")) == {"host", *headers}
        assert headers.pop("x-amz-date")
        key = "ASIA" if headers.pop("x-amz-security-token", "") else "AKIAEXAMPLE/"
        assert signature.startswith(f"AWS4-HMAC-SHA256 Credential={key}")
        assert (key == "ASIA") == ("assume-role" in (one, other)), "signed with the role's keys"
    assert headers == wanted
    assert (found.aws is not None) == ("assume-role" in (one, other))


def test_the_document_says_it_of_every_pair() -> None:
    assert {frozenset(pair) for pair in TABLE} == {frozenset(pair) for pair in PAIRS} | {
        frozenset({name}) for name in METHODS
    }


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_pair_named_in_auth_is_joined_or_refused_as_documented(one: str, other: str) -> None:
    """In both orders. What is refused names the variables of both."""
    environ = VARIABLES[one] | VARIABLES[other]
    if TABLE[one, other] == "together":
        check_together(one, other, opened(environ, f"{one},{other}"))
        return
    assert TABLE[one, other] == "refused"
    with pytest.raises(ConfigurationError) as caught:
        opened(environ, f"{one},{other}")
    (line,) = caught.value.problems
    for name in (one, other):
        assert name in line
        asked_by = ["AUTH"] if "none" in (one, other) else VARIABLES[name]
        assert any(variable in line for variable in asked_by)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_pair_found_by_its_variables_is_joined_or_refused_as_documented(
    one: str, other: str
) -> None:
    """`none` has no variables: it is never found, so the other one stands alone."""
    environ = VARIABLES[one] | VARIABLES[other]
    if "none" in (one, other) or TABLE[one, other] == "together":
        check_together(one, other, opened(environ))
        return
    with pytest.raises(ConfigurationError) as caught:
        opened(environ)
    (line,) = caught.value.problems
    for name in (one, other):
        assert name in line
        assert any(variable in line for variable in VARIABLES[name])


def test_three_that_clash_are_one_line_a_pair() -> None:
    environ = VARIABLES["bearer"] | VARIABLES["basic"] | VARIABLES["sigv4"]
    with pytest.raises(ConfigurationError) as caught:
        opened(environ)
    assert len(caught.value.problems) == 3


def test_all_that_go_together_go_together() -> None:
    names = ("token", "x-scope-orgid", "assume-role", "bearer")
    environ = {key: value for name in names for key, value in VARIABLES[name].items()}
    found = opened(environ)
    wanted: dict[str, str | bytes] = {}
    for name in names:
        wanted |= HEADERS[name]
    assert sent(found) == wanted
    assert found.aws is not None
    assert found.description == (
        "bearer token from PROMETHEUS_BEARER_AUTH_TOKEN, token from PROMETHEUS_AUTH_TOKEN,"
        " tenant team-a"
    )


def test_a_method_that_auth_leaves_out_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """A role that is set and not assumed would be found out by the bucket's owner."""
    with caplog.at_level(logging.WARNING):
        found = opened(VARIABLES["bearer"] | VARIABLES["assume-role"], "bearer")
    assert found.aws is None
    (record,) = caplog.records
    assert record.getMessage() == (
        "AUTH=bearer leaves out assume-role, whose variables are set (ROLE_ARN, ROLE_EXTERNAL_ID)"
    )


def test_none_sends_nothing_whatever_is_set(caplog: pytest.LogCaptureFixture) -> None:
    """And says of each method that it is left out."""
    environ = {key: value for each in VARIABLES.values() for key, value in each.items()}
    with caplog.at_level(logging.WARNING):
        found = opened(environ, "none")
    assert found.http is None
    assert found.aws is None
    assert found.description == "no credentials (AUTH=none)"
    assert len(caplog.records) == len(METHODS) - 1
    assert not any("carried" in record.getMessage() for record in caplog.records)


def test_a_name_that_no_plugin_brings_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"'kerberos'.*accepted: assume-role, basic"):
        opened({}, "kerberos")


@pytest.mark.parametrize(
    ("method", "missing"),
    [
        ("bearer", ["PROMETHEUS_BEARER_AUTH_TOKEN", "PROMETHEUS_BEARER_AUTH_TOKEN_FILE"]),
        ("token", ["PROMETHEUS_AUTH_TOKEN"]),
        ("basic", ["PROMETHEUS_USERNAME", "PROMETHEUS_PASSWORD"]),
        ("x-scope-orgid", ["PROMETHEUS_X_SCOPE_ORGID"]),
        ("assume-role", ["ROLE_ARN"]),
        ("sigv4", ["AWS_REGION"]),
    ],
)
def test_a_method_that_is_named_without_its_variables_says_which(
    method: str, missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ConfigurationError) as caught:
        opened({}, method)
    for name in missing:
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"PROMETHEUS_USERNAME": "user"}, "PROMETHEUS_PASSWORD"),
        ({"PROMETHEUS_PASSWORD": "word"}, "PROMETHEUS_USERNAME"),
        ({"ROLE_EXTERNAL_ID": "id"}, "ROLE_ARN"),
    ],
)
def test_half_of_a_method_is_not_silently_nothing(environ: dict[str, str], missing: str) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        opened(environ)


def test_a_user_name_with_a_colon_is_refused_without_being_shown() -> None:
    """The server would take what follows for the password."""
    environ = {"PROMETHEUS_USERNAME": "user:hunter2", "PROMETHEUS_PASSWORD": "word"}
    with pytest.raises(ConfigurationError, match=r"PROMETHEUS_USERNAME: .* colon") as caught:
        opened(environ)
    assert "hunter2" not in str(caught.value)


@attrs.frozen
class Nothing:
    """No settings."""


def made(name: str, header: str, value: str = "", *, fails: str = "") -> AuthMethod:
    """Make a method that sets a header which it does not claim, or fails."""

    def http(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if fails:
            raise OSError(fails)
        request.headers[header] = value or name
        return request

    return AuthMethod(
        name, name, Nothing, lambda *_: Auth(name, http=http),  # type: ignore[arg-type]
        (f"{name.upper()}_TOKEN",), (), lambda _: True,
    )  # fmt: skip


def test_methods_that_set_one_header_without_claiming_it_are_found_out_at_the_first_request() -> (
    None
):
    """Here two plugins of third parties; neither wins."""
    both = [(made("oidc", "Authorization"), Nothing()), (made("vault", "authorization"), Nothing())]
    chosen = Chosen(tuple(both), {"oidc": "auth method 'oidc'", "vault": "auth method 'vault'"})
    authentication = chosen.open(cluster="prod", url="http://localhost")
    with pytest.raises(
        ConfigurationError, match=r"oidc \(OIDC_TOKEN\) and vault \(VAULT_TOKEN\).*authorization"
    ):
        sent(authentication)


def test_a_method_that_fails_at_a_request_is_named() -> None:
    """Its connection errors must not pass for Prometheus' own."""
    method = made("oidc", "Authorization", fails="no token server")
    chosen = Chosen(((method, Nothing()),), {"oidc": "auth method 'oidc' of plugin x"})
    authentication = chosen.open(cluster="prod", url="http://localhost")
    with pytest.raises(
        UnavailableError, match=r"^auth method 'oidc' of plugin x failed: OSError: no token server"
    ):
        sent(authentication)
