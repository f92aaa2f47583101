"""Requests signed for Amazon Managed Prometheus, before a server that checks each signature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import requests

from promferry.core.authentication import choose
from promferry.core.environ import read
from promferry.core.errors import ConfigurationError, UnavailableError
from promferry.core.plugins import Plugins
from promferry.core.settings import PluginSettings
from promferry.plugins.auth.sigv4 import SigV4
from tests.auth.aws import Aws, Timeline, be, make_web_role, may_assume, web_token, write
from tests.auth.signatures import Workspace
from tests.auth.test_assume_role import DAY, EXTERNAL_ID, SERVICE_ACCOUNT
from tests.run.command import Said, in_process, objects, settings
from tests.servers.process import free_port
from tests.servers.prometheus import Prometheus
from tests.servers.relay import header
from tests.servers.s3 import Credentials, Ministack

REGION = "eu-west-1"
KEYS = Credentials("AKIAPROMFERRYTEST0", "s3cr3t/of+the=node")
TEMPORARY = Credentials("ASIAPROMFERRYTEST0", "s3cr3t/of+a=session", "tok3n/with+signs==and more")
MOMENT = DAY + 7200
FEW = {"METRICS": "node_info", "BACKFILL_DAYS": "0", "TIME_FRAME": "86400", "LOG_LEVEL": "DEBUG"}
HARD = '{node=~"(a|b) c+d&e=f/%2B.*|.*ü~*,;:@$!\'()?#.*|.+"}'
DEFINITION = "name: hard\ndescription: d\nunit: u\nquery: >-\n  "
SHORT = f"kube_node_info{HARD}"
LONG = " or ".join([SHORT] * 80)


@pytest.fixture
def keys(request: pytest.FixtureRequest) -> Credentials:
    """Give the keys that the job signs with; a test may say which."""
    found: Credentials = getattr(request, "param", KEYS)
    return found


@pytest.fixture
def workspace(
    cluster_prometheus: Prometheus, keys: Credentials, sdk: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """Give the server; the SDK of the job finds the right keys."""
    be(sdk, keys, "http://127.0.0.1:1")
    known = {keys.access_key: keys}.get
    with Workspace(cluster_prometheus.url, REGION, known) as server:
        yield server


def job(server: Workspace, folder: Path, **more: str) -> dict[str, str]:
    """Return the settings of a job that signs."""
    given = {**FEW, "AUTH": "sigv4", "AWS_REGION": REGION, "PATH_PREFIX": server.prefix, **more}
    return settings(server.port, folder / "out", **given)


def ferry(environ: Mapping[str, str], *, clock: Timeline | None = None) -> Said:
    """Run; whatever it says has none of the secrets."""
    said = in_process("run", moment=MOMENT, environ=environ, clock=clock)
    for keys in (KEYS, TEMPORARY):
        for secret in (keys.secret_key, keys.session_token):
            assert not secret or secret not in said.text
    assert "Traceback" not in said.err
    return said


def defined(folder: Path, query: str) -> dict[str, str]:
    """Return the settings for one metric of our own."""
    (folder / "more").mkdir()
    write(folder / "more" / "hard.yaml", f"{DEFINITION}{query}\n")
    return {"METRICS": "hard", "QUERIES_DIR": str(folder / "more")}


@pytest.mark.parametrize("keys", [KEYS, TEMPORARY], ids=["keys", "session"], indirect=True)
def test_signed_requests_export_the_same_as_an_open_server(
    workspace: Workspace, cluster_prometheus: Prometheus, tmp_path: Path, keys: Credentials
) -> None:
    """With the path of a workspace, and with keys of both kinds."""
    said = ferry(job(workspace, tmp_path))
    assert said.status == 0, said.err + str(workspace.asked.wrong)
    assert workspace.asked.wrong == []
    plain = settings(cluster_prometheus.port, tmp_path / "plain", **FEW)
    assert ferry(plain).status == 0
    assert objects(tmp_path / "out") == objects(tmp_path / "plain") != {}
    for request, by in workspace.asked.signed:
        assert by == keys
        assert request.method == "GET"


@pytest.mark.parametrize(("method", "query"), [("GET", SHORT), ("POST", LONG)], ids=["GET", "POST"])
@pytest.mark.parametrize("keys", [KEYS, TEMPORARY], ids=["keys", "session"], indirect=True)
def test_every_character_of_a_query_is_signed_as_it_is_read(
    *, workspace: Workspace, tmp_path: Path, method: str, query: str, keys: Credentials
) -> None:
    """In the address and, where the query is long, in a form in the body."""
    said = ferry(job(workspace, tmp_path, **defined(tmp_path, query)))
    assert said.status == 0, said.err + str(workspace.asked.wrong)
    assert workspace.asked.wrong == []
    ((request, _),) = workspace.asked.signed
    assert request.method == method
    if method == "GET":
        sent = dict(parse_qsl(request.target.partition("?")[2]))
    else:
        assert "?" not in request.target
        assert header(request.headers, "content-type") == "application/x-www-form-urlencoded"
        sent = dict(parse_qsl(request.body.decode()))
    assert sent["query"] == query
    assert all(objects(tmp_path / "out").values())


def test_what_other_methods_set_is_signed_too(workspace: Workspace, tmp_path: Path) -> None:
    """Tenant and token headers, whichever order the methods are named in."""
    for names in ("sigv4,x-scope-orgid,token", "token,x-scope-orgid,sigv4"):
        environ = job(
            workspace, tmp_path / names, AUTH=names, PROMETHEUS_X_SCOPE_ORGID="täm-a",
            PROMETHEUS_AUTH_TOKEN="static  token",
        )  # fmt: skip
        said = ferry(environ)
        assert said.status == 0, said.err + str(workspace.asked.wrong)
    assert workspace.asked.wrong == []
    for request, _ in workspace.asked.signed:
        signed = header(request.headers, "authorization")
        assert "SignedHeaders=content-type;host;token;x-amz-date;x-scope-orgid," in signed


@pytest.mark.parametrize(
    ("wrong", "said_by_server"),
    [
        ({"secret_key": "another"}, "request signature we calculated does not match"),
        ({"access_key": "AKIAUNKNOWN"}, "security token included in the request is invalid"),
    ],
    ids=["secret", "key"],
)
def test_wrong_keys_are_refused_in_one_line(
    workspace: Workspace, tmp_path: Path, sdk: pytest.MonkeyPatch, wrong: dict[str, str],
    said_by_server: str,
) -> None:  # fmt: skip
    """Status 2 after one request, with what the server said."""
    given = Credentials(**{"access_key": KEYS.access_key, "secret_key": KEYS.secret_key, **wrong})
    be(sdk, given, "http://127.0.0.1:1")
    said = ferry(job(workspace, tmp_path))
    assert said.status == 2
    (line,) = said.error_lines()
    assert f"{workspace.prefix} answers HTTP 403 to AWS signature for {REGION}: " in line
    assert said_by_server in line
    assert len(workspace.seen) == 1


@pytest.mark.parametrize("keys", [TEMPORARY], ids=["session"], indirect=True)
def test_a_server_that_repeats_what_it_calculated_leaks_no_session(
    workspace: Workspace, tmp_path: Path, sdk: pytest.MonkeyPatch, keys: Credentials
) -> None:
    """Amazon's answer to a wrong signature holds the session token."""
    sdk.setenv("AWS_SECRET_ACCESS_KEY", "another")
    said = ferry(job(workspace, tmp_path))
    assert said.status == 2
    assert TEMPORARY.session_token in workspace.asked.wrong[0]


