"""Assuming a role: against an STS that enforces the external id, from every identity a pod has."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from promferry.core.clock import Clock
from promferry.core.errors import UnavailableError
from promferry.plugins.auth.assume_role import Role as AssumedRole
from promferry.plugins.auth.assume_role import RoleSettings, session_name
from tests.auth.aws import (
    Aws,
    PodIdentity,
    Timeline,
    be,
    make_web_role,
    may_assume,
    temporary,
    web_token,
    write,
)
from tests.run.command import Said, in_process, settings
from tests.servers.process import free_port
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import Ministack, Role, writer_policy

DAY = 1761868800  # 2025-10-31T00:00:00Z
MOMENT = DAY + 7200
PREFIX = "k8s/prometheus"
EXTERNAL_ID = "external-9c41f7"
SERVICE_ACCOUNT = "system:serviceaccount:monitoring:promferry"


@attrs.frozen
class Place:
    """A bucket, a role that may write there, and whoever may assume the role and no more."""

    bucket: str
    role: Role
    aws: Aws


@pytest.fixture
def place(ministack: Ministack) -> Iterator[Place]:
    bucket = ministack.make_bucket()
    role = ministack.make_role(bucket, PREFIX, EXTERNAL_ID)
    with Aws(ministack.url) as aws:
        yield Place(bucket, role, aws)


def job(place: Place, prometheus: Prometheus, **more: str) -> dict[str, str]:
    """Return the settings of a job that writes into the bucket."""
    few = {"METRICS": "node_info", "BACKFILL_DAYS": "0", "TIME_FRAME": "86400"}
    bucket = {"S3_BUCKET": place.bucket, "S3_PREFIX": PREFIX, "LOG_LEVEL": "DEBUG"}
    more = {**few, **bucket, "ROLE_ARN": place.role.arn, **more}
    return settings(prometheus.port, None, **more)


def exported(server: Ministack, place: Place) -> dict[str, bytes]:
    return {
        key: gzip.decompress(body)
        for key, body in server.objects(place.bucket).items()
        if key.endswith(".gz")
    }


def ferry(environ: Mapping[str, str], *secrets: str, clock: Clock | None = None) -> Said:
    """Run; whatever it says has none of the secrets."""
    said = in_process("run", moment=MOMENT, environ=environ, clock=clock)
    for secret in (EXTERNAL_ID, *secrets):
        assert secret not in said.text
    assert "Traceback" not in said.err
    return said


@pytest.mark.parametrize("kind", ["value", "file"])
def test_with_the_right_external_id_the_export_has_the_roles_rights_alone(
    *, ministack: Ministack, cluster_prometheus: Prometheus, place: Place,
    sdk: pytest.MonkeyPatch, tmp_path: Path, kind: str,
) -> None:  # fmt: skip
    """The caller may do nothing but assume; every request to S3 is signed with the session."""
    caller = place.role.caller
    be(sdk, caller, place.aws.url)
    given = {"ROLE_EXTERNAL_ID": EXTERNAL_ID}
    if kind == "file":
        given = {"ROLE_EXTERNAL_ID_FILE": write(tmp_path / "id", EXTERNAL_ID + "\n")}
    said = ferry(job(place, cluster_prometheus, **given), caller.secret_key)
    assert said.status == 0, said.err
    assert exported(ministack, place)
    (token,) = place.aws.tokens
    assert set(place.aws.used) == {token}
    assert token not in said.text
    (asked,) = place.aws.assumed
    assert asked["RoleSessionName"] == "promferry-prod", "an auditor finds the cluster"
    assert asked["ExternalId"] == EXTERNAL_ID


def test_the_caller_itself_may_not_write(
    ministack: Ministack, cluster_prometheus: Prometheus, place: Place, sdk: pytest.MonkeyPatch
) -> None:
    """So what is written in these tests is written by the role."""
    be(sdk, place.role.caller, place.aws.url)
    said = ferry(job(place, cluster_prometheus, ROLE_ARN=""))
    assert said.status == 2
    assert "AccessDenied" in said.err
    assert exported(ministack, place) == {}


@pytest.mark.parametrize("given", ["wrong-7d2e", ""], ids=["wrong", "missing"])
def test_without_the_right_external_id_nothing_is_exported(
    ministack: Ministack, cluster_prometheus: Prometheus, place: Place, sdk: pytest.MonkeyPatch,
    given: str,
) -> None:  # fmt: skip
    """One line says what was tried, with or without an external id, and what STS said."""
    be(sdk, place.role.caller, place.aws.url)
    said = ferry(job(place, cluster_prometheus, ROLE_EXTERNAL_ID=given), "wrong-7d2e")
    assert said.status == 2
    (line,) = said.error_lines()
    with_or_without = "with" if given else "without"
    assert f"sts:AssumeRole on {place.role.arn} ({with_or_without} ROLE_EXTERNAL_ID)" in line
    assert "is refused (AccessDenied: " in line
    assert "check ROLE_ARN, ROLE_EXTERNAL_ID and the role's trust policy" in line
    assert len(place.aws.assumed) == 1, "what is refused is not asked for again"
    assert place.aws.used == []
    assert exported(ministack, place) == {}


@pytest.mark.parametrize("command", ["status", "prune"])
def test_commands_that_read_the_sink_assume_the_role_too(
    cluster_prometheus: Prometheus, place: Place, sdk: pytest.MonkeyPatch, command: str
) -> None:
    be(sdk, place.role.caller, place.aws.url)
    environ = job(place, cluster_prometheus, ROLE_EXTERNAL_ID=EXTERNAL_ID)
    assert ferry(environ).status == 0
    said = in_process(command, moment=MOMENT, environ=environ)
    assert said.status == 0, said.err
    assert EXTERNAL_ID not in said.text
    assert "" not in place.aws.used
    said = in_process(command, moment=MOMENT, environ={**environ, "ROLE_EXTERNAL_ID": "other-id"})
    assert said.status == 2
    assert len(said.error_lines()) == 1


@pytest.fixture(params=["web identity", "pod identity", "node role"])
def identity(
    ministack: Ministack, place: Place, sdk: pytest.MonkeyPatch, tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[str]:  # fmt: skip
    """Let the SDK find an identity as a pod on EKS has it."""
    sdk.setenv("AWS_ENDPOINT_URL", place.aws.url)
    sdk.setenv("AWS_REGION", "us-east-1")
    if request.param == "web identity":
        token = write(tmp_path / "web-token", web_token(SERVICE_ACCOUNT))
        sdk.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", token)
        arn = make_web_role(ministack, SERVICE_ACCOUNT, may_assume(place.role.arn))
        sdk.setenv("AWS_ROLE_ARN", arn)
        yield request.param
        return
    with PodIdentity(temporary(ministack, place.role.caller), "agent-token-5b") as agent:
        if request.param == "pod identity":
            sdk.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{agent.url}/v1/credentials")
            token = write(tmp_path / "agent-token", "agent-token-5b")
            sdk.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token)
        else:
            sdk.setenv("AWS_EC2_METADATA_DISABLED", "false")
            sdk.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", agent.url)
        yield request.param
        assert agent.seen


def test_the_role_is_assumed_from_whatever_the_sdk_finds(
    ministack: Ministack, cluster_prometheus: Prometheus, place: Place, identity: str
) -> None:
    """A service account's token, the agent of Pod Identity, the node's metadata service."""
    said = ferry(job(place, cluster_prometheus, ROLE_EXTERNAL_ID=EXTERNAL_ID), "agent-token-5b")
    assert said.status == 0, said.err
    assert exported(ministack, place)
    actions = [asked["Action"] for asked in place.aws.assumed]
    assert actions.count("AssumeRole") == 1
    assert ("AssumeRoleWithWebIdentity" in actions) == (identity == "web identity")


@pytest.mark.parametrize("who", [SERVICE_ACCOUNT, "system:serviceaccount:default:default"])
def test_a_web_identity_alone_writes_with_its_own_role(
    *, ministack: Ministack, cluster_prometheus: Prometheus, place: Place,
    sdk: pytest.MonkeyPatch, tmp_path: Path, who: str,
) -> None:  # fmt: skip
    """IRSA without a second role: the right service account exports, another one is refused."""
    sdk.setenv("AWS_ENDPOINT_URL", place.aws.url)
    token = web_token(who)
    sdk.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", write(tmp_path / "web-token", token))
    sdk.setenv(
        "AWS_ROLE_ARN",
        make_web_role(ministack, SERVICE_ACCOUNT, writer_policy(place.bucket, PREFIX)),
    )
    said = ferry(job(place, cluster_prometheus, ROLE_ARN=""), token)
    if who == SERVICE_ACCOUNT:
        assert said.status == 0, said.err
        assert exported(ministack, place)
        return
    assert said.status == 2
    (line,) = said.error_lines()
    assert "sts:AssumeRoleWithWebIdentity" in line
    assert exported(ministack, place) == {}


def test_an_identity_that_is_refused_is_not_told_as_the_role_being_refused(
    ministack: Ministack, cluster_prometheus: Prometheus, place: Place, sdk: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """Two roles, one after the other: the line says which of the two it is."""
    sdk.setenv("AWS_ENDPOINT_URL", place.aws.url)
    token = web_token("system:serviceaccount:default:default")
    sdk.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", write(tmp_path / "web-token", token))
    sdk.setenv(
        "AWS_ROLE_ARN", make_web_role(ministack, SERVICE_ACCOUNT, may_assume(place.role.arn))
    )
    said = ferry(job(place, cluster_prometheus, ROLE_EXTERNAL_ID=EXTERNAL_ID))
    assert said.status == 2
    (line,) = said.error_lines()
    assert "sts:AssumeRoleWithWebIdentity is refused (AccessDenied" in line
    assert "check AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE" in line


def test_no_identity_at_all_says_where_one_could_come_from(
    cluster_prometheus: Prometheus, place: Place, sdk: pytest.MonkeyPatch
) -> None:
    sdk.setenv("AWS_ENDPOINT_URL", place.aws.url)
    said = ferry(job(place, cluster_prometheus, ROLE_EXTERNAL_ID=EXTERNAL_ID))
    assert said.status == 2
    (line,) = said.error_lines()
    assert "there are no AWS credentials to assume it from" in line
    assert "give the pod a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in line


def test_an_sts_that_is_away_is_tried_later(
    cluster_prometheus: Prometheus, place: Place, sdk: pytest.MonkeyPatch
) -> None:
    """Status 1: the next run may find it."""
    be(sdk, place.role.caller, place.aws.url)
    sdk.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{free_port()}")
    said = ferry(job(place, cluster_prometheus, ROLE_EXTERNAL_ID=EXTERNAL_ID))
    assert said.status == 1
    (line,) = said.error_lines()
    assert "failed: Could not connect to the endpoint URL" in line


@pytest.mark.parametrize("lasts", [900, 3600])
def test_a_session_of_fifteen_minutes_carries_an_export_of_an_hour(
    ministack: Ministack, cluster_prometheus: Prometheus, sdk: pytest.MonkeyPatch, lasts: int
) -> None:
    """Renewed before each end, and not at each request. S3 refuses a session that is over."""
    bucket = ministack.make_bucket()
    role = ministack.make_role(bucket, PREFIX, EXTERNAL_ID)
    clock = Timeline(DAY + 86400)
    with Aws(ministack.url, clock, lasts) as aws:
        place = Place(bucket, role, aws)
        be(sdk, role.caller, aws.url)
        environ = job(
            place, cluster_prometheus, ROLE_EXTERNAL_ID=EXTERNAL_ID, METRICS="node_info,pod_info",
            BACKFILL_DAYS="1", TIME_FRAME="3600", QUERY_DELAY="90",
        )  # fmt: skip
        said = ferry(environ, clock=clock)
    assert said.status == 0, said.err
    took = clock.moment - clock.begin
    assert took > 3600
    assert len(exported(ministack, place)) == 48
    assert len(set(aws.used)) == len(aws.assumed), "every session was used, none refused"
    fewest, most = took / lasts, took / (lasts - 300) + 1
    assert fewest <= len(aws.assumed) <= most


def test_while_the_old_session_is_good_an_sts_that_fails_stops_nothing(
    ministack: Ministack, sdk: pytest.MonkeyPatch
) -> None:
    """Renewing begins five minutes before the end; in the last minute it has to succeed."""
    role = ministack.make_role(ministack.make_bucket(), PREFIX, "")
    clock = Timeline(DAY)
    with Aws(ministack.url, clock) as aws:
        be(sdk, role.caller, aws.url)
        sdk.setenv("AWS_MAX_ATTEMPTS", "1")
        assumed = AssumedRole(RoleSettings(role.arn, None, None), "prod", clock.now)
        session = assumed.session()
        credentials = session.get_credentials()
        first = credentials.get_frozen_credentials()
        clock.sleep(500)
        assert credentials.get_frozen_credentials() == first
        assert len(aws.assumed) == 1
        clock.sleep(200)
        aws.deafen()
        assert credentials.get_frozen_credentials() == first
        clock.sleep(150)
        with pytest.raises(UnavailableError, match="sts:AssumeRole on"):
            credentials.get_frozen_credentials()
        aws.listen()
        assert credentials.get_frozen_credentials() != first


@pytest.mark.parametrize(
    ("cluster", "name"),
    [
        ("prod", "promferry-prod"),
        ("eu-west-1.prod_2", "promferry-eu-west-1.prod_2"),
        ("c" * 80, "promferry-" + "c" * 54),
    ],
)
def test_the_sessions_name_is_the_clusters_as_far_as_aws_takes_it(cluster: str, name: str) -> None:
    """At most 64 characters."""
    assert session_name(cluster) == name


@pytest.mark.parametrize(
    "arn", ["promferry", "arn:aws:iam::123:role/x", "arn:aws:iam::123456789012:user/x"]
)
def test_what_is_no_role_is_refused_with_what_is_accepted(
    cluster_prometheus: Prometheus, place: Place, arn: str
) -> None:
    said = in_process("run", moment=MOMENT, environ=job(place, cluster_prometheus, ROLE_ARN=arn))
    assert said.status == 2
    (line,) = said.error_lines()
    assert f"ROLE_ARN={arn!r} is wrong; accepted: arn:aws:iam::<account>:role/<name>" in line