def test_another_region_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    said = ferry(job(workspace, tmp_path, AWS_REGION="us-west-2"))
    assert said.status == 2
    assert "AWS signature for us-west-2: " in said.err
    assert "valid region" in said.err


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("aps-workspaces.eu-central-1.amazonaws.com", "eu-central-1"),
        ("aps-workspaces-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("aps-workspaces.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("aps-workspaces.us-east-1.api.aws", "us-east-1"),
        ("vpce-0a1b-2c3d.aps-workspaces.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
    ],
)
def test_a_workspaces_host_is_enough(host: str, region: str, sdk: pytest.MonkeyPatch) -> None:
    """The method is found by it, and the region is the host's, whatever AWS_REGION says."""
    environ = {"HOSTNAME": host, "AWS_REGION": "ap-south-1"}
    chosen = choose(Plugins(), read(PluginSettings, environ), environ)
    assert chosen.open(cluster="c", url=f"https://{host}:443/x").description == (
        f"AWS signature for {region}"
    )


@pytest.mark.parametrize(
    "host", ["aps-workspaces.eu-west-1.amazonaws.com.evil.example", "prometheus", "amazonaws.com"]
)
def test_no_other_host_is_signed_for_unasked(host: str) -> None:
    environ = {"HOSTNAME": host}
    assert choose(Plugins(), read(PluginSettings, environ), environ).methods == ()


def test_the_sdks_own_region_counts_where_nothing_else_says_one(sdk: pytest.MonkeyPatch) -> None:
    environ = {"AUTH": "sigv4"}
    chosen = choose(Plugins(), read(PluginSettings, environ), environ)
    with pytest.raises(ConfigurationError, match="set AWS_REGION"):
        chosen.open(cluster="c", url="http://localhost")
    sdk.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    found = chosen.open(cluster="c", url="http://localhost")
    assert found.description == "AWS signature for sa-east-1"


def test_without_credentials_nothing_is_sent(
    workspace: Workspace, tmp_path: Path, sdk: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        sdk.delenv(name)
    said = ferry(job(workspace, tmp_path))
    assert said.status == 2
    (line,) = said.error_lines()
    assert "AWS signature: there are no AWS credentials to sign with; give the pod a role" in line
    assert workspace.seen == []


def test_an_identity_that_is_refused_is_one_line(
    ministack: Ministack, workspace: Workspace, tmp_path: Path, sdk: pytest.MonkeyPatch
) -> None:
    """A service account that the role does not trust."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        sdk.delenv(name)
    sdk.setenv("AWS_ENDPOINT_URL_STS", ministack.url)
    token = write(tmp_path / "token", web_token("system:serviceaccount:default:default"))
    sdk.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
    sdk.setenv("AWS_ROLE_ARN", make_web_role(ministack, SERVICE_ACCOUNT, may_assume("*")))
    said = ferry(job(workspace, tmp_path))
    assert said.status == 2
    (line,) = said.error_lines()
    assert "AWS signature: " in line
    assert "AssumeRoleWithWebIdentity" in line


def test_an_agent_that_is_away_may_be_there_later(sdk: pytest.MonkeyPatch) -> None:
    """It is no mistake of the settings: status 1."""
    sdk.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{free_port()}/v1")
    signed = SigV4(REGION, None)
    request = requests.Request("GET", "http://localhost/api/v1/query").prepare()
    with pytest.raises(UnavailableError, match="AWS signature: the credentials can't be had: "):
        signed(request)


def test_an_assumed_role_signs_for_hours(
    ministack: Ministack, cluster_prometheus: Prometheus, tmp_path: Path, sdk: pytest.MonkeyPatch
) -> None:
    """Sessions of fifteen minutes, each used for ten; the server takes none that is over."""
    role = ministack.make_role(ministack.make_bucket(), external_id=EXTERNAL_ID)
    clock = Timeline(DAY + 86400)
    with Aws(ministack.url, clock) as aws:
        be(sdk, role.caller, aws.url)

        def known(access_key: str) -> Credentials | None:
            keys = aws.issued.get(access_key)
            good = keys is not None and clock.now() < aws.tokens[keys.session_token]
            return keys if good else None

        with Workspace(cluster_prometheus.url, REGION, known) as server:
            environ = job(
                server, tmp_path, BACKFILL_DAYS="1", TIME_FRAME="3600", QUERY_DELAY="180",
                ROLE_ARN=role.arn, ROLE_EXTERNAL_ID=EXTERNAL_ID, AUTH="sigv4,assume-role",
            )  # fmt: skip
            said = ferry(environ, clock=clock)
    assert said.status == 0, said.err + str(server.asked.wrong)
    assert server.asked.wrong == []
    assert clock.moment - clock.begin > 3600
    assert len(server.asked.signed) == 24
    assert {keys.session_token for _, keys in server.asked.signed} == set(aws.tokens)
    assert 4 < len(aws.assumed) < 9
